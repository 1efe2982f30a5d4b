import type { JobSnapshot, WorkflowSnapshot } from "@forge-jobs/protocol";

/** A new id of a job or a run. */
export const newId = (): string => crypto.randomUUID();

/** A snapshot of a running job. */
export function snapshot(jobId: string, revision: number, more: Partial<JobSnapshot> = {}): JobSnapshot {
  return { jobId, revision, status: "running", progress: null, message: null, output: null, error: null, ...more };
}

/** A snapshot of a running run of a workflow. */
export function runSnapshot(
  workflowId: string,
  revision: number,
  more: Partial<WorkflowSnapshot> = {},
): WorkflowSnapshot {
  const nothing = { step: null, waitingFor: null, steps: [], output: null, error: null };
  return { workflowId, revision, status: "running", ...nothing, ...more };
}
