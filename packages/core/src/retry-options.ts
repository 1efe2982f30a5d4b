import { type Duration, durationMs } from "./duration.ts";
import { ForgeError, shown } from "./errors.ts";
import { refuseUnknownOptions } from "./options.ts";

/**
 * How the wait grows from failure to failure: doubled, by one `baseDelay` more, or not at all.
 *
 * A function is asked after each failed run: `attempt` is 1 after the first one of a budget (a person's retry grants a new
 * one). It answers a duration such as `"30s"`, or milliseconds, which are taken as they are: neither cut to `maxBackoff`
 * nor jittered. One that throws or answers anything else is logged, and the wait is what `"exponential"` makes it.
 */
export type Backoff = "exponential" | "linear" | "fixed" | ((attempt: number, error: unknown) => Duration | number);

/** What `retry.on` names: a class, or text that is compared with an error's class, its `name` and its `code`. */
export type RetryOn = string | (abstract new (...args: never[]) => unknown);

/** How often a job runs before it fails, after which errors, and how long it waits between runs. */
export interface RetryOptions {
  /** Runs in all, the first one included, at least 1. Default 3. */
  maxAttempts?: number;
  /** How the wait grows. Default `"exponential"`. */
  backoff?: Backoff;
  /** The wait before the second run. ±25 % of jitter is applied last. Default `"1s"`. */
  baseDelay?: Duration;
  /** The longest wait, before jitter. Default `"5m"`. */
  maxBackoff?: Duration;
  /**
   * The errors after which another run makes sense; after any other the job fails at once. Text matches an error's class,
   * its `name`, and its `code` or that of its `cause`. A run out of time is `"TIMEOUT"`. Default: every error.
   */
  on?: readonly RetryOn[];
}

/** What one place says about retrying, checked, in milliseconds; what it leaves out is said by the place below it. */
export interface RetryLayer {
  readonly maxAttempts?: number;
  readonly backoff?: Backoff;
  readonly baseDelayMs?: number;
  readonly maxBackoffMs?: number;
  readonly on?: readonly RetryOn[];
}

const MOST_ATTEMPTS = 1_000_000;
const CURVES: readonly unknown[] = ["exponential", "linear", "fixed"];

/** Checks what a definition says, `whose` as in " of export_users"; `false` is one run. Throws `BAD_REQUEST`. */
export function retryLayer(options: RetryOptions | false, whose = ""): RetryLayer {
  if (options === false) return { maxAttempts: 1 };
  refuseUnknownOptions(`retry${whose}`, options, ["maxAttempts", "backoff", "baseDelay", "maxBackoff", "on"], "false");
  const { maxAttempts, backoff, baseDelay, maxBackoff, on } = options;
  return {
    ...(maxAttempts !== undefined && { maxAttempts: checkMaxAttempts(`retry.maxAttempts${whose}`, maxAttempts) }),
    ...(backoff !== undefined && { backoff: checkBackoff(backoff, whose) }),
    ...(baseDelay !== undefined && { baseDelayMs: durationMs(baseDelay, `retry.baseDelay${whose}`) }),
    ...(maxBackoff !== undefined && { maxBackoffMs: durationMs(maxBackoff, `retry.maxBackoff${whose}`) }),
    ...(on !== undefined && { on: checkOn(on, whose) }),
  };
}

/** The same for what is stored with a job as JSON, which holds neither functions nor classes. Throws `BAD_REQUEST`. */
export function storedRetryLayer(options: RetryOptions | false): RetryLayer {
  const layer = retryLayer(options);
  if (typeof layer.backoff === "function") {
    throw new ForgeError(
      "BAD_REQUEST",
      'A dispatch cannot pass a function as retry.backoff: its options are stored with the job. Pass "exponential", "linear" or "fixed", or put the function into the definition.',
    );
  }
  const notText = layer.on?.find((one) => typeof one !== "string");
  if (notText !== undefined) {
    throw new ForgeError(
      "BAD_REQUEST",
      `A dispatch cannot pass a class in retry.on: its options are stored with the job. Pass its name as text: ${shown((notText as { name?: unknown }).name)}.`,
    );
  }
  return layer;
}

/** Checks a number of runs. Throws `BAD_REQUEST`. */
export function checkMaxAttempts(what: string, maxAttempts: number): number {
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1 || maxAttempts > MOST_ATTEMPTS) {
    throw new ForgeError(
      "BAD_REQUEST",
      `${what} must be a whole number from 1 to 1,000,000; got ${shown(maxAttempts)}.`,
    );
  }
  return maxAttempts;
}

function checkBackoff(backoff: Backoff, whose: string): Backoff {
  if (typeof backoff !== "function" && !CURVES.includes(backoff)) {
    throw new ForgeError(
      "BAD_REQUEST",
      `retry.backoff${whose} must be "exponential", "linear", "fixed" or a function (attempt, error) => delay; got ${shown(backoff)}.`,
    );
  }
  return backoff;
}

function checkOn(on: readonly RetryOn[], whose: string): readonly RetryOn[] {
  const isName = (one: unknown): boolean => typeof one === "string" && one !== "";
  const isClass = (one: unknown): boolean => typeof one === "function" && typeof one.prototype === "object";
  if (!Array.isArray(on) || on.length === 0 || !on.every((one) => isName(one) || isClass(one))) {
    throw new ForgeError(
      "BAD_REQUEST",
      `retry.on${whose} must be a list of error classes, names and codes that holds at least one; got ${shown(on)}. Leave it out to retry every error, or pass retry: false for one run.`,
    );
  }
  return [...on];
}
