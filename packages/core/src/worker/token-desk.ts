import type { RateLimitVerbs } from "../store.ts";

interface Ask {
  readonly jobId: string;
  readonly resolve: (waitMs: number | null) => void;
  readonly reject: (error: unknown) => void;
}

const LARGEST_BATCH = 1_000;

/**
 * Asks the store for the tokens that the handlers of this process want.
 *
 * Idle, of a scope: the first ask is sent at the end of this turn of the event loop. Asking: what comes meanwhile collects,
 * and is the next batch. Each batch waits for the disk once, and for the scope's row, so that a busy scope is not bound to
 * one token a commit.
 */
export class TokenDesk {
  readonly #limits: Pick<RateLimitVerbs, "acquire">;
  readonly #asks = new Map<string, Ask[]>();

  constructor(limits: Pick<RateLimitVerbs, "acquire">) {
    this.#limits = limits;
  }

  /** See `RateLimitVerbs.acquire`. */
  acquire(scope: string, jobId: string): Promise<number | null> {
    return new Promise((resolve, reject) => {
      const ask = { jobId, resolve, reject };
      const others = this.#asks.get(scope);
      if (others !== undefined) {
        others.push(ask);
        return;
      }
      this.#asks.set(scope, [ask]);
      setImmediate(() => void this.#serve(scope));
    });
  }

  async #serve(scope: string): Promise<void> {
    for (let batch = this.#take(scope); batch.length > 0; batch = this.#take(scope)) {
      try {
        const waits = await this.#limits.acquire({ scope, jobIds: batch.map(({ jobId }) => jobId) });
        for (const [n, ask] of batch.entries()) ask.resolve(waits?.[n] ?? null);
      } catch (error) {
        for (const ask of batch) ask.reject(error);
      }
    }
  }

  /** The next batch, no job in it twice; with the last of a scope the scope is forgotten. */
  #take(scope: string): Ask[] {
    const batch = new Map<string, Ask>();
    const rest: Ask[] = [];
    for (const ask of this.#asks.get(scope) ?? []) {
      if (batch.size < LARGEST_BATCH && !batch.has(ask.jobId)) batch.set(ask.jobId, ask);
      else rest.push(ask);
    }
    if (batch.size === 0) this.#asks.delete(scope);
    else this.#asks.set(scope, rest);
    return [...batch.values()];
  }
}
