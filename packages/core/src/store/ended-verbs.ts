import type { JobRecord } from "../store.ts";

/** What became of a job that somebody discarded; `not_failed` covers all that is neither failed nor dead. */
export type DiscardResult = "discarded" | "not_failed" | "not_found";

/** What became of a job that somebody deleted. */
export type DeleteResult = "deleted" | "not_settled" | "not_found";

/** Which dead letters a verb is about; absent filters match all. */
export interface DeadFilter {
  readonly type?: string;
  readonly queue?: string;
  /** The name of its last error. */
  readonly errorName?: string;
}

/** The verbs over jobs that have ended. A dead letter is a job that is failed or dead_letter and was not discarded. */
export interface EndedVerbs {
  /** Reads one page of dead letters as whole rows, newest first, below the id `before`. */
  deadLetters(query: { type?: string; before?: string; limit: number }): Promise<JobRecord[]>;
  /**
   * Looks at no more than `limit` failed and dead jobs above the id `after`, oldest first, and answers the ids of those
   * that match, with the last id that it looked at; null for that says that there are no more.
   */
  findDead(query: DeadFilter & { after?: string; limit: number }): Promise<{ ids: string[]; reached: string | null }>;
  /** Declares failures nobody's business: the jobs are failed for good, and enter no sweep and no retry. Again, it changes nothing. */
  discard(args: { ids: readonly string[]; by?: string }): Promise<DiscardResult[]>;
  /**
   * Deletes settled jobs with all that is kept of them, but for an entry that says by whom. A key that a completed job
   * still holds is held as long as it would have been.
   */
  delete(args: { ids: readonly string[]; by?: string }): Promise<DeleteResult[]>;
}
