import type { Caller } from "../principal.ts";
import { limited, type ScopedLimit, scopesOf } from "./scoped-limit.ts";

const SECOND_MS = 1_000;
/** How much of its rate a caller may use at once, after a pause. */
const BURST_MS = 4 * SECOND_MS;
const TIDY_EVERY = 10_000;

/** Limits how often callers may do something, given in times a second; a pause of 4 s saves up for a burst. */
export class Rate {
  readonly #what: string;
  readonly #perSecond: ScopedLimit;
  /** When each key's debt is paid off. Entries in the past say nothing and are dropped now and then. */
  readonly #paidAtMs = new Map<string, number>();
  #sinceTidy = 0;

  /** `what` ends the sentence "This user sends too many …". */
  constructor(what: string, perSecond: ScopedLimit) {
    this.#what = what;
    this.#perSecond = perSecond;
  }

  /** Counts one in every scope of the caller, or in none. Throws `RATE_LIMITED`. */
  take(caller: Caller): void {
    const nowMs = performance.now();
    const scopes = scopesOf(caller, this.#perSecond).map(({ key, limit, words }) => ({
      key,
      words,
      limit,
      paidAtMs: Math.max(this.#paidAtMs.get(key) ?? 0, nowMs) + SECOND_MS / limit,
    }));
    for (const { words, limit, paidAtMs } of scopes) {
      const excessMs = paidAtMs - nowMs - BURST_MS;
      if (excessMs > 0) throw limited(`${words} sends more than ${limit} ${this.#what} a second.`, excessMs);
    }
    for (const { key, paidAtMs } of scopes) this.#paidAtMs.set(key, paidAtMs);
    if (++this.#sinceTidy >= TIDY_EVERY) this.#tidy(nowMs);
  }

  #tidy(nowMs: number): void {
    this.#sinceTidy = 0;
    for (const [key, paidAtMs] of this.#paidAtMs) if (paidAtMs <= nowMs) this.#paidAtMs.delete(key);
  }
}
