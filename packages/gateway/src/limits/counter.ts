import type { Caller } from "../principal.ts";
import { limited, type ScopedLimit, scopesOf } from "./scoped-limit.ts";

const RETRY_AFTER_MS = 5_000;

/** Counts what callers hold at the same time, and refuses what would go over a limit. */
export class Counter {
  readonly #what: string;
  readonly #limit: ScopedLimit;
  readonly #held = new Map<string, number>();

  /** `what` ends the sentence "This user has 100 …". */
  constructor(what: string, limit: ScopedLimit) {
    this.#what = what;
    this.#limit = limit;
  }

  /** Takes `count` in every scope of the caller, or in none. Throws `RATE_LIMITED`. */
  take(caller: Caller, count: number): void {
    const scopes = scopesOf(caller, this.#limit);
    for (const { key, limit, words } of scopes) {
      const held = this.#held.get(key) ?? 0;
      if (held + count <= limit) continue;
      throw limited(
        `${words} has ${held} ${this.#what}, and ${count} more would be over the limit of ${limit}.`,
        RETRY_AFTER_MS,
      );
    }
    for (const { key } of scopes) this.#held.set(key, (this.#held.get(key) ?? 0) + count);
  }

  /** Gives back what was taken for the same caller. */
  give(caller: Caller, count: number): void {
    for (const { key } of scopesOf(caller, this.#limit)) {
      const left = (this.#held.get(key) ?? 0) - count;
      if (left > 0) this.#held.set(key, left);
      else this.#held.delete(key);
    }
  }
}
