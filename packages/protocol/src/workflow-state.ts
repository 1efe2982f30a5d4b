/** What a workflow run can be for a watcher; `not_found` stands for an id it may not watch or that does not exist. */
export type WorkflowStatus =
  | "created"
  | "running"
  | "waiting"
  | "completed"
  | "compensating"
  | "compensated"
  | "failed"
  | "cancelled"
  | "not_found";

/** What one step of a workflow run can be. */
export type StepStatus = "pending" | "running" | "completed" | "failed" | "compensated" | "skipped";

/** One step of a run as its watchers see it; `name` is unique in the run. */
export interface WorkflowStepState {
  name: string;
  status: StepStatus;
  error: string | null;
}

/**
 * The state of one workflow run as its watchers see it.
 *
 * `step` is the step under way, `waitingFor` the event or timer the run sleeps on; both are null when there is none.
 * `output` is set once `status` is `completed`; `error` is the sentence that may leave the server.
 */
export interface WorkflowState<Output = unknown> {
  workflowId: string;
  status: WorkflowStatus;
  step: string | null;
  waitingFor: string | null;
  steps: WorkflowStepState[];
  output: Output | null;
  error: string | null;
}
