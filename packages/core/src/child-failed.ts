import type { StoredJobStatus } from "@forge-jobs/protocol";

/** What became of one child that did not complete. */
export interface ChildFailure {
  readonly id: string;
  /** `deleted`: its row is gone. */
  readonly status: StoredJobStatus | "deleted";
  /** What watchers see of its error. */
  readonly publicError: string | null;
  /** The full text of its error, for operators. */
  readonly error: string | null;
}

/**
 * What `ctx.waitForJobs` rejects with when a child failed, is dead, was cancelled or deleted.
 *
 * `id`, `status`, `publicError` and `error` are those of the first in the order of the ids; `failures` holds all that had
 * ended so by then. The others may still be under way.
 */
export class ChildFailed extends Error implements ChildFailure {
  override readonly name: string = "ChildFailed";
  readonly id: string;
  readonly status: ChildFailure["status"];
  readonly publicError: string | null;
  readonly error: string | null;
  readonly failures: readonly ChildFailure[];

  constructor(failures: readonly [ChildFailure, ...ChildFailure[]]) {
    const [{ id, status, publicError, error }] = failures;
    const others = failures.length === 1 ? "" : `, and ${failures.length - 1} more`;
    super(`The child ${id} ended as ${status}${error === null ? "" : `: ${firstLine(error)}`}${others}`);
    this.id = id;
    this.status = status;
    this.publicError = publicError;
    this.error = error;
    this.failures = failures;
  }
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
