import { clipText, type JobStateRecord } from "@forge-jobs/core";
import { type JobSnapshot, LIMITS } from "@forge-jobs/protocol";
import { type Frame, frame } from "./sse/frame.ts";

/** A state of one revision, encoded for every session that watches its job. */
export interface StateFrame extends Frame {
  readonly revision: number;
}

/** One job's row as one read saw it, in the forms in which it leaves the server; each is made at most once. */
export class JobView {
  readonly record: JobStateRecord;
  #snapshot: JobSnapshot | null = null;
  #frame: StateFrame | null = null;

  constructor(record: JobStateRecord) {
    this.record = record;
  }

  get revision(): number {
    return this.record.revision;
  }

  /** The whole state. */
  whole(): JobSnapshot {
    const { output } = this.record;
    return this.#stateWith(output === null ? null : (JSON.parse(output) as unknown));
  }

  /** The state as it fits into lists and the stream: without its output, and marked so, where it would be too large. */
  bounded(): JobSnapshot {
    return (this.#snapshot ??= this.#bound());
  }

  /** The event that says `bounded()`. */
  frame(): StateFrame {
    return (this.#frame ??= { revision: this.revision, ...frame("job", this.bounded()) });
  }

  #bound(): JobSnapshot {
    const { output } = this.record;
    // Looked at first: parsing a megabyte only to throw it away would hold up the other sessions.
    if (output !== null && output.length > LIMITS.stateBytes) return { ...this.#stateWith(null), partial: true };
    const snapshot = this.whole();
    const fits = output === null || Buffer.byteLength(JSON.stringify(snapshot)) <= LIMITS.stateBytes;
    return fits ? snapshot : { ...snapshot, output: null, partial: true };
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

/** What stands for an id that does not exist or that the caller may not watch. */
export function notFound(jobId: string): JobSnapshot {
  return { revision: 0, jobId, status: "not_found", progress: null, message: null, output: null, error: null };
}
