/** Where a handler has its slot, and whoever waits meanwhile gets it. */
export interface SlotLane {
  /** The handler waits for others: its slot is free for them. */
  lend(borrower: object): void;
  /** Calls `resume` once a slot is free again; those that went before go on before anything new starts. */
  regain(borrower: object, resume: () => void): void;
  /** The handler goes on or ends at once, slot or not, and is counted as having one. */
  takeBack(borrower: object): void;
  /** The handler begins another wait before it went on: it wants no slot back for now. */
  stopRegaining(borrower: object): void;
}

/**
 * The slot of one handler, which is lent while the handler waits for children.
 *
 * Held: the handler has its slot. Lent: from the first wait until the last one under way is over. Returning: it is over, and
 * the handler goes on when a slot is free; another wait that begins meanwhile leads back to lent. A handler that is told to
 * stop goes on at once.
 */
export class SlotLoan {
  readonly #lane: SlotLane;
  readonly #borrower: object;
  readonly #onChange: (isWaiting: boolean) => void;
  #waits = 0;
  #isLent = false;
  #returning: (() => void) | null = null;
  #since = 0;
  #waitedMs = 0;

  /** `onChange` hears when the slot is lent and when it is back. */
  constructor(lane: SlotLane, borrower: object, onChange: (isWaiting: boolean) => void) {
    this.#lane = lane;
    this.#borrower = borrower;
    this.#onChange = onChange;
  }

  get isLent(): boolean {
    return this.#isLent;
  }

  /** For how long the slot was lent, in milliseconds. */
  get waitedMs(): number {
    return this.#waitedMs + (this.#isLent ? performance.now() - this.#since : 0);
  }

  /** Lends the slot until `wait` is over, however it ends, and answers what it answers once the handler may go on. */
  async during<T>(wait: Promise<T>, signal: AbortSignal): Promise<T> {
    this.#waits++;
    if (!this.#isLent) this.#lend();
    else this.#goOnWithout();
    try {
      return await wait;
    } finally {
      this.#waits--;
      // While another wait is under way the slot stays lent: a handler that held it then could keep a child from running.
      if (this.#waits === 0 && this.#isLent) await this.#regain(signal);
    }
  }

  /** The handler has ended: if it did not await its last wait, its slot is counted as its own again, to be given back. */
  end(): void {
    this.#returning?.();
    this.#takeBack();
  }

  #lend(): void {
    this.#isLent = true;
    this.#since = performance.now();
    this.#onChange(true);
    this.#lane.lend(this.#borrower);
  }

  async #regain(signal: AbortSignal): Promise<void> {
    if (!signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const onAbort = (): void => resolve(false);
      signal.addEventListener("abort", onAbort, { once: true });
      this.#returning = () => resolve(true);
      this.#lane.regain(this.#borrower, () => {
        this.#back();
        resolve(true);
      });
      await promise;
      signal.removeEventListener("abort", onAbort);
      this.#returning = null;
    }
    if (signal.aborted) this.#takeBack();
  }

  #takeBack(): void {
    if (!this.#isLent) return;
    this.#lane.takeBack(this.#borrower);
    this.#back();
  }

  #back(): void {
    this.#isLent = false;
    this.#waitedMs += performance.now() - this.#since;
    this.#onChange(false);
  }

  #goOnWithout(): void {
    if (this.#returning === null) return;
    this.#lane.stopRegaining(this.#borrower);
    this.#returning();
  }
}
