import type { JobSnapshot } from "@forge-jobs/protocol";

/** A new job id. */
export const newId = (): string => crypto.randomUUID();

/** A snapshot of a running job. */
export function snapshot(jobId: string, revision: number, more: Partial<JobSnapshot> = {}): JobSnapshot {
  return { jobId, revision, status: "running", progress: null, message: null, output: null, error: null, ...more };
}
