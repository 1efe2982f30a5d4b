import { longTimer } from "../long-timer.ts";

/** A wait that the run can be put away for. */
export interface Wait {
  /** What the run waits for, for people. */
  readonly label: string;
  /** By the store's clock; null: it has no end of its own. */
  readonly dueAt: number | null;
  /** Its time has come. */
  readonly onDue: () => void;
  /** Something was read anew: a signal or the end of a child may be there. */
  readonly onRead?: (() => void) | undefined;
  /** How often it has to be looked for, since nobody tells the run; null: somebody does. */
  readonly pollMs?: number | null;
}

interface OpenWait extends Wait {
  readonly stop: () => void;
  readonly release: () => void;
}

/** What a run waits for in this process. */
export class OpenWaits {
  readonly #open = new Map<string, OpenWait>();

  get size(): number {
    return this.#open.size;
  }

  /** Whether something is waited for that others bring about. */
  get listen(): boolean {
    for (const { onRead } of this.#open.values()) if (onRead !== undefined) return true;
    return false;
  }

  /** What is waited for first. */
  get label(): string | null {
    for (const { label } of this.#open.values()) return label;
    return null;
  }

  /** Waits under a key. `release` ends what keeps the run in memory meanwhile. The answer ends the wait. */
  add(key: string, wait: Wait, now: number, release: () => void): () => void {
    const { dueAt, onDue } = wait;
    // Never before the time has come: the record would end before its own deadline.
    const stop = dueAt === null ? (): void => {} : longTimer(onDue, Math.max(0, Math.ceil(dueAt - now)));
    const open = { ...wait, stop, release };
    this.#open.set(key, open);
    return () => {
      if (this.#open.get(key) !== open) return;
      this.#open.delete(key);
      stop();
      release();
    };
  }

  /** When the run is to look again at the latest; empty: somebody will tell it. */
  dues(now: number): number[] {
    return [...this.#open.values()].flatMap(({ dueAt, pollMs = null }) => [
      ...(dueAt === null ? [] : [dueAt]),
      ...(pollMs === null ? [] : [now + pollMs]),
    ]);
  }

  /** Something was read anew. */
  look(): void {
    for (const { onRead } of Array.from(this.#open.values())) onRead?.();
  }

  /** Keeps the run in memory no longer. */
  release(): void {
    for (const { release } of this.#open.values()) release();
  }

  /** Waits for nothing any more. */
  clear(): void {
    for (const { stop, release } of this.#open.values()) {
      stop();
      release();
    }
    this.#open.clear();
  }
}
