/** A result that is recorded, and hands itself to the code that waits for it. */
interface Delivery {
  readonly seq: number;
  readonly deliver: () => void;
}

/**
 * Hands recorded results to a run's code, one at a time and in the order in which they were recorded.
 *
 * Between two of them the code goes as far as it can. So a replay sees them in the order of the first time, whoever asks
 * first, and a race has the same winner. Idle: nothing is to be handed out, and the code has gone as far as it can; `onIdle`
 * is called each time that comes true.
 */
export class Deliveries {
  readonly #onIdle: () => void;
  readonly #expected = new Set<number>();
  #waiting: Delivery[] = [];
  #scheduled = false;
  #stopped = false;

  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  /** Adds a result under its place in the record. */
  add(seq: number, deliver: () => void): void {
    if (this.#stopped) return;
    this.#waiting.push({ seq, deliver });
    this.touch();
  }

  /**
   * A result of this place is being written: what comes after it waits, though its own write be done sooner, since a replay
   * will hand them out in their order. The answer ends that, whatever became of the write.
   */
  expect(seq: number): () => void {
    this.#expected.add(seq);
    return () => {
      if (this.#expected.delete(seq)) this.touch();
    };
  }

  /** The code may have gone on: whether it stands still is found out anew. */
  touch(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    // After every microtask that is queued by now, and all that these queue.
    setImmediate(() => this.#next());
  }

  /** Hands nothing out any more. */
  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
  }

  #next(): void {
    this.#scheduled = false;
    if (this.#stopped) return;
    if (this.#waiting.length === 0) {
      this.#onIdle();
      return;
    }
    const first = this.#takeFirst();
    if (first === null) return;
    first.deliver();
    this.touch();
  }

  /** A list and not a heap: what waits at once is as many steps as the code runs side by side. */
  #takeFirst(): Delivery | null {
    let at = 0;
    for (const [n, { seq }] of this.#waiting.entries()) if (seq < this.#waiting[at]!.seq) at = n;
    for (const seq of this.#expected) if (seq < this.#waiting[at]!.seq) return null;
    return this.#waiting.splice(at, 1)[0] ?? null;
  }
}
