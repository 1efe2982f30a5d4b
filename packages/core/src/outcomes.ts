import { type Duration, durationMs, waitMs } from "./duration.ts";

/**
 * An error whose message may leave the server: watchers see it as the job's `error`.
 *
 * Every other error reads `The job failed (…short id)` in a browser, and is whole for operators.
 */
export class PublicError extends Error {
  override readonly name: string = "PublicError";
}

/**
 * Thrown by a handler to end its job as `dead_letter` at once, whatever runs are left.
 *
 * Its message is for operators; pass `{ cause: new PublicError(…) }` to tell the watcher why.
 */
export type Dead = Error;

/** Thrown by a handler to put its job back to `pending`, due after `delay`, without using up an attempt. */
export type Snooze = Error & { readonly delayMs: number };

/**
 * Thrown by a handler that a service turned away: drains the bucket of `scope` for `retryAfter`, for every process, and puts
 * the job back to `pending`, due then, without using up an attempt. A number is milliseconds.
 *
 * `ctx.rateLimit.acquire` throws one too, for a job that has to wait for long; that one drains nothing.
 */
export type RateLimited = Error & { readonly scope: string; readonly retryAfterMs: number };

/** Makes an error of one class, called as a function or with `new`. */
export interface ErrorFactory<Args extends unknown[], Made extends Error> {
  new (...args: Args): Made;
  (...args: Args): Made;
  readonly prototype: Made;
}

/** Makes a `Dead`: `throw Dead(message)`. */
export const Dead: ErrorFactory<[message?: string, options?: ErrorOptions], Dead> = callable(
  "Dead",
  class extends Error {
    override readonly name: string = "Dead";
  },
);

/** Makes a `Snooze`: `throw Snooze("10m")`. */
export const Snooze: ErrorFactory<[delay: Duration], Snooze> = callable(
  "Snooze",
  class extends Error {
    override readonly name: string = "Snooze";
    readonly delayMs: number;

    constructor(delay: Duration) {
      super(`Snoozed for ${delay}`);
      this.delayMs = durationMs(delay, "Snooze's delay");
    }
  },
);

/** Makes a `RateLimited`: `throw RateLimited("slack", "30s")`. */
export const RateLimited: ErrorFactory<[scope: string, retryAfter: Duration | number], RateLimited> = callable(
  "RateLimited",
  class extends Error {
    override readonly name: string = "RateLimited";
    readonly scope: string;
    readonly retryAfterMs: number;

    constructor(scope: string, retryAfter: Duration | number) {
      super(`The rate limit ${scope} is reached`);
      this.scope = scope;
      this.retryAfterMs = waitMs(retryAfter, "RateLimited's retryAfter");
    }
  },
);

/** Names a class, and lets it be called without `new`. */
function callable<Args extends unknown[], Made extends Error>(
  name: string,
  made: new (...args: Args) => Made,
): ErrorFactory<Args, Made> {
  Object.defineProperty(made, "name", { value: name });
  return new Proxy(made, { apply: (target, _this, args: Args) => new target(...args) }) as ErrorFactory<Args, Made>;
}

/** Why a handler's `signal` aborted. */
export type AbortCode = "CANCELLED" | "TIMEOUT" | "SHUTDOWN" | "SCALED_DOWN" | "LEASE_LOST";

/**
 * The `reason` of an aborted `signal`.
 *
 * `CANCELLED`: somebody cancelled the job. `TIMEOUT`: its time is up. `SHUTDOWN`: the process stops. `SCALED_DOWN`: its
 * queue was given fewer slots here. `LEASE_LOST`: another worker may own the job by now. A handler has 5 s from then on; what it says later no longer counts.
 */
export class JobAborted extends Error {
  override readonly name: string = "JobAborted";
  readonly code: AbortCode;

  constructor(code: AbortCode, message: string) {
    super(message);
    this.code = code;
  }
}
