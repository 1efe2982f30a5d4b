/**
 * What a job can be, as its row says it.
 *
 * `completed`, `failed`, `dead_letter` and `cancelled` settle whoever watches; the others are unfinished.
 */
export type StoredJobStatus =
  | "pending"
  | "claimed"
  | "running"
  | "retry"
  | "cancel_requested"
  | "completed"
  | "failed"
  | "dead_letter"
  | "cancelled";

/** What a watcher can see of a job: a stored status, or `not_found` for an id it may not watch or that does not exist. */
export type JobStatus = StoredJobStatus | "not_found";

/** Every stored status of a job, in the order of its life. */
export const JOB_STATUSES: readonly StoredJobStatus[] = [
  "pending",
  "claimed",
  "running",
  "retry",
  "cancel_requested",
  "completed",
  "failed",
  "dead_letter",
  "cancelled",
];

/** The statuses that settle a watcher; a person's retry can still bring a job back from all but `completed`. */
export const SETTLED_JOB_STATUSES: readonly StoredJobStatus[] = ["completed", "failed", "dead_letter", "cancelled"];

/**
 * Tells whether a status settles a watcher. `not_found` does; a status this version does not know counts as unfinished,
 * so that a newer gateway never ends an older page's watch too early.
 */
export function isSettledJobStatus(status: string): boolean {
  return status === "not_found" || (SETTLED_JOB_STATUSES as readonly string[]).includes(status);
}

/**
 * The state of one job as its watchers see it, field by field.
 *
 * `progress` is 0 to 100, or null before the handler said anything; `message` is at most 1 KiB; `output` is set once
 * `status` is `completed`; `error` is the sentence that may leave the server, at most 4 KiB: the reason of the last failed
 * attempt, of the failure or of the cancellation.
 */
export interface JobState<Output = unknown> {
  jobId: string;
  status: JobStatus;
  progress: number | null;
  message: string | null;
  output: Output | null;
  error: string | null;
}

/** `JobState` as a union on `status`: in the branch `completed`, `output` is `Output` without null. */
export type JobStateUnion<Output = unknown> =
  | (Omit<JobState<Output>, "status" | "output"> & { status: "completed"; output: Output })
  | (Omit<JobState<Output>, "status" | "output"> & { status: Exclude<JobStatus, "completed">; output: null });
