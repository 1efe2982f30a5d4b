import { checkCapabilities, checkName, type JobDefinition } from "./define.ts";
import { type Duration, durationMs } from "./duration.ts";
import type { Offers } from "./eligibility.ts";
import { ForgeError, shown } from "./errors.ts";
import { refuseUnknownOptions } from "./options.ts";
import { checkSlots } from "./queue-options.ts";
import { amountsOf, hostAmounts, type Resources } from "./resources.ts";

/** What this process works on. */
export interface WorkerOptions {
  /**
   * How many handlers of each queue run at once here, where nobody configured another number; `queuesFromEnv()` reads them
   * from the environment. Default `{ default: 10 }`, plus 10 for every queue a job names.
   */
  queues?: Record<string, number> | undefined;
  /**
   * How long this process may be silent before others take its jobs; renewed at a third. A longer lease tolerates longer
   * pauses, a shorter one resumes sooner after a crash on another host. Default `"30s"`.
   */
  lease?: Duration;
  /**
   * How long surplus handlers may go on after the concurrency of their queue was lowered; then their signals abort with
   * `SCALED_DOWN`, and their jobs go back, uncounted. Default `"30s"`.
   */
  scaleDownGrace?: Duration;
  /** What this process has, for jobs that `require` it, such as `["media"]`. Default: nothing. */
  capabilities?: readonly string[];
  /**
   * What the jobs that run here at the same time may use together, as their definitions' `resources` say. Default, for each
   * that is not named: all cores, and all memory of the machine or its container.
   */
  resources?: Resources;
  /**
   * The first part of this worker's name, `{prefix}-worker-{version}-{id}`, in logs and lists: at most 100 letters, digits
   * and `_ . : -`. Default: `FORGE_WORKER_PREFIX`, or none.
   */
  prefix?: string;
  /** The version in this worker's name, as `prefix`. Default: `FORGE_WORKER_VERSION`, or none. */
  version?: string;
}

/** `WorkerOptions`, checked, with every default filled in. */
export interface CheckedWorkerOptions {
  readonly queues: Readonly<Record<string, number>>;
  readonly leaseMs: number;
  readonly scaleDownGraceMs: number;
  readonly offers: Offers;
  readonly label: (workerId: string) => string;
}

const OPTION_NAMES: readonly (keyof WorkerOptions)[] = [
  "queues",
  "lease",
  "scaleDownGrace",
  "capabilities",
  "resources",
  "prefix",
  "version",
];
const SLOTS = 10;
const SHORTEST_LEASE_MS = 500;
const LONGEST_LEASE_MS = 24 * 60 * 60_000;
const LABEL_PART = /^[A-Za-z0-9_.:-]{1,100}$/;

/** Checks the options of a worker. Throws `BAD_REQUEST`. */
export function checkWorkerOptions(
  options: WorkerOptions,
  definitions: ReadonlyMap<string, JobDefinition>,
  env: Readonly<Record<string, string | undefined>>,
): CheckedWorkerOptions {
  refuseUnknownOptions("worker", options, OPTION_NAMES, "false");
  const named = ["default", ...[...definitions.values()].map((job) => job.queue)];
  const queues = options.queues ?? Object.fromEntries(named.map((queue) => [queue, SLOTS]));
  if (typeof queues !== "object" || Array.isArray(queues)) {
    throw new ForgeError(
      "BAD_REQUEST",
      `worker.queues must say how many jobs of each queue run at once, such as { default: 10 }; got ${shown(queues)}.`,
    );
  }
  for (const [queue, slots] of Object.entries(queues)) {
    checkName("A queue's name", queue);
    checkSlots(`worker.queues.${queue}`, slots);
  }
  return {
    queues,
    leaseMs: leaseMsOf(options.lease),
    scaleDownGraceMs: durationMs(options.scaleDownGrace ?? "30s", "worker.scaleDownGrace"),
    offers: offersOf(options),
    label: labelOf(
      labelPart("prefix", options.prefix, env["FORGE_WORKER_PREFIX"]),
      labelPart("version", options.version, env["FORGE_WORKER_VERSION"]),
    ),
  };
}

function offersOf({ capabilities = [], resources = {} }: WorkerOptions): Offers {
  const { cpu, memory } = amountsOf("worker.resources", resources);
  const host = hostAmounts();
  return {
    capabilities: new Set(checkCapabilities("worker.capabilities", capabilities)),
    resources: { cpu: cpu ?? host.cpu, memory: memory ?? host.memory },
  };
}

function leaseMsOf(lease: Duration = "30s"): number {
  const leaseMs = durationMs(lease, "worker.lease");
  if (leaseMs > LONGEST_LEASE_MS)
    throw new ForgeError("BAD_REQUEST", `worker.lease must be at most "24h"; got ${shown(lease)}.`);
  if (leaseMs < SHORTEST_LEASE_MS)
    throw new ForgeError("BAD_REQUEST", `worker.lease must be at least "500ms"; got ${shown(lease)}.`);
  return leaseMs;
}

function labelPart(name: "prefix" | "version", option: string | undefined, fromEnv: string | undefined): string | null {
  // A variable that is set to nothing is as good as none.
  const part = option ?? (fromEnv === "" ? undefined : fromEnv);
  if (part === undefined) return null;
  if (typeof part !== "string" || !LABEL_PART.test(part)) {
    const source = option === undefined ? `FORGE_WORKER_${name.toUpperCase()}` : `worker.${name}`;
    throw new ForgeError(
      "BAD_REQUEST",
      `${source} must hold 1 to 100 letters, digits and _ . : -; got ${shown(part)}.`,
    );
  }
  return part;
}

function labelOf(prefix: string | null, version: string | null): (workerId: string) => string {
  return (workerId) => [prefix, "worker", version, workerId].filter((part) => part !== null).join("-");
}
