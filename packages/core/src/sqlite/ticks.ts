import type { CronAdvance, NewJob } from "../store.ts";
import { insert } from "./insert.ts";
import type { WriteTx } from "./write-queue.ts";

const ADVANCE = `
  UPDATE forge_crons SET last_tick = ?1, pending = ?2, turn = turn + 1, skipped = skipped + ?3,
    last_skipped_at = coalesce(?4, last_skipped_at), tick_job_id = coalesce(?5, tick_job_id),
    last_job_id = coalesce(?5, last_job_id), last_scheduled_at = coalesce(?6, last_scheduled_at)
  WHERE name = ?7 AND hash = ?8 AND turn = ?9 AND paused_at IS NULL AND ?1 <= ?10`;

/** Writes a decision about a cron's ticks and inserts its jobs, unless the ground for it has changed. */
export function advance(tx: WriteTx, { name, hash, turn, lastTick, pending, skipped, runs }: CronAdvance): boolean {
  const jobs = runs?.jobs ?? [];
  const changes = [lastTick, JSON.stringify(pending), skipped.length, skipped.at(-1) ?? null];
  const newest = [jobs.at(-1)?.id ?? null, runs?.scheduledAt ?? null];
  if (tx.sql.run(ADVANCE, ...changes, ...newest, name, hash, turn, tx.now) === 0) return false;
  insert(tx, jobs);
  return true;
}

const TRIGGER = "UPDATE forge_crons SET last_job_id = ?, last_scheduled_at = ? WHERE name = ?";

/** Inserts a run beside the ticks. */
export function trigger(tx: WriteTx, name: string, job: NewJob, scheduledAt: number): boolean {
  if (tx.sql.run(TRIGGER, job.id, scheduledAt, name) === 0) return false;
  insert(tx, [job]);
  return true;
}
