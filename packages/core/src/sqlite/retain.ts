import type { EndedStatus, SweepVerbs } from "../store.ts";
import { type EndedRow, removeEnded } from "./delete.ts";
import type { WriteTx } from "./write-queue.ts";

const HOUR_MS = 3_600_000;

/** Which column tells when a job of that status ended. */
const ENDED_AT: Readonly<Record<EndedStatus, string>> = {
  completed: "completed_at",
  cancelled: "cancelled_at",
  failed: "failed_at",
  dead_letter: "failed_at",
};

interface Candidate extends EndedRow {
  readonly isOver: number;
}

const ROW = "e.rowid, e.id, e.completed_at AS completedAt, e.keys";

// A live parent may come again, and read what its children answered, and what stands in for one by its key.
const NOT_AWAITED = `
  (e.parent_id IS NULL OR NOT EXISTS (SELECT 1 FROM forge_live parent WHERE parent.id = e.parent_id))
  AND (e.keys IS NULL OR NOT EXISTS (
    SELECT 1 FROM forge_children c INDEXED BY forge_children_stand_ins CROSS JOIN forge_live parent ON parent.id = c.parent_id
    WHERE c.child_id = e.id AND c.is_stand_in = 1
  ))`;

const page = (endedAt: string): string => `
  SELECT ${ROW}, e.expires_at IS NULL AND e.${endedAt} <= ? AND ${NOT_AWAITED} AS isOver
  FROM forge_ended e INDEXED BY forge_ended_status WHERE e.status = ? AND e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?`;

/** Deletes what ended long enough ago, within a stretch of rows of one status. */
export function retain(
  tx: WriteTx,
  { status, olderThanMs, after = "", upTo, limit }: Parameters<SweepVerbs["retain"]>[0],
): { deleted: number; reached: string | null } {
  const looked = tx.sql.all<Candidate>(page(ENDED_AT[status]), tx.now - olderThanMs, status, after, upTo, limit);
  const over = looked.filter(({ isOver }) => isOver === 1);
  for (const row of over) removeEnded(tx, row);
  return { deleted: over.length, reached: looked.length < limit ? null : looked.at(-1)!.id };
}

const EXPIRED = `
  SELECT ${ROW}, ${NOT_AWAITED} AS isOver
  FROM forge_ended e INDEXED BY forge_ended_expires
  WHERE e.expires_at IS NOT NULL AND e.expires_at <= ? ORDER BY e.expires_at LIMIT ?`;

/** Deletes rows whose own time has come. */
export function expired(tx: WriteTx, limit: number): number {
  const looked = tx.sql.all<Candidate>(EXPIRED, tx.now, limit);
  for (const row of looked) {
    if (row.isOver === 1) removeEnded(tx, row);
    // Out of the way of those behind it.
    else tx.sql.run("UPDATE forge_ended SET expires_at = ? WHERE rowid = ?", tx.now + HOUR_MS, row.rowid);
  }
  return looked.length;
}

const NOTES = `
  DELETE FROM forge_history WHERE rowid IN (
    SELECT rowid FROM forge_history INDEXED BY forge_history_deleted WHERE event = 'delete' AND at <= ? ORDER BY at LIMIT ?
  )`;

/** Deletes entries that say who deleted a job. */
export function deletionNotes({ sql, now }: WriteTx, olderThanMs: number, limit: number): number {
  return sql.run(NOTES, now - olderThanMs, limit);
}

// A lease that ends later than anybody could have taken it for was taken before the clock went back.
const LEAD = `
  INSERT INTO forge_leases (name, holder, until) VALUES (?1, ?2, ?3 + ?4)
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
  WHERE forge_leases.holder = excluded.holder OR forge_leases.until <= ?3 OR forge_leases.until > ?3 + 2 * ?4`;

/** Takes or renews a lease; see `SweepVerbs`. */
export function lead(
  { sql, now }: WriteTx,
  { name, holder, leaseMs }: Parameters<SweepVerbs["lead"]>[0],
): { leads: boolean; nowMs: number } {
  return { leads: sql.run(LEAD, name, holder, now, leaseMs) === 1, nowMs: now };
}

export function resign({ sql }: WriteTx, { name, holder }: Parameters<SweepVerbs["resign"]>[0]): void {
  sql.run("DELETE FROM forge_leases WHERE name = ? AND holder = ?", name, holder);
}
