const WINDOW_MS = 1_000;
const SHORTEST_MS = 20;

/** How many events a second there were, over the last second or since the first of them if that is less ago. */
export class Rate {
  readonly #now: () => number;
  #since: number;
  #count = 0;
  #before = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  add(): void {
    if (this.#now() - this.#since > WINDOW_MS) this.#roll();
    this.#count++;
  }

  /** Events per second; after a quiet second, 0. */
  perSecond(): number {
    let elapsed = this.#now() - this.#since;
    if (elapsed > WINDOW_MS) {
      this.#roll();
      elapsed = 0;
    }
    const own = (this.#count / Math.max(elapsed, SHORTEST_MS)) * 1_000;
    const share = Math.min(elapsed / WINDOW_MS, 1);
    return this.#before === 0 ? own : this.#before * (1 - share) + this.#count;
  }

  #roll(): void {
    const now = this.#now();
    this.#before = now - this.#since > 2 * WINDOW_MS ? 0 : this.#count;
    this.#count = 0;
    this.#since = now;
  }
}
