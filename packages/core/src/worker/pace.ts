const WINDOW_MS = 1_000;

/**
 * How many jobs the slots of a queue could finish in a while, judged by how long handlers took over the last second or two.
 *
 * It looks at handlers and not at finished jobs a second: a loop that waits for its claims finishes few jobs, and would
 * never learn that it could finish more.
 */
export class Pace {
  readonly #now: () => number;
  #since: number;
  #handlers = 0;
  #busyMs = 0;
  #handlersBefore = 0;
  #busyMsBefore = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  /** A handler ended after so many milliseconds. */
  add(ms: number): void {
    this.#roll();
    this.#handlers++;
    this.#busyMs += ms;
  }

  /** Jobs that `slots` handlers finish within `ms`; 0 while nothing is known. */
  jobsWithin(ms: number, slots: number): number {
    this.#roll();
    const handlers = this.#handlers + this.#handlersBefore;
    if (handlers === 0) return 0;
    const meanMs = Math.max((this.#busyMs + this.#busyMsBefore) / handlers, 0.001);
    return (ms / meanMs) * slots;
  }

  #roll(): void {
    const now = this.#now();
    if (now - this.#since < WINDOW_MS) return;
    const recent = now - this.#since < 2 * WINDOW_MS;
    this.#handlersBefore = recent ? this.#handlers : 0;
    this.#busyMsBefore = recent ? this.#busyMs : 0;
    this.#handlers = 0;
    this.#busyMs = 0;
    this.#since = now;
  }
}
