import type { Job, JobEvent, JobLogLine } from "./forge-types.ts";
import type { HistoryRecord, JobRecord, LogRecord } from "./store.ts";

/** A stored row as people and programs on the server read it: values parsed, instants as dates. */
export function jobOf(record: JobRecord): Job {
  const date = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));
  return {
    id: record.id,
    type: record.type,
    queue: record.queue,
    priority: record.priority,
    status: record.status,
    input: JSON.parse(record.input),
    output: record.output === null ? null : JSON.parse(record.output),
    error: record.error,
    publicError: record.publicError,
    progress: record.progress,
    message: record.message,
    attempts: record.attempts,
    maxAttempts: record.maxAttempts,
    owner: record.owner,
    parentId: record.parentId,
    revision: record.revision,
    createdAt: new Date(record.createdAt),
    scheduledAt: new Date(record.scheduledAt),
    claimedAt: date(record.claimedAt),
    startedAt: date(record.startedAt),
    completedAt: date(record.completedAt),
    failedAt: date(record.failedAt),
    cancelRequestedAt: date(record.cancelRequestedAt),
    cancelledAt: date(record.cancelledAt),
    discardedAt: date(record.discardedAt),
  };
}

/** An entry of a job's history as people and programs on the server read it. */
export function jobEventOf(record: HistoryRecord): JobEvent {
  const { event, attempt, error, errorName, by, reason } = record;
  return { event, at: new Date(record.at), attempt, error, errorName, worker: record.workerId, by, reason };
}

/** A line of a job's log as people and programs on the server read it. */
export function jobLogLineOf({ at, level, attempt, message, fields }: LogRecord): JobLogLine {
  return { at: new Date(at), level, attempt, message, fields: fields === null ? null : JSON.parse(fields) };
}
