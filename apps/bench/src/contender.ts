/** One library on one fresh database, ready to be measured. */
export interface Session {
  /** Dispatches so many jobs of the no-op kind, in batches of `batch`. */
  dispatch(jobs: number, batch: number): Promise<void>;
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
  /** Makes a fresh database with the library's schema. */
  open(): Promise<Session>;
}
