import { type ActOptions, actor } from "./act-options.ts";
import { ForgeError, shown } from "./errors.ts";
import { untilHeeded } from "./heeded.ts";
import { refuseUnknownOptions } from "./options.ts";
import type { QueueSettings, RunningCount, Store, WorkerRecord } from "./store.ts";

/** A worker process, for people and programs on the server. */
export interface WorkerInfo {
  id: string;
  /** `{prefix}-worker-{version}-{id}`, without the parts that the worker was not given. */
  label: string;
  host: string;
  pid: number;
  /** How many handlers of each queue may run here at once. Empty for a worker of a release before this one. */
  queues: Record<string, number>;
  /** The names of the jobs that it can run. */
  types: string[];
  /** How long ago it renewed its lease, in milliseconds; null for a worker of a release before this one. */
  leaseAgeMs: number | null;
  /** How long its lease lasts if it does not renew; negative once it is over. */
  leaseLeftMs: number;
  /** Handlers that run here. */
  running: number;
  /** Whether it takes nothing new. With `running` at 0 it is drained, and stays listed until its process stops. */
  draining: boolean;
  /** Who told it so, as the caller named them. */
  drainingBy: string | null;
}

/** What can be done with workers, from any process. */
export interface Workers {
  /** Reads the workers that live, and those whose end nobody has noticed yet; the oldest first. */
  list(): Promise<WorkerInfo[]>;
  /**
   * Tells a worker to take nothing new for as long as it lives. What it runs it finishes; what it holds in advance goes
   * back, uncounted. It stays registered until its process stops.
   *
   * Resolves once the worker heeds it, or its lease is over. `by` is kept as `drainingBy`, of the first who said it. Throws `NOT_FOUND` for an id that no live worker has.
   */
  drain(id: string, options?: ActOptions): Promise<void>;
}

/** The verbs over workers; `onOrders` tells the worker of this process, so that it need not wait for a hint. */
export function createWorkers(store: Store, onOrders: () => Promise<void>): Workers {
  return {
    list: async () => {
      const [workers, counts, settings] = await Promise.all([
        store.workers.list(),
        store.workers.running(),
        store.queues.settings(),
      ]);
      return workers.map((worker) => workerInfo(worker, counts, settings));
    },
    drain: async (id, options = {}) => {
      refuseUnknownOptions("workers.drain", options, ["by"]);
      const by = actor(options.by);
      const version = typeof id === "string" ? await store.workers.drain({ workerId: id, ...by }) : null;
      if (version === null) {
        throw new ForgeError("NOT_FOUND", `There is no worker ${shown(id)}; workers.list() tells which there are.`);
      }
      await onOrders();
      await untilHeeded(store, version, (worker) => worker.id === id);
    },
  };
}

function workerInfo(
  { id, label, host, pid, serves, leaseMs, leaseLeftMs, draining, drainingBy }: WorkerRecord,
  counts: readonly RunningCount[],
  settings: readonly QueueSettings[],
): WorkerInfo {
  const configured = new Map(settings.map(({ name, concurrency }) => [name, concurrency]));
  const queues = Object.entries(serves?.queues ?? {}).map(([name, slots]) => [name, configured.get(name) ?? slots]);
  const own = counts.filter(({ workerId }) => workerId === id);
  return {
    id,
    label: label ?? `worker-${id}`,
    host,
    pid,
    queues: Object.fromEntries(queues) as Record<string, number>,
    types: [...(serves?.types ?? [])],
    leaseAgeMs: leaseMs === null ? null : Math.max(0, leaseMs - leaseLeftMs),
    leaseLeftMs,
    running: own.reduce((sum, { running }) => sum + running, 0),
    draining,
    drainingBy,
  };
}
