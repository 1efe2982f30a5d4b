import type { ChildEnd, PendingSignal, RunMemo, StepRecord, Undoing } from "../store.ts";

/** What is recorded of one run, as far as this process knows, and the clock that goes with it. */
export class Memo {
  readonly #steps = new Map<string, StepRecord>();
  readonly #asked = new Set<string>();
  /** What was recorded when this process took the run up, and the code has not come to. */
  readonly #untold = new Set<string>();
  readonly #ended = new Map<string, ChildEnd>();
  #signals: PendingSignal[] = [];
  /** Those that a step of this process consumes: a read may still show them as free. */
  readonly #taken = new Set<string>();
  #monotonicAtRead = 0;
  #now = 0;
  #wakes = 0;
  #lastOrd = 0;
  #lastSeq = 0;
  #endedAt = 0;
  #reads = 0;
  readonly timeoutAt: number | null;
  readonly isResumed: boolean;
  undoing: Undoing | null = null;

  constructor(read: RunMemo) {
    this.timeoutAt = read.timeoutAt;
    this.isResumed = read.steps.length > 0;
    this.refresh(read);
    for (const step of read.steps) if (step.kind !== "undo") this.#untold.add(step.key);
  }

  /** How often it was read anew. */
  get reads(): number {
    return this.#reads;
  }

  /** The wake-ups that this knows of. */
  get wakes(): number {
    return this.#wakes;
  }

  /** The time by the store's clock. */
  get now(): number {
    return this.#now + (performance.now() - this.#monotonicAtRead);
  }

  /** When the last recorded step ended that the code has been told of; 0 before the first. */
  get toldUntil(): number {
    return this.#endedAt;
  }

  /** Whether the code has come to all that was recorded when this process took the run up, and knows how it ended. */
  get isTold(): boolean {
    return this.#untold.size === 0;
  }

  /** Takes in what a later read found; what is known already stays. */
  refresh(read: RunMemo): void {
    this.#reads++;
    this.#monotonicAtRead = performance.now();
    this.#now = read.now;
    this.#wakes = read.wakes;
    this.undoing = read.undoing ?? this.undoing;
    this.#signals = read.signals.filter((signal) => !this.#taken.has(idOf(signal)));
    for (const end of read.ended) this.#ended.set(end.id, end);
    for (const step of read.steps) if (isOpen(this.#steps.get(step.key))) this.put(step);
  }

  step(key: string): StepRecord | undefined {
    return this.#steps.get(key);
  }

  /** The same, noting that the code has asked for it. */
  ask(key: string): StepRecord | undefined {
    this.#asked.add(key);
    const step = this.#steps.get(key);
    if (step === undefined || !hasResult(step)) this.#untold.delete(key);
    return step;
  }

  /** The same for code that looks at once, and waits for no turn. */
  look(key: string): StepRecord | undefined {
    this.#untold.delete(key);
    return this.ask(key);
  }

  /** Whether the code has asked for it. */
  hasAsked(key: string): boolean {
    return this.#asked.has(key);
  }

  /** What the code has asked for and what has not ended, as far as is recorded. */
  open(): string[] {
    return [...this.#asked].filter((key) => isOpen(this.#steps.get(key)));
  }

  /** Notes what is recorded of a step by now. */
  put(step: StepRecord): void {
    this.#steps.set(step.key, step);
    this.#lastOrd = Math.max(this.#lastOrd, step.ord);
    this.#lastSeq = Math.max(this.#lastSeq, step.seq ?? 0);
  }

  /** The code has been told how this step ended. */
  told({ endedAt }: StepRecord): void {
    this.#endedAt = Math.max(this.#endedAt, endedAt ?? 0);
  }

  /** Nobody needs to be told any more how this step ended. */
  met({ key }: StepRecord): void {
    this.#untold.delete(key);
  }

  nextOrd(): number {
    return ++this.#lastOrd;
  }

  nextSeq(): number {
    return ++this.#lastSeq;
  }

  /** Takes the oldest signal of this name that nobody has taken. */
  takeSignal(name: string): PendingSignal | null {
    const at = this.#signals.findIndex((signal) => signal.name === name);
    const [signal] = at < 0 ? [] : this.#signals.splice(at, 1);
    if (signal === undefined) return null;
    this.#taken.add(idOf(signal));
    return signal;
  }

  /** A signal that was taken was of no use after all. */
  giveBack(signal: PendingSignal): void {
    if (this.#taken.delete(idOf(signal))) this.#signals.unshift(signal);
  }

  /** How a child ended; undefined while it has not, as far as is known. */
  ended(childId: string): ChildEnd | undefined {
    return this.#ended.get(childId);
  }

  /** Steps that have ended and can be undone, the last one first. */
  toUndo(): StepRecord[] {
    return [...this.#steps.values()]
      .filter(({ status, hasUndo }) => status === "completed" && hasUndo)
      .toSorted((a, b) => (b.seq ?? 0) - (a.seq ?? 0));
  }

  /** What had ended when this process took the run up, and the code has not asked for. */
  unasked(): string[] {
    return [...this.#untold].filter((key) => !this.#asked.has(key) && hasResult(this.#steps.get(key)!));
  }
}

function hasResult({ status }: StepRecord): boolean {
  return status !== "running" && status !== "skipped";
}

function isOpen(step: StepRecord | undefined): boolean {
  return step === undefined || step.status === "running";
}

function idOf({ name, signalId }: PendingSignal): string {
  return JSON.stringify([name, signalId]);
}
