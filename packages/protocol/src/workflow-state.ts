/** What a run of a workflow can be, as the server tells it. */
export type RunStatus =
  | "created"
  | "running"
  | "waiting"
  | "completed"
  | "compensating"
  | "compensated"
  | "failed"
  | "cancelled";

/** What a workflow run can be for a watcher; `not_found` stands for an id it may not watch or that does not exist. */
export type WorkflowStatus = RunStatus | "not_found";

/** Every status of a run, in the order of its life. */
export const WORKFLOW_STATUSES: readonly RunStatus[] = [
  "created",
  "running",
  "waiting",
  "completed",
  "compensating",
  "compensated",
  "failed",
  "cancelled",
];

/** The statuses that settle a watcher. */
export const SETTLED_WORKFLOW_STATUSES: readonly RunStatus[] = ["completed", "compensated", "failed", "cancelled"];

/**
 * Tells whether a status settles a watcher. `not_found` does; a status this version does not know counts as unfinished, as
 * in `isSettledJobStatus`.
 */
export function isSettledWorkflowStatus(status: string): boolean {
  return status === "not_found" || (SETTLED_WORKFLOW_STATUSES as readonly string[]).includes(status);
}

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

/** `WorkflowState` as a union on `status`: in the branch `completed`, `output` is `Output` without null. */
export type WorkflowStateUnion<Output = unknown> =
  | (Omit<WorkflowState<Output>, "status" | "output"> & { status: "completed"; output: Output })
  | (Omit<WorkflowState<Output>, "status" | "output"> & { status: Exclude<WorkflowStatus, "completed">; output: null });
