import type { StoredRetention } from "../retention.ts";
import type { RunError } from "../store.ts";
import type { WriteTx } from "./write-queue.ts";

/** Columns that a row keeps when its job ends. */
const KEPT = `id, lane, priority, claim_no, max_attempts, budget, scheduled_at, created_at, claimed_at,
  cancel_requested_at, job_type, queue, owner, parent_id, overrides, keys, limit_key, input`;

/** An instant that no clock reaches. */
const NEVER = 9_000_000_000_000_000;

/** When something is due that the job was dispatched with a time for; null for most jobs, which were not. */
const ownInstant = (what: keyof StoredRetention, now: string): string => `
  iif(overrides IS NULL, NULL, iif(
    json_extract(overrides, '$.keep.${what}') < 0, ${NEVER}, ${now} + json_extract(overrides, '$.keep.${what}')
  ))`;

// The ids travel as keys of one JSON object and the outputs as its values: json_each gives both without taking apart a
// text per column, which would double the cost of a small job. A row that is still `claimed` merges its start.
const COMPLETE = `
  INSERT INTO forge_ended (${KEPT}, attempts, status, revision, progress, message, started_at, completed_at, output,
    expires_at)
  SELECT ${KEPT}, attempts, 'completed', revision + 1,
    iif(status = 'claimed', NULL, progress), iif(status = 'claimed', NULL, message),
    iif(status = 'claimed', ?1, started_at), ?1, done.output, ${ownInstant("endedMs", "?1")}
  FROM (SELECT CAST(key AS INTEGER) AS at, value AS output FROM json_each(?2)) done
  CROSS JOIN forge_live ON forge_live.rowid = done.at`;

const FORGET = "DELETE FROM forge_live WHERE rowid IN (SELECT CAST(key AS INTEGER) FROM json_each(?))";

/** Moves completed jobs, named by rowid with their outputs, to the ended rows. */
export function complete({ sql, now }: WriteTx, outputs: Readonly<Record<number, string | null>>): void {
  const json = JSON.stringify(outputs);
  if (json === "{}") return;
  sql.run(COMPLETE, now, json);
  sql.run(FORGET, json);
}

// A failed run of a workflow is no dead letter, and never becomes one.
const FAIL = `
  INSERT INTO forge_ended (${KEPT}, attempts, status, revision, progress, message, started_at, failed_at, error, public_error,
    expires_at, dead_at)
  SELECT ${KEPT}, attempts - ?2, ?3, revision + 1, progress, message, started_at, ?1, ?4, ?5,
    ${ownInstant("failedMs", "?1")}, iif(instr(job_type, '@') > 0, ${NEVER}, ${ownInstant("deadMs", "?1")})
  FROM forge_live WHERE rowid = ?6`;

/** Moves one job that failed to the ended rows. `uncounted`: its present attempt does not count. */
export function endFailed(
  { sql, now }: WriteTx,
  rowid: number,
  status: "failed" | "dead_letter",
  { error, publicError }: RunError,
  uncounted: boolean = false,
): void {
  sql.run(FAIL, now, uncounted ? 1 : 0, status, error, publicError, rowid);
  sql.run("DELETE FROM forge_live WHERE rowid = ?", rowid);
}

/** Moves one job that failed to the ended rows, as one that nobody is to look at. */
export function endDiscarded(tx: WriteTx, rowid: number, error: RunError): void {
  // The INSERT gave it another rowid than it had among the live rows.
  endFailed(tx, rowid, "failed", error);
  tx.sql.run("UPDATE forge_ended SET discarded_at = failed_at WHERE rowid = last_insert_rowid()");
}

/** Moves one run of a workflow that failed, and was undone, to the ended rows. */
export function endCompensated(
  tx: WriteTx,
  { id, rowid }: { readonly id: string; readonly rowid: number },
  error: RunError,
): void {
  endFailed(tx, rowid, "failed", error);
  tx.sql.run(UNDONE, id);
}

/** Notes that a run of a workflow was undone. */
export const UNDONE = "UPDATE forge_runs SET is_undone = 1 WHERE id = ?";

const CANCEL = `
  INSERT INTO forge_ended (${KEPT}, attempts, status, revision, progress, message, started_at, cancelled_at, error, public_error,
    expires_at)
  SELECT ${KEPT}, attempts - ?2, 'cancelled', revision + 1, progress, message, started_at, ?1,
    coalesce(?3, cancel_reason), coalesce(?3, cancel_reason), ${ownInstant("endedMs", "?1")}
  FROM forge_live WHERE rowid = ?4`;

/** Moves one job to the ended rows as cancelled, with this reason, or else with the one that its row holds already. */
export function endCancelled(
  { sql, now }: WriteTx,
  rowid: number,
  { reason = null, uncounted = false }: { reason?: string | null; uncounted?: boolean } = {},
): void {
  sql.run(CANCEL, now, uncounted ? 1 : 0, reason, rowid);
  sql.run("DELETE FROM forge_live WHERE rowid = ?", rowid);
}
