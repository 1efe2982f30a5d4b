import { laneOf } from "../lane.ts";
import { PRIORITIES, type NewJob } from "../store.ts";
import type { WriteTx } from "./write-queue.ts";

const REPLACE = `
  UPDATE forge_live
  SET input = ?1, queue = ?2, lane = ?3, priority = ?4, budget = ?5, max_attempts = attempts + ?5, overrides = ?6,
    limit_key = ?7, scheduled_at = ?8, ready_at = ?9, parked_at = ?10, progress = NULL, message = NULL, error = NULL,
    public_error = NULL, revision = revision + 1
  WHERE id = ?11 AND status = 'pending' AND job_type = ?12 RETURNING revision`;

/** Gives a job that is still pending the content of another one, and forgets what runs of before left behind. */
export function replace(tx: WriteTx, id: string, job: NewJob, dueAt: number): void {
  const { type, queue, priority, maxAttempts, overrides, input, limitKey } = job;
  // A row with a concurrency key that is due waits parked.
  const isParked = limitKey !== undefined && dueAt <= tx.now;
  const due = [dueAt, isParked ? null : dueAt, isParked ? dueAt : null];
  const place = [queue, laneOf(job), PRIORITIES.indexOf(priority)];
  const values = [input, ...place, maxAttempts, overrides, limitKey ?? null, ...due, id, type];
  const row = tx.sql.get<{ revision: number }>(REPLACE, ...values);
  if (row === undefined) return;
  tx.sql.run("DELETE FROM forge_saved WHERE job_id = ?", id);
  tx.sql.run("DELETE FROM forge_children WHERE parent_id = ?", id);
  tx.moved.push({ id, revision: row.revision });
  tx.available.add(queue);
}
