import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { NewJob } from "../store.ts";

/** The run of a parent, as its claim numbered it. */
export interface ParentRun {
  readonly id: string;
  readonly claimNo: number;
}

/** A child that a run wants. */
export interface ChildCall {
  readonly parent: ParentRun;
  /** What the child is called among the children of its parent; a run that comes again calls it by the same. */
  readonly key: string;
  /** The job to insert if there is none to find. */
  readonly job: NewJob;
}

/**
 * What became of one `ChildCall`.
 *
 * `made`: its job was inserted. `found`: the id of what an earlier call of that key led to and that is under way or has
 * completed, or of the job that holds an idempotency key of the new one. `stale`: the parent's run no longer holds its
 * row. `cancelled`: somebody asked for the parent to be cancelled. Neither of the last two inserts anything.
 */
export type ChildResult =
  | { readonly kind: "made" | "found"; readonly id: string }
  | { readonly kind: "stale" | "cancelled" };

/** Whether a run waits for children. */
export interface WaitingRun extends ParentRun {
  readonly isWaiting: boolean;
  /** Its wait makes room under a limit of this queue, which is then told of as if jobs had come. */
  readonly frees?: string;
}

/** How far a job is, without what makes a row large. */
export interface ChildProgress {
  readonly id: string;
  readonly status: StoredJobStatus;
  readonly progress: number | null;
}

/** The verbs over jobs that other jobs wait for. */
export interface ChildVerbs {
  /**
   * Inserts children of runs, each fenced by (id, claimNo) and made once per parent and key; one that ended without success
   * is made anew. All or none, answering in the order given. The parents' rows change in nothing.
   */
  dispatch(args: { calls: readonly ChildCall[] }): Promise<ChildResult[]>;
  /** Reads how far these jobs are; unknown ids are left out. */
  progress(args: { ids: readonly string[] }): Promise<ChildProgress[]>;
  /**
   * Notes which runs wait for children, each fenced by (id, claimNo); a later claim of the row clears it. No revision rises.
   */
  setWaiting(args: { runs: readonly WaitingRun[] }): Promise<void>;
  /** Tells which of these ids `dispatch` has answered for this parent. */
  among(args: { parentId: string; ids: readonly string[] }): Promise<string[]>;
}
