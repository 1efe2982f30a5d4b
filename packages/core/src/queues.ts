import { type ActOptions, actor } from "./act-options.ts";
import { checkName } from "./define.ts";
import { untilHeeded } from "./heeded.ts";
import { refuseUnknownOptions } from "./options.ts";
import { queueChange, type QueueOptions } from "./queue-options.ts";
import type { QueueChange, QueueSettings, RunningCount, Store, WaitingLane, WorkerRecord } from "./store.ts";
import { unservedLanes } from "./unserved.ts";

/** A queue, for people and programs on the server. */
export interface Queue {
  name: string;
  /** Since when nothing of it starts; null while it is open. */
  pausedAt: Date | null;
  /** Who paused it, as the caller named them. */
  pausedBy: string | null;
  /** What was configured: handlers at once in each process; null where each worker's own number applies. */
  concurrency: number | null;
  /** What was configured: handlers at once in all processes together; null where there is no limit. */
  globalConcurrency: number | null;
  /** What was configured; null where nothing was. */
  backoff: { enabled: boolean | null; baseSeconds: number | null; maxSeconds: number | null };
  /** The last change of what is configured, pauses included, and who it was; null where nothing is. */
  changedAt: Date | null;
  changedBy: string | null;
  /** Handlers that may run at once in all live workers that take new jobs. */
  slots: number;
  /** Handlers that run. */
  running: number;
  /** Jobs that are due and wait, counted to 10,000. */
  depth: number;
  /** Whether there are more than `depth`. */
  depthIsCapped: boolean;
  /** For how long the first of them has been due, in milliseconds; null if none is. */
  oldestDueMs: number | null;
  /** Types of due jobs that no live worker can run. */
  unserved: string[];
}

/**
 * What can be done with queues, from any process, at run time. `by` is kept as `changedBy`, and that of a pause as `pausedBy`,
 * where something is changed. Every verb throws `BAD_REQUEST` for a bad name or value.
 */
export interface Queues {
  /** Reads every queue that is configured, that a live worker serves, or that holds jobs which have not ended; by name. */
  list(): Promise<Queue[]>;
  /**
   * Sets what is not set yet. What somebody configured before stays, a setting that was taken back with null too, so that a
   * deploy may call it at every start.
   */
  ensure(name: string, options?: QueueOptions & ActOptions): Promise<void>;
  /**
   * Sets what is given, and leaves the rest; null takes a setting back. Workers follow at once where hints reach them, and
   * within a second elsewhere.
   *
   * With a lower concurrency running jobs may end by themselves for `worker.scaleDownGrace`; then the surplus, the last
   * started first, is told to stop by `SCALED_DOWN` and goes back, uncounted.
   */
  configure(name: string, options: QueueOptions & ActOptions): Promise<void>;
  /**
   * Keeps jobs of the queue from starting; running ones go on, and dispatches are taken.
   *
   * Resolves once every live worker of the queue heeds it: from then on nothing of it starts anywhere, until `resume`. That
   * takes milliseconds where hints reach the workers, and as long as its lease lasts for one that does not answer. Jobs
   * that a worker holds in advance go back, uncounted. A worker of a release before this one knows no pauses.
   */
  pause(name: string, options?: ActOptions): Promise<void>;
  /** Lets jobs of the queue start again. */
  resume(name: string, options?: ActOptions): Promise<void>;
}

const MOST_COUNTED = 10_000;

/** The verbs over queues; `onOrders` tells the worker of this process, so that it need not wait for a hint. */
export function createQueues(store: Store, onOrders: () => Promise<void>): Queues {
  const change = async (
    name: string,
    { by }: ActOptions,
    settings: QueueChange,
    { onlyAbsent }: { onlyAbsent: boolean } = { onlyAbsent: false },
  ): Promise<number> => {
    const queue = checkName("A queue's name", name);
    const version = await store.queues.change({ name: queue, change: settings, onlyAbsent, ...actor(by) });
    await onOrders();
    return version;
  };

  return {
    list: () => listQueues(store),
    ensure: async (name, options = {}) => {
      await change(name, options, queueChange("queues.ensure", options), { onlyAbsent: true });
    },
    configure: async (name, options) => {
      await change(name, options, queueChange("queues.configure", options));
    },
    pause: async (name, options = {}) => {
      refuseUnknownOptions("queues.pause", options, ["by"]);
      const version = await change(name, options, { paused: true });
      await untilHeeded(store, version, ({ serves }) => Object.hasOwn(serves?.queues ?? {}, name));
    },
    resume: async (name, options = {}) => {
      refuseUnknownOptions("queues.resume", options, ["by"]);
      await change(name, options, { paused: false });
    },
  };
}

async function listQueues(store: Store): Promise<Queue[]> {
  const [settings, lanes, workers, counts] = await Promise.all([
    store.queues.settings(),
    store.queues.lanes(),
    store.workers.list(),
    store.workers.running(),
  ]);
  const takers = workers.filter(({ leaseLeftMs, draining }) => leaseLeftMs > 0 && !draining);
  const names = new Set([
    ...settings.map(({ name }) => name),
    ...lanes.map(({ queue }) => queue),
    ...workers.flatMap(({ serves }) => Object.keys(serves?.queues ?? {})),
    ...counts.map(({ queue }) => queue),
  ]);
  const asked = [...names].toSorted().map((name) => {
    const types = lanes.filter(({ queue }) => queue === name).map(({ type }) => type);
    return { name, types };
  });
  const depths = await store.queues.depths({ queues: asked, limit: MOST_COUNTED + 1 });
  const unserved = unservedLanes(lanes, workers);
  return asked.map(({ name }, n) =>
    queueOf(name, {
      settings: settings.find((one) => one.name === name),
      takers,
      counts: counts.filter(({ queue }) => queue === name),
      lanes: lanes.filter(({ queue }) => queue === name),
      unserved: unserved.filter(({ queue }) => queue === name).map(({ type }) => type),
      counted: depths[n] ?? 0,
    }),
  );
}

interface QueueParts {
  readonly settings: QueueSettings | undefined;
  readonly takers: readonly WorkerRecord[];
  readonly counts: readonly RunningCount[];
  readonly lanes: readonly WaitingLane[];
  readonly unserved: string[];
  readonly counted: number;
}

function queueOf(name: string, { settings, takers, counts, lanes, unserved, counted }: QueueParts): Queue {
  const concurrency = settings?.concurrency ?? null;
  const pausedAt = settings?.pausedAt ?? null;
  const declared = takers.flatMap(({ serves }) => serves?.queues[name] ?? []);
  const oldestDueMs = Math.max(-1, ...lanes.map(({ dueForMs }) => dueForMs));
  return {
    name,
    pausedAt: pausedAt === null ? null : new Date(pausedAt),
    pausedBy: settings?.pausedBy ?? null,
    concurrency,
    globalConcurrency: settings?.globalConcurrency ?? null,
    backoff: {
      enabled: settings?.backoffEnabled ?? null,
      baseSeconds: settings?.backoffBaseSeconds ?? null,
      maxSeconds: settings?.backoffMaxSeconds ?? null,
    },
    changedAt: settings === undefined ? null : new Date(settings.changedAt),
    changedBy: settings?.changedBy ?? null,
    slots: declared.reduce((sum, slots) => sum + (concurrency ?? slots), 0),
    running: counts.reduce((sum, { running }) => sum + running, 0),
    depth: Math.min(counted, MOST_COUNTED),
    depthIsCapped: counted > MOST_COUNTED,
    oldestDueMs: oldestDueMs < 0 ? null : oldestDueMs,
    unserved,
  };
}
