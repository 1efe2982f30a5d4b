import type { StoredJobStatus } from "./job-state.ts";

/** Who or what moves a job from one status to another. */
export type JobTransitionCause =
  | "dispatched"
  | "dispatched into a free slot of the same process"
  | "taken by a worker"
  | "handler started"
  | "handler returned"
  | "threw or timed out, runs are left"
  | "threw or timed out, runs are spent"
  | "discardIf said so"
  | "threw Dead, or three worker deaths"
  | "given back, snoozed or rescued"
  | "dead-letter delay has passed"
  | "cancel requested by someone"
  | "finished before the cancellation took effect"
  | "cancellation took effect"
  | "cancelled before it ran"
  | "retried by someone"
  | "discarded by someone";

/** One row of the table of transitions; `from: null` is a job's birth. */
export interface JobTransition {
  readonly from: StoredJobStatus | null;
  readonly to: StoredJobStatus;
  readonly cause: JobTransitionCause;
}

const rows = (
  from: readonly (StoredJobStatus | null)[],
  to: StoredJobStatus,
  cause: JobTransitionCause,
): readonly JobTransition[] => from.map((one) => ({ from: one, to, cause }));

/**
 * Every transition a job may make, as data. Stores, diagrams and the client's types are tested against it.
 *
 * `claimed` stands beside `running` as a source wherever two updates of one flush merge: the row then moves straight
 * from `claimed` to its outcome.
 */
export const JOB_TRANSITIONS: readonly JobTransition[] = [
  ...rows([null], "pending", "dispatched"),
  ...rows([null], "claimed", "dispatched into a free slot of the same process"),
  ...rows(["pending", "retry"], "claimed", "taken by a worker"),
  ...rows(["claimed"], "running", "handler started"),
  ...rows(["running", "claimed"], "completed", "handler returned"),
  ...rows(["running", "claimed"], "retry", "threw or timed out, runs are left"),
  ...rows(["running", "claimed"], "failed", "threw or timed out, runs are spent"),
  ...rows(["running", "claimed"], "failed", "discardIf said so"),
  ...rows(["running", "claimed"], "dead_letter", "threw Dead, or three worker deaths"),
  ...rows(["running", "claimed"], "pending", "given back, snoozed or rescued"),
  ...rows(["failed"], "dead_letter", "dead-letter delay has passed"),
  ...rows(["running"], "cancel_requested", "cancel requested by someone"),
  ...rows(["cancel_requested"], "completed", "finished before the cancellation took effect"),
  ...rows(["cancel_requested"], "cancelled", "cancellation took effect"),
  ...rows(["pending", "retry", "claimed"], "cancelled", "cancelled before it ran"),
  ...rows(["failed", "dead_letter", "cancelled"], "pending", "retried by someone"),
  // A failed one keeps its status when it is discarded.
  ...rows(["dead_letter"], "failed", "discarded by someone"),
];
