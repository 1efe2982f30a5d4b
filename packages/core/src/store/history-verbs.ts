/**
 * What happened to a job beside its ordinary way: a run that failed (`error`), a worker that died while it ran the job
 * (`death`), or what a person did; `skip` is of runs of workflows.
 */
export type HistoryEvent = "error" | "death" | "cancel" | "retry" | "discard" | "delete" | "skip";

/** One entry of a job's history. */
export interface HistoryRecord {
  readonly jobId: string;
  /** The revision that the job had from then on; no two entries of a job share it. */
  readonly revision: number;
  /** In milliseconds since 1970 by the store's clock. */
  readonly at: number;
  readonly event: HistoryEvent;
  /** The attempt that it happened in or after; 0 before the first. */
  readonly attempt: number;
  /** The full text of the error, for operators; of a death only where it ended the job. */
  readonly error: string | null;
  readonly errorName: string | null;
  /** The worker that ran the job. */
  readonly workerId: string | null;
  /** Who did it; null for what nobody in particular did. */
  readonly by: string | null;
  readonly reason: string | null;
}

/** The verbs over what is kept of a job's past. Writing it is part of the verbs that make it. */
export interface HistoryVerbs {
  /** Reads the entries of jobs, oldest first: the last 20 errors and deaths of each, and the last 20 things people did. */
  read(args: { jobIds: readonly string[] }): Promise<HistoryRecord[]>;
}
