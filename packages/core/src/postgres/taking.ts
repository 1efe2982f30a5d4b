import type { Tables } from "./database.ts";

/** What a claim writes, and under which condition. */
export interface Taking {
  readonly now: string;
  readonly workerId: string;
  /** The condition that the queue is not closed. A queue that is, is so to this statement, whatever its process knows. */
  readonly isOpen: string;
  /** The column by which the rows are found waiting, and from which they go. */
  readonly leaves: "ready_at" | "parked_at" | "either";
}

/**
 * The statement that takes the rows whose places `picked` selects, and locks.
 *
 * The rows are updated by their place: with a join by id, PostgreSQL may choose to read the whole table for a large claim.
 *
 * A claim that is under way when its worker is retired either shows its rows to the rescue, which waits for the lock on
 * the worker, or sees that it came too late. Heartbeats do not wait: they change no key column. The lock is a write, and
 * a write waits for the disk, so CASE takes it only once there are rows.
 */
export function taking({ live, workers }: Tables, picked: string, { now, workerId, isOpen, leaves }: Taking): string {
  const left = leaves === "either" ? "ready_at = NULL, parked_at = NULL" : `${leaves} = NULL`;
  return `WITH picked AS MATERIALIZED (SELECT ARRAY(${picked}) AS places WHERE ${isOpen}),
      alive AS MATERIALIZED (
        SELECT FROM ${workers} WHERE id = ${workerId} AND retired_at IS NULL AND draining_at IS NULL FOR KEY SHARE
      )
    UPDATE ${live} SET
      status = 'claimed', ${left}, worker_id = ${workerId}, claimed_at = ${now}, is_waiting = false,
      attempts = attempts + 1, claim_no = claim_no + 1, revision = revision + 1
    WHERE ctid = ANY (CASE
      WHEN (SELECT places <> '{}' FROM picked) AND EXISTS (SELECT FROM alive) THEN (SELECT places FROM picked)
    END)
    RETURNING id, job_type, priority, input, owner, attempts, max_attempts, claim_no, deaths, overrides, revision,
      (date_part('epoch', scheduled_at) * 1e6)::int8, (date_part('epoch', claimed_at) * 1e6)::int8, progress
      ${leaves === "ready_at" ? "" : ", limit_key"}`;
}
