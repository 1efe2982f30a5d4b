import { PRIORITIES, type JobRecord, type JobStateRecord } from "../store.ts";

const STATE = `id, job_type AS type, owner, status, progress, message, public_error AS publicError, revision`;

const RECORD = `${STATE}, queue, priority, input, error, parent_id AS parentId, attempts, max_attempts AS maxAttempts, created_at AS createdAt,
  scheduled_at AS scheduledAt, claimed_at AS claimedAt, started_at AS startedAt, cancel_requested_at AS cancelRequestedAt`;

/** What a `JobStateRecord` is read from, of a live and of an ended row. */
export const STATE_COLUMNS: Readonly<Record<"live" | "ended", string>> = {
  live: `${STATE}, NULL AS output`,
  ended: `${STATE}, output`,
};

/** What a `JobRecord` is read from, of a live and of an ended row; `jobRecord` makes one of it. */
export const RECORD_COLUMNS: Readonly<Record<"live" | "ended", string>> = {
  live: `${RECORD}, NULL AS output, NULL AS completedAt, NULL AS failedAt, NULL AS cancelledAt,
    NULL AS discardedAt`,
  ended: `${RECORD}, output, completed_at AS completedAt, failed_at AS failedAt, cancelled_at AS cancelledAt,
    discarded_at AS discardedAt`,
};

/** A row of `RECORD_COLUMNS`. */
export type RecordRow = Omit<JobRecord, "priority"> & { readonly priority: number };

/** Rows come without a prototype; records are plain objects. */
export function jobRecord(row: RecordRow): JobRecord {
  return { ...row, priority: PRIORITIES[row.priority]! };
}

export function stateRecord(row: JobStateRecord): JobStateRecord {
  return { ...row };
}
