import { checkName } from "./define.ts";
import { ForgeError, shown } from "./errors.ts";
import { refuseUnknownOptions } from "./options.ts";
import type { QueueChange } from "./store.ts";

/** How long jobs of a queue wait before they are retried, where neither definition nor dispatch says it. */
export interface QueueBackoffOptions {
  /** `false`: retries begin at once. */
  enabled?: boolean | null;
  /** The wait before the second run, in seconds; later ones grow by the job's own curve. */
  baseSeconds?: number | null;
  /** The longest wait, in seconds. */
  maxSeconds?: number | null;
}

/** What can be set of a queue at run time. What is left out stays as it is; null takes it back. */
export interface QueueOptions {
  /** Handlers at once in each process, in place of what its `worker.queues` says: 1 to 10,000. */
  concurrency?: number | null;
  /**
   * Handlers at once in all processes together: 1 to 10,000. Jobs that were claimed before a first limit was set, or above
   * a lowered one, end by themselves.
   */
  globalConcurrency?: number | null;
  backoff?: QueueBackoffOptions | null;
}

const MOST_SLOTS = 10_000;
const LONGEST_BACKOFF_SECONDS = 30 * 24 * 3_600;

/** Checks a number of handlers at once. Throws `BAD_REQUEST`. */
export function checkSlots(what: string, slots: unknown): number {
  if (typeof slots === "number" && Number.isInteger(slots) && slots >= 1 && slots <= MOST_SLOTS) return slots;
  throw new ForgeError("BAD_REQUEST", `${what} must be a whole number from 1 to 10,000; got ${shown(slots)}.`);
}

/** Checks what is to be set of a queue. Throws `BAD_REQUEST`. */
export function queueChange(what: string, options: QueueOptions): QueueChange {
  refuseUnknownOptions(what, options, ["concurrency", "globalConcurrency", "backoff", "by"]);
  const { concurrency, globalConcurrency, backoff } = options;
  return {
    ...(concurrency !== undefined && {
      concurrency: concurrency === null ? null : checkSlots("concurrency", concurrency),
    }),
    ...(globalConcurrency !== undefined && {
      globalConcurrency: globalConcurrency === null ? null : checkSlots("globalConcurrency", globalConcurrency),
    }),
    ...(backoff !== undefined && backoffChange(backoff ?? { enabled: null, baseSeconds: null, maxSeconds: null })),
  };
}

function backoffChange(backoff: QueueBackoffOptions): QueueChange {
  refuseUnknownOptions("backoff", backoff, ["enabled", "baseSeconds", "maxSeconds"]);
  const { enabled, baseSeconds, maxSeconds } = backoff;
  if (enabled !== undefined && enabled !== null && typeof enabled !== "boolean") {
    throw new ForgeError("BAD_REQUEST", `backoff.enabled must be true, false or null; got ${shown(enabled)}.`);
  }
  checkSeconds("backoff.baseSeconds", baseSeconds);
  checkSeconds("backoff.maxSeconds", maxSeconds);
  if (typeof baseSeconds === "number" && typeof maxSeconds === "number" && maxSeconds < baseSeconds) {
    throw new ForgeError("BAD_REQUEST", `backoff.maxSeconds must not be below baseSeconds; got ${maxSeconds}.`);
  }
  return {
    ...(enabled !== undefined && { backoffEnabled: enabled }),
    ...(baseSeconds !== undefined && { backoffBaseSeconds: baseSeconds }),
    ...(maxSeconds !== undefined && { backoffMaxSeconds: maxSeconds }),
  };
}

function checkSeconds(what: string, seconds: unknown): void {
  if (seconds === undefined || seconds === null) return;
  if (typeof seconds === "number" && seconds >= 0 && seconds <= LONGEST_BACKOFF_SECONDS) return;
  throw new ForgeError("BAD_REQUEST", `${what} must be from 0 to 2,592,000 (30 days); got ${shown(seconds)}.`);
}

const ENTRY = /^([^:]*):([^:]*)$/;
const WHOLE = /^[0-9]{1,5}$/;

/**
 * Reads how many handlers of each queue run at once from `FORGE_QUEUES`, such as `default:10,media:2`, for
 * `worker: { queues: queuesFromEnv() }`.
 *
 * Undefined where the variable is absent or empty, so that the default applies. Throws `BAD_REQUEST` naming the entry, by
 * its place, that is no `queue:number`, or names a queue twice.
 */
export function queuesFromEnv(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, number> | undefined {
  const text = env["FORGE_QUEUES"]?.trim() ?? "";
  if (text === "") return undefined;
  const queues = new Map<string, number>();
  for (const [at, entry] of text.split(",").entries()) {
    const what = `Entry ${at + 1} of FORGE_QUEUES`;
    const [, name = "", slots = ""] = ENTRY.exec(entry)?.map((part) => part.trim()) ?? [];
    if (name === "" || !WHOLE.test(slots)) {
      throw new ForgeError(
        "BAD_REQUEST",
        `${what} must be a queue and how many of its jobs run at once, such as "media:2"; got ${shown(entry)}.`,
      );
    }
    checkName(`The queue in entry ${at + 1} of FORGE_QUEUES`, name);
    if (queues.has(name)) throw new ForgeError("BAD_REQUEST", `${what} names the queue ${name} again.`);
    queues.set(name, checkSlots(`The number in entry ${at + 1} of FORGE_QUEUES`, Number(slots)));
  }
  return Object.fromEntries(queues);
}
