/** Timers that fire when a test says so. A delay of 0 is no time: it fires by itself. */
export class ManualClock {
  #now = 0;
  #onTimer: () => void = () => {};
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  readonly after = (ms: number, run: () => void): (() => void) => {
    if (ms <= 0) {
      const immediate = setImmediate(run);
      return () => clearImmediate(immediate);
    }
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    this.#onTimer();
    return () => this.#timers.delete(timer);
  };

  /** How long until each pending timer fires, soonest first. */
  get pending(): number[] {
    return [...this.#timers].map(({ at }) => at - this.#now).toSorted((a, b) => a - b);
  }

  /** Waits until a timer that fires in so many milliseconds is pending, then moves on to it. */
  async fire(ms: number): Promise<void> {
    while (!this.pending.includes(ms)) {
      await new Promise<void>((resolve) => {
        this.#onTimer = resolve;
      });
    }
    await this.advance(ms);
  }

  /** Moves on by so many milliseconds; what falls due on the way runs in order, each with the promises it settles. */
  async advance(ms: number): Promise<void> {
    // What a test has just been told of may still be about to set its timer.
    await new Promise((resolve) => setImmediate(resolve));
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].toSorted((a, b) => a.at - b.at);
      if (!next || next.at > end) break;
      this.#now = next.at;
      this.#timers.delete(next);
      next.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#now = end;
  }
}
