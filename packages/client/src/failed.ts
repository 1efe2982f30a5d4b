import type { ErrorCode, JobState, WorkflowState } from "@forge-jobs/protocol";

/** Why a job has no output: how it settled, or why the gateway refused the request (a code of its error table). */
export type JobFailedCode = "FAILED" | "DEAD_LETTER" | "CANCELLED" | ErrorCode;

/** The same of a run of a workflow. `COMPENSATED`: it failed, and what it had done was undone. */
export type WorkflowFailedCode = "FAILED" | "COMPENSATED" | "CANCELLED" | ErrorCode;

/** What `JobFailed` and `WorkflowFailed` share. `message` is the sentence for people. */
abstract class Failed<Code, State> extends Error {
  declare readonly code: Code;
  declare readonly state: State;

  constructor(name: string, code: Code, message: string, state: State) {
    super(message);
    Object.assign(this, { name, code, state });
  }
}

/**
 * The error of `done`, and of a `cancel` or `retry` that the gateway refuses.
 *
 * `message` is the sentence for people; `state` the job as it was last seen.
 */
export class JobFailed extends Failed<JobFailedCode, JobState> {
  constructor(code: JobFailedCode, message: string, state: JobState) {
    super("JobFailed", code, message, state);
  }
}

/** The same for a run of a workflow, of its `done`, `cancel` and `signal`. */
export class WorkflowFailed extends Failed<WorkflowFailedCode, WorkflowState> {
  constructor(code: WorkflowFailedCode, message: string, state: WorkflowState) {
    super("WorkflowFailed", code, message, state);
  }
}
