/** The statuses of jobs that have ended. */
export type EndedStatus = "completed" | "failed" | "dead_letter" | "cancelled";

/** Periodic work; each call does a bounded batch and answers how many rows it moved. */
export interface SweepVerbs {
  /**
   * Takes or renews the lease of that name, unless another holder has it: one process sweeps for all. Answers whether it has
   * it now, and the store's time. One whose holder has been silent for `leaseMs` is free.
   */
  lead(args: { name: string; holder: string; leaseMs: number }): Promise<{ leads: boolean; nowMs: number }>;
  /** Gives the lease back, if this holder has it. */
  resign(args: { name: string; holder: string }): Promise<void>;
  /**
   * Moves jobs that failed at least `afterMs` ago to `dead_letter`, keeping `failedAt`, and those that were dispatched with
   * another delay when that has passed. Leaves the discarded alone.
   */
  deadLetter(args: { afterMs: number; limit: number }): Promise<number>;
  /** Deletes `window` keys that have run out. */
  expiredKeys(args: { limit: number }): Promise<number>;
  /** Deletes places of rate limits that nobody took for a day. */
  ratePlaces(args: { limit: number }): Promise<number>;
  /**
   * Frees waiting jobs of these types in these queues from their concurrency keys, since the definitions have none any more:
   * they wait as any other job does, due as before. Held ones keep theirs until they wait again.
   */
  unkeyed(args: {
    lanes: readonly { readonly queue: string; readonly type: string }[];
    limit: number;
  }): Promise<number>;
  /**
   * Looks at up to `limit` ended rows of that status above the id `after` and up to `upTo`, in the order of the ids, and
   * deletes those that ended at least `olderThanMs` ago, with all that is kept of their jobs; not those that were dispatched
   * with a time of their own, nor what a live parent may still read, nor what others have locked. Keys that a completed job
   * still holds are held on. Answers the last id that it looked at, or null where there are no more.
   */
  retain(args: {
    status: EndedStatus;
    olderThanMs: number;
    after?: string;
    upTo: string;
    limit: number;
  }): Promise<{ deleted: number; reached: string | null }>;
  /** Deletes in the same way up to `limit` rows whose own time has come; those that are spared are looked at an hour later again. */
  expired(args: { limit: number }): Promise<number>;
  /** Deletes the entries that say who deleted a job, once they are as old as that. */
  deletionNotes(args: { olderThanMs: number; limit: number }): Promise<number>;
}
