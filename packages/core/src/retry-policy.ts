import { type Duration, durationMs } from "./duration.ts";
import { ForgeError, shown } from "./errors.ts";
import { refuseUnknownOptions } from "./options.ts";

/** How often a job runs before it fails, and how long it waits between runs. */
export interface RetryOptions {
  /** Runs in all, the first one included, at least 1. Default 3. */
  maxAttempts?: number;
  /** The wait before the second run; each later one doubles it. ±25 % of jitter is applied last. Default `"1s"`. */
  baseDelay?: Duration;
  /** The longest wait, before jitter. Default `"5m"`. */
  maxBackoff?: Duration;
}

/** `RetryOptions` with every default filled in, in milliseconds. */
export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxBackoffMs: number;
}

/** What applies where neither the definition nor the dispatch says otherwise. */
export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 3, baseDelayMs: 1_000, maxBackoffMs: 5 * 60_000 };

const LARGEST_ATTEMPTS = 1_000_000;

/** Checks `options` and lays them over `base`. Throws `BAD_REQUEST`. */
export function retryPolicy(options: RetryOptions, base: RetryPolicy): RetryPolicy {
  refuseUnknownOptions("retry", options, ["maxAttempts", "baseDelay", "maxBackoff"]);
  const maxAttempts = options.maxAttempts ?? base.maxAttempts;
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1 || maxAttempts > LARGEST_ATTEMPTS) {
    throw new ForgeError(
      "BAD_REQUEST",
      `retry.maxAttempts must be a whole number from 1 to ${LARGEST_ATTEMPTS}; got ${shown(maxAttempts)}.`,
    );
  }
  return {
    maxAttempts,
    baseDelayMs: options.baseDelay === undefined ? base.baseDelayMs : durationMs(options.baseDelay, "retry.baseDelay"),
    maxBackoffMs:
      options.maxBackoff === undefined ? base.maxBackoffMs : durationMs(options.maxBackoff, "retry.maxBackoff"),
  };
}

/**
 * The wait after the `failures`-th failed run of a budget (1 = the first), in whole milliseconds.
 *
 * The jitter keeps jobs that failed together, say in an outage, from coming back together.
 */
export function backoffMs(policy: RetryPolicy, failures: number, random: () => number): number {
  const plain = Math.min(policy.baseDelayMs * 2 ** Math.min(failures - 1, 60), policy.maxBackoffMs);
  return Math.round(plain * (0.75 + 0.5 * random()));
}
