import { type Duration, durationMs } from "./duration.ts";
import { shown } from "./errors.ts";
import type { Logger } from "./logger.ts";
import type { Backoff, RetryLayer, RetryOn } from "./retry-options.ts";

/** How a queue's jobs wait between runs where neither definition nor dispatch says it; null says nothing. */
export interface QueueBackoff {
  /** `false`: they do not wait at all. */
  readonly backoffEnabled: boolean | null;
  readonly backoffBaseSeconds: number | null;
  readonly backoffMaxSeconds: number | null;
}

/** All layers laid over each other. */
export interface RetryPolicy {
  readonly maxAttempts: number;
  /** `"none"`: retried at once. */
  readonly backoff: Backoff | "none";
  readonly baseDelayMs: number;
  readonly maxBackoffMs: number;
  /** Null: every error. */
  readonly on: readonly RetryOn[] | null;
}

/** What applies where nothing else is said. */
const DEFAULT_RETRY: RetryPolicy = {
  maxAttempts: 3,
  backoff: "exponential",
  baseDelayMs: 1_000,
  maxBackoffMs: 5 * 60_000,
  on: null,
};

/** Lays the defaults, the queue, the definition and the dispatch over each other, the last one on top. */
export function retryPolicy(queue: QueueBackoff | null, definition: RetryLayer, dispatch: RetryLayer): RetryPolicy {
  const own: RetryLayer = { ...definition, ...dispatch };
  // Whoever asks for a certain wait wants one, whatever the queue's default is.
  const asksForWait = own.backoff !== undefined || own.baseDelayMs !== undefined || own.maxBackoffMs !== undefined;
  return {
    ...DEFAULT_RETRY,
    ...(queue !== null && {
      ...(queue.backoffEnabled === false && !asksForWait && { backoff: "none" as const }),
      ...(queue.backoffBaseSeconds !== null && { baseDelayMs: queue.backoffBaseSeconds * 1_000 }),
      ...(queue.backoffMaxSeconds !== null && { maxBackoffMs: queue.backoffMaxSeconds * 1_000 }),
    }),
    ...own,
  };
}

/**
 * The wait after the `failures`-th failed run of a budget (1 = the first), in whole milliseconds.
 *
 * The jitter keeps jobs that failed together, say in an outage, from coming back together.
 */
export function retryDelayMs(
  policy: RetryPolicy,
  failures: number,
  error: unknown,
  { random, log }: { random: () => number; log: Logger },
): number {
  if (policy.backoff === "none") return 0;
  if (typeof policy.backoff === "function") {
    try {
      return answeredMs(policy.backoff(failures, error));
    } catch (cause) {
      log.warn("A job's retry.backoff did not answer a delay; the exponential one is taken", { cause });
    }
  }
  const factor =
    policy.backoff === "fixed" ? 1 : policy.backoff === "linear" ? failures : 2 ** Math.min(failures - 1, 60);
  const plain = Math.min(policy.baseDelayMs * factor, policy.maxBackoffMs);
  return Math.round(plain * (0.75 + 0.5 * random()));
}

function answeredMs(answer: unknown): number {
  // An async function would be a mistake; its rejection must not end the process as well.
  if (answer instanceof Promise) answer.catch(() => {});
  if (typeof answer === "string") return durationMs(answer as Duration, "The delay that retry.backoff answered");
  if (typeof answer !== "number" || !(answer >= 0)) {
    throw new TypeError(`retry.backoff must answer a duration or milliseconds; got ${shown(answer)}.`);
  }
  return durationMs(
    `${Math.min(Math.round(answer), Number.MAX_SAFE_INTEGER)}ms`,
    "The delay that retry.backoff answered",
  );
}
