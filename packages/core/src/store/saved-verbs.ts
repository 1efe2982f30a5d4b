/** A value that a job saved under a key for its later runs. */
export interface SavedValue {
  /** The job's id. */
  readonly id: string;
  readonly key: string;
  /** JSON text. */
  readonly value: string;
}

/** The verbs over what jobs save for their later runs. */
export interface SavedVerbs {
  /**
   * Writes values for runs, each fenced by (id, claimNo), in the place of what the key held before; of several for one key
   * the last stands. Answers in order whether the run still held its job; for one that did not nothing is written. No
   * revision rises.
   */
  write(args: { values: readonly (SavedValue & { readonly claimNo: number })[] }): Promise<boolean[]>;
  /** Reads everything that these jobs saved, in no order. Changes nothing. */
  read(args: { ids: readonly string[] }): Promise<SavedValue[]>;
}
