/** One library on one fresh database, ready to be measured. */
export interface Session {
  /** Dispatches so many jobs of the no-op kind, in batches of `batch`, each with a text of `inputBytes` in its input. */
  dispatch(jobs: number, batch: number, inputBytes?: number): Promise<void>;
  /**
   * Runs everything that was dispatched and resolves with the milliseconds from the first handler's start until every
   * outcome is committed.
   */
  drain(jobs: number, concurrency: number): Promise<number>;
  /** Starts an idle worker; the answer dispatches one job and resolves with the milliseconds until its handler starts. */
  pickup(): Promise<() => Promise<number>>;
  close(): Promise<void>;
}

/** A library on a kind of database. */
export interface Contender {
  readonly name: string;
  /** The measures it takes part in, by key. Default: all. */
  readonly only?: readonly string[];
  /** Makes a fresh database with the library's schema; or takes the empty one at `url`, which its maker removes. */
  open(options?: { readonly url?: string }): Promise<Session>;
}

/** What the jobs of one batch carry: their number and, where asked for, a text that makes them large. */
export function inputs(from: number, batch: number, inputBytes: number): { n: number; text?: string }[] {
  const large = inputBytes > 0 ? { text: "x".repeat(inputBytes) } : {};
  return Array.from({ length: batch }, (_, n) => ({ n: from + n, ...large }));
}

/** Counts the starts of a drain: `onStart` at each, `done` when all have started, `from` when the first did. */
export class StartCount {
  readonly done: Promise<void>;
  from = 0;
  readonly #jobs: number;
  readonly #resolve: () => void;
  #started = 0;

  constructor(jobs: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#jobs = jobs;
  }

  readonly onStart = (): void => {
    if (this.#started === 0) this.from = performance.now();
    if (++this.#started === this.#jobs) this.#resolve();
  };
}
