import { StepNames } from "./step-names.ts";

/** A part of a run's code with names of its own, which a race may give up. */
export class Scope {
  readonly names: StepNames;
  readonly #onClose = new Set<() => void>();
  readonly #controller = new AbortController();

  constructor(names: StepNames = new StepNames(), parent: Scope | null = null) {
    this.names = names;
    parent?.whenClosed(() => this.close());
  }

  /** Whether nothing that is asked for here happens any more. */
  get isClosed(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Aborts when the scope is closed. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  inside(name: string): Scope {
    return new Scope(this.names.inside(name), this);
  }

  /** Calls `onClose` when the scope is closed; the answer takes that back. */
  whenClosed(onClose: () => void): () => void {
    this.#onClose.add(onClose);
    return () => void this.#onClose.delete(onClose);
  }

  /** Gives up everything that is under way here. */
  close(): void {
    if (this.isClosed) return;
    this.#controller.abort();
    for (const onClose of this.#onClose) onClose();
    this.#onClose.clear();
  }
}
