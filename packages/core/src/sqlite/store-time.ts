import type { StoreClock } from "../store.ts";
import { readMeta, writeMeta } from "./meta.ts";
import type { Statements } from "./statements.ts";

const META_NAME = "latest_instant";

/**
 * The store's time: the host's clock plus the offset that tests move, never running backwards.
 *
 * When the host's clock is set back, the store's time goes on at half speed until the host has caught up: standing still
 * would stop every delay for as long, and full speed would never meet the host again.
 */
export class StoreTime {
  readonly #clock: StoreClock;
  #last = 0;
  #lastTick = performance.now();

  constructor(clock: StoreClock) {
    this.#clock = clock;
  }

  /** Milliseconds since 1970, whole. */
  now(): number {
    const tick = performance.now();
    this.#last = Math.max(Date.now() + this.#clock.offsetMs, this.#last + (tick - this.#lastTick) / 2);
    this.#lastTick = tick;
    return Math.floor(this.#last);
  }

  /** Goes on from the instant that this store or another has written down, where that is later. */
  recall(sql: Statements): void {
    const latest = Number(readMeta(sql, META_NAME) ?? 0);
    if (latest > this.now()) this.#last = latest;
  }

  /** Writes the present instant down, for other processes and for a start after the host's clock was set back. */
  remember(sql: Statements): void {
    this.recall(sql);
    writeMeta(sql, META_NAME, String(this.now()));
  }
}
