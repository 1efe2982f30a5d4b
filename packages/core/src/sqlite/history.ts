import type { HistoryEvent, HistoryRecord, RunError } from "../store.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

/** How many entries of each sort a job keeps. */
const KEPT_ENTRIES = 20;

const FAILURES = "'error', 'death'";
const ACTS = "'cancel', 'retry', 'discard', 'delete', 'skip'";

/** Errors and deaths push out each other, and what people did likewise: neither makes the other short. */
const SORTS: Readonly<Record<HistoryEvent, string>> = {
  error: FAILURES,
  death: FAILURES,
  cancel: ACTS,
  retry: ACTS,
  discard: ACTS,
  delete: ACTS,
  skip: ACTS,
};

const INTO = `INSERT INTO forge_history (job_id, revision, at, event, attempt, worker_id, actor, reason, error_name, error)`;

const OF_LIVE = `
  ${INTO}
  SELECT id, revision + 1, ?, ?, attempts, (SELECT id FROM forge_workers WHERE no = worker_no), ?, ?, ?, ?
  FROM forge_live WHERE rowid = ?`;

const OF_ENDED = `
  ${INTO}
  SELECT id, revision + 1, ?, ?, attempts, NULL, ?, ?, NULL, NULL
  FROM forge_ended WHERE rowid = ?`;

const surplus = (sort: string): string => `
  DELETE FROM forge_history WHERE rowid IN (
    SELECT rowid FROM forge_history WHERE job_id = ? AND event IN (${sort}) ORDER BY revision DESC LIMIT -1 OFFSET ${KEPT_ENTRIES}
  )`;

/** What a person did: who, and why. */
export interface Act {
  readonly by: string | undefined;
  readonly reason?: string;
}

/** Notes a failure of a live row's run. To be called before the statement that raises the row's revision. */
export function rememberFailure(
  { sql, now }: WriteTx,
  job: { readonly id: string; readonly rowid: number },
  event: "error" | "death",
  { error, errorName }: Partial<RunError> = {},
): void {
  sql.run(OF_LIVE, now, event, null, null, errorName ?? null, error ?? null, job.rowid);
  sql.run(surplus(SORTS[event]), job.id);
}

/** Notes what a person did to a live row. To be called before the statement that raises the row's revision. */
export function rememberAct(
  { sql, now }: WriteTx,
  job: { readonly id: string; readonly rowid: number },
  event: "cancel" | "skip",
  { by, reason }: Act,
): void {
  sql.run(OF_LIVE, now, event, by ?? null, reason ?? null, null, null, job.rowid);
  sql.run(surplus(SORTS[event]), job.id);
}

/** Notes what a person did to an ended row. To be called before the statement that raises the row's revision. */
export function rememberActOnEnded(
  { sql, now }: WriteTx,
  job: { readonly id: string; readonly rowid: number },
  event: "retry" | "discard" | "delete",
  { by, reason }: Act,
): void {
  sql.run(OF_ENDED, now, event, by ?? null, reason ?? null, job.rowid);
  sql.run(surplus(SORTS[event]), job.id);
}

const READ = `
  SELECT job_id AS jobId, revision, at, event, attempt, error, error_name AS errorName, worker_id AS workerId, actor AS by, reason
  FROM forge_history WHERE job_id = ? ORDER BY revision`;

export function readHistory(sql: Statements, jobIds: readonly string[]): HistoryRecord[] {
  return [...new Set(jobIds)].flatMap((id) => sql.all<HistoryRecord>(READ, id)).map((row) => ({ ...row }));
}
