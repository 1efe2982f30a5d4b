import { type Duration, durationMs } from "./duration.ts";

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
export class Dead extends Error {
  override readonly name: string = "Dead";
}

/** Thrown by a handler to put its job back to `pending`, due after `delay`, without using up an attempt. */
export class Snooze extends Error {
  override readonly name: string = "Snooze";
  readonly delayMs: number;

  constructor(delay: Duration) {
    super(`Snoozed for ${delay}`);
    this.delayMs = durationMs(delay, "Snooze's delay");
  }
}

/** Why a handler's `signal` aborted. */
export type AbortCode = "CANCELLED" | "TIMEOUT" | "SHUTDOWN" | "LEASE_LOST";

/**
 * The `reason` of an aborted `signal`.
 *
 * `CANCELLED`: somebody cancelled the job. `TIMEOUT`: its time is up. `SHUTDOWN`: the process stops. `LEASE_LOST`: another
 * worker may own the job by now. A handler has 5 s from then on; what it says later no longer counts.
 */
export class JobAborted extends Error {
  override readonly name: string = "JobAborted";
  readonly code: AbortCode;

  constructor(code: AbortCode, message: string) {
    super(message);
    this.code = code;
  }
}
