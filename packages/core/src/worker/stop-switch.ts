import { longTimer } from "../long-timer.ts";
import { type AbortCode, JobAborted } from "../outcomes.ts";

/** How long a handler's word counts after its signal aborted. */
export const GRACE_MS: number = 5_000;

const SENTENCES: Record<AbortCode, string> = {
  CANCELLED: "The job was cancelled.",
  TIMEOUT: "The job ran out of time.",
  SHUTDOWN: "The process stops.",
  SCALED_DOWN: "Fewer jobs of this queue may run here now.",
  LEASE_LOST: "Another worker may own the job by now.",
};

/** The reason of an abort. */
export function aborted(code: AbortCode): JobAborted {
  return new JobAborted(code, SENTENCES[code]);
}

/**
 * Whether a handler is to stop, and why.
 *
 * Armed: the timeout's clock runs, unless there is none. Aborted, by the first reason that is given: the signal has aborted,
 * and the clock of the grace runs. Disarmed: neither does.
 */
export class StopSwitch {
  readonly #timeoutMs: number | null;
  readonly #onTimeout: () => void;
  readonly #onOver: () => void;
  #controller: AbortController | null = null;
  #reason: JobAborted | null = null;
  #stopClock: () => void = () => {};

  constructor(timeoutMs: number | null, events: { onTimeout: () => void; onOver: () => void }) {
    this.#timeoutMs = timeoutMs;
    this.#onTimeout = events.onTimeout;
    this.#onOver = events.onOver;
  }

  /** Why the handler is to stop; null while it is not. */
  get reason(): JobAborted | null {
    return this.#reason;
  }

  /** Made when first asked for: most handlers of small jobs never do. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#reason !== null) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Starts the timeout's clock anew. */
  armTimeout(): void {
    this.disarm();
    if (this.#timeoutMs !== null) this.#stopClock = longTimer(this.#onTimeout, this.#timeoutMs);
  }

  /** Aborts the signal and starts the clock of the grace; answers false where that happened before. */
  abort(code: AbortCode): boolean {
    if (this.#reason !== null) return false;
    this.disarm();
    this.#reason = aborted(code);
    this.#stopClock = longTimer(this.#onOver, GRACE_MS);
    this.#controller?.abort(this.#reason);
    return true;
  }

  /** Stops both clocks. */
  disarm(): void {
    this.#stopClock();
  }
}
