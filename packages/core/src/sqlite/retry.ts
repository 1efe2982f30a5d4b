import type { JobVerbs, RetryResult } from "../store.ts";
import { rememberActOnEnded } from "./history.ts";
import { takeKeysAgain } from "./keys.ts";
import type { WriteTx } from "./write-queue.ts";

interface EndedRow {
  rowid: number;
  status: string;
  revision: number;
  queue: string;
  keys: string | null;
  discardedAt: number | null;
}

const FIND = "SELECT rowid, status, revision, queue, keys, discarded_at AS discardedAt FROM forge_ended WHERE id = ?";

const REVIVE = `
  INSERT INTO forge_live (id, lane, priority, ready_at, claim_no, revision, attempts, max_attempts, budget, scheduled_at,
    created_at, claimed_at, started_at, job_type, queue, owner, parent_id, overrides, keys, limit_key, input)
  SELECT id, lane, priority, ?, claim_no, revision + 1, attempts, attempts + coalesce(?, budget), budget, ?,
    created_at, claimed_at, started_at, job_type, queue, owner, parent_id, overrides, keys, limit_key, input
  FROM forge_ended WHERE rowid = ?`;

/** Brings ended jobs back to `pending`, each with a new budget and its keys, or leaves them alone. */
export function retry(
  tx: WriteTx,
  { ids, maxAttempts, delaysMs = [], by }: Parameters<JobVerbs["retry"]>[0],
): RetryResult[] {
  return ids.map((id, n) => {
    const row = tx.sql.get<EndedRow>(FIND, id);
    if (row === undefined) {
      return tx.sql.get("SELECT 1 FROM forge_live WHERE id = ?", id) === undefined ? "not_found" : "not_settled";
    }
    if (row.status === "completed") return "not_settled";
    if (row.discardedAt !== null) return "discarded";
    if (!takeKeysAgain(tx.sql, id, row.keys, tx.now)) return "key_held";
    rememberActOnEnded(tx, { id, rowid: row.rowid }, "retry", { by });
    const dueAt = tx.now + (delaysMs[n] ?? 0);
    tx.sql.run(REVIVE, dueAt, maxAttempts ?? null, dueAt, row.rowid);
    tx.sql.run("DELETE FROM forge_ended WHERE rowid = ?", row.rowid);
    tx.moved.push({ id, revision: row.revision + 1 });
    tx.available.add(row.queue);
    return "retried";
  });
}
