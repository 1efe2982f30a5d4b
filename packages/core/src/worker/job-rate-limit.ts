import type { JobRateLimit } from "../context.ts";
import { durationMs, waitMs } from "../duration.ts";
import { longTimer } from "../long-timer.ts";
import { refuseUnknownOptions } from "../options.ts";
import { RateLimited } from "../outcomes.ts";
import { checkScope, unknownScope } from "../rate-limits.ts";
import type { RateLimitVerbs } from "../store.ts";
import type { TokenDesk } from "./token-desk.ts";

/** A wait up to this long is not worth giving the slot back for. */
const SHORT_WAIT_MS = 2_000;

/** Thrown into a handler whose place is far off: its job sleeps until then. */
export class PlaceReserved extends RateLimited {
  readonly #freeAt: number;

  constructor(scope: string, missingMs: number) {
    super(scope, missingMs);
    this.#freeAt = performance.now() + missingMs;
  }

  /** Milliseconds that are left until the place is there. */
  get leftMs(): number {
    return Math.max(0, Math.ceil(this.#freeAt - performance.now()));
  }
}

/** Makes `ctx.rateLimit` of one run. */
export function jobRateLimit(
  jobId: string,
  signal: () => AbortSignal,
  desk: TokenDesk,
  limits: Pick<RateLimitVerbs, "drain">,
): JobRateLimit {
  return {
    acquire: async (scope, options = {}) => {
      checkScope(scope);
      refuseUnknownOptions("rateLimit.acquire", options, ["wait"]);
      const longestMs = options.wait === undefined ? SHORT_WAIT_MS : durationMs(options.wait, "wait");
      // After a wait it asks again: the place is there then, unless the bucket was drained meanwhile.
      for (;;) {
        signal().throwIfAborted();
        const missingMs = await desk.acquire(scope, jobId);
        if (missingMs === null) throw unknownScope(scope);
        if (missingMs === 0) return;
        if (missingMs > longestMs) throw new PlaceReserved(scope, missingMs);
        await pause(missingMs, signal());
      }
    },
    drain: async (scope, retryAfterMs) => {
      checkScope(scope);
      const pauseMs = waitMs(retryAfterMs, "retryAfterMs");
      if (!(await limits.drain({ scope, retryAfterMs: pauseMs }))) throw unknownScope(scope);
    },
  };
}

/** Resolves after `ms`; rejects with the signal's reason once it aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const disarm = longTimer(() => {
    signal.removeEventListener("abort", onAbort);
    resolve();
  }, ms);
  const onAbort = (): void => {
    disarm();
    reject(signal.reason as Error);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return promise;
}
