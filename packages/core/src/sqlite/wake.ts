import type { WriteTx } from "./write-queue.ts";

/** A run that sleeps; one that has never been claimed waits for the time of its start, and nothing but that begins it. */
const SLEEPS = "status = 'pending' AND claim_no > 0 AND parked_at IS NULL";

const AT_ONCE = "min(coalesce(ready_at, ?1), ?1)";

const WAKE = `
  UPDATE forge_live
  SET wakes = coalesce(wakes, 0) + 1, revision = revision + 1,
    ready_at = iif(${SLEEPS}, ${AT_ONCE}, ready_at), scheduled_at = iif(${SLEEPS}, ${AT_ONCE}, scheduled_at)
  WHERE id = ?2 AND instr(job_type, '@') > 0
  RETURNING revision, queue, ready_at IS NOT NULL AS isDue`;

/** Lets a run of a workflow look again at what it waits for. Does nothing for a run that has ended, and for jobs. */
export function wake(tx: WriteTx, id: string): void {
  const row = tx.sql.get<{ revision: number; queue: string; isDue: number }>(WAKE, tx.now, id);
  if (row === undefined) return;
  tx.moved.push({ id, revision: row.revision });
  if (row.isDue === 1) tx.available.add(row.queue);
}
