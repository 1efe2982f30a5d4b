import { clipText, type JobStateRecord } from "@forge-jobs/core";
import { type JobSnapshot, LIMITS } from "@forge-jobs/protocol";
import { fits, StateView } from "./state-view.ts";

/** One job's row as one read saw it. */
export class JobView extends StateView<JobSnapshot> {
  readonly kind = "job";
  readonly record: JobStateRecord;

  constructor(record: JobStateRecord) {
    super();
    this.record = record;
  }

  whole(): JobSnapshot {
    const { output } = this.record;
    return this.#stateWith(output === null ? null : (JSON.parse(output) as unknown));
  }

  protected bound(): JobSnapshot {
    const { output } = this.record;
    // Looked at first: parsing a megabyte only to throw it away would hold up the other sessions.
    if (output !== null && output.length > LIMITS.stateBytes) return { ...this.#stateWith(null), partial: true };
    const snapshot = this.whole();
    return output === null || fits(snapshot) ? snapshot : { ...snapshot, output: null, partial: true };
  }

  #stateWith(output: unknown): JobSnapshot {
    const { id, status, progress, message, publicError, revision } = this.record;
    return {
      revision,
      jobId: id,
      status,
      progress,
      message: message === null ? null : clipText(message, LIMITS.messageBytes),
      output,
      error: publicError === null ? null : clipText(publicError, LIMITS.errorBytes),
    };
  }
}

/** What stands for a job that does not exist or that the caller may not watch. */
export function noJob(jobId: string): JobSnapshot {
  return { revision: 0, jobId, status: "not_found", progress: null, message: null, output: null, error: null };
}
