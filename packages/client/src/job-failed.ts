import type { ErrorCode, JobState } from "@forge-jobs/protocol";

/** Why a job has no output: how it settled, or why the gateway refused the request (a code of its error table). */
export type JobFailedCode = "FAILED" | "DEAD_LETTER" | "CANCELLED" | ErrorCode;

/**
 * The error of `done`, and of a `cancel` or `retry` that the gateway refuses.
 *
 * `message` is the sentence for people; `state` the job as it was last seen.
 */
export class JobFailed extends Error {
  declare readonly code: JobFailedCode;
  declare readonly state: JobState;

  constructor(code: JobFailedCode, message: string, state: JobState) {
    super(message);
    this.name = "JobFailed";
    this.code = code;
    this.state = state;
  }
}
