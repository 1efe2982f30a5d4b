import { type CancelResult, type KeyClaim, type RetryResult } from "../store.ts";
import { end, reasonOf } from "./ended.ts";
import { keyHolder, takeKey, windowEnd } from "./keys.ts";
import type { WriteTx } from "./write-queue.ts";

const FIND_LIVE = "SELECT rowid, status, revision FROM forge_live WHERE id = ?";
const FIND_ENDED = "SELECT rowid, status, revision, queue, keys, created_at AS createdAt FROM forge_ended WHERE id = ?";

interface FoundRow {
  rowid: number;
  status: string;
  revision: number;
}

interface EndedRow extends FoundRow {
  queue: string;
  keys: string | null;
  createdAt: number;
}

const FLAG = `
  UPDATE forge_live
  SET status = 'cancel_requested', cancel_requested_at = ?2, cancel_reason = ?3, revision = revision + 1
  WHERE rowid = ?1`;

/** Ends jobs that no handler runs, and flags the running ones. */
export function cancel(tx: WriteTx, ids: readonly string[], reason: string): CancelResult[] {
  return ids.map((id) => {
    const row = tx.sql.get<FoundRow>(FIND_LIVE, id);
    if (row === undefined) return tx.sql.get(FIND_ENDED, id) === undefined ? "not_found" : "settled";
    if (row.status === "cancel_requested") return "requested";
    tx.moved.push({ id, revision: row.revision + 1 });
    if (row.status === "running") {
      tx.sql.run(FLAG, row.rowid, tx.now, reason);
      return "requested";
    }
    end(tx, row.rowid, "cancelled", reasonOf(reason));
    return "cancelled";
  });
}

const REVIVE = `
  INSERT INTO forge_live (id, lane, priority, ready_at, claim_no, revision, attempts, max_attempts, budget, scheduled_at,
    created_at, job_type, queue, owner, overrides, keys, input)
  SELECT id, lane, priority, ?2, claim_no, revision + 1, attempts, attempts + budget, budget, ?2,
    created_at, job_type, queue, owner, overrides, keys, input
  FROM forge_ended WHERE rowid = ?1`;

/** Brings ended jobs back to `pending`, each with a new budget and its keys, or leaves them alone. */
export function retry(tx: WriteTx, ids: readonly string[]): RetryResult[] {
  return ids.map((id) => {
    const row = tx.sql.get<EndedRow>(FIND_ENDED, id);
    if (row === undefined) return tx.sql.get(FIND_LIVE, id) === undefined ? "not_found" : "not_settled";
    if (row.status === "completed") return "not_settled";
    if (!takeKeysAgain(tx, id, row)) return "key_held";
    tx.sql.run(REVIVE, row.rowid, tx.now);
    tx.sql.run("DELETE FROM forge_ended WHERE rowid = ?", row.rowid);
    tx.moved.push({ id, revision: row.revision + 1 });
    tx.available.add(row.queue);
    return "retried";
  });
}

/** Takes all keys that the job was dispatched with, or none if another job holds one of them. */
function takeKeysAgain({ sql, now }: WriteTx, id: string, row: EndedRow): boolean {
  if (row.keys === null) return true;
  const wanted = (JSON.parse(row.keys) as KeyClaim[]).filter(({ hold }) => {
    // A window runs from the dispatch, and the retry is none.
    const until = windowEnd(hold, row.createdAt);
    return until === null || now < until;
  });
  for (const key of wanted) {
    const holder = keyHolder(sql, key, now);
    if (holder !== null && holder !== id) return false;
  }
  for (const key of wanted) takeKey(sql, key, id, row.createdAt);
  return true;
}
