import { type Duration, durationMs } from "./duration.ts";

/** What `ctx.fetch` takes beside what `fetch` takes. */
export interface BoundFetchInit extends RequestInit {
  /** How long the whole exchange may take, its body included; `false`: as long as it likes. Default `"30s"`. */
  timeout?: Duration | false;
}

/**
 * `fetch`, aborted as well when `signal` of the context aborts, and when its time limit is over; a signal of the caller's own
 * is heeded too. It rejects with the reason of whichever comes first; that of the limit is a `TimeoutError`.
 */
export type BoundFetch = (input: string | URL | Request, init?: BoundFetchInit) => Promise<Response>;

const LIMIT_MS = 30_000;

/** Binds `fetch` to a context's signal, which is asked for at the first call. */
export function boundFetch(signal: () => AbortSignal): BoundFetch {
  return async (input, { timeout, ...init } = {}) => {
    const signals = [signal()];
    const limitMs = timeout === undefined ? LIMIT_MS : timeout === false ? null : durationMs(timeout, "timeout");
    if (limitMs !== null) signals.push(AbortSignal.timeout(limitMs));
    // A signal in the options takes the place of the request's own, as it does with `fetch`.
    const own = init.signal === undefined && input instanceof Request ? input.signal : init.signal;
    if (own) signals.push(own);
    return await fetch(input, { ...init, signal: AbortSignal.any(signals) });
  };
}
