import type { ChangeHint } from "../store.ts";
import type { WriteTx } from "./write-queue.ts";

const deadLetters = (index: string, when: string): string => `
  UPDATE forge_ended SET status = 'dead_letter', revision = revision + 1
  WHERE rowid IN (
    SELECT rowid FROM forge_ended INDEXED BY ${index}
    WHERE status = 'failed' AND discarded_at IS NULL AND ${when} LIMIT ?
  )
  RETURNING id, revision`;

const USUAL = deadLetters("forge_ended_undecided", "dead_at IS NULL AND failed_at <= ? ORDER BY failed_at");
const OWN = deadLetters("forge_ended_dead", "dead_at IS NOT NULL AND dead_at <= ? ORDER BY dead_at");

export function deadLetter(tx: WriteTx, afterMs: number, limit: number): number {
  const moved = tx.sql.all<ChangeHint>(USUAL, tx.now - afterMs, limit);
  if (moved.length < limit) moved.push(...tx.sql.all<ChangeHint>(OWN, tx.now, limit - moved.length));
  for (const { id, revision } of moved) tx.moved.push({ id, revision });
  return moved.length;
}

const EXPIRED_KEYS = `
  DELETE FROM forge_keys
  WHERE (scope, key) IN (SELECT scope, key FROM forge_keys WHERE window_until <= ? ORDER BY window_until LIMIT ?)`;

export function expiredKeys({ sql, now }: WriteTx, limit: number): number {
  return sql.run(EXPIRED_KEYS, now, limit);
}

const DAY_MS = 24 * 3_600_000;

const RATE_PLACES = `
  DELETE FROM forge_rate_places
  WHERE (scope, job_id) IN (SELECT scope, job_id FROM forge_rate_places WHERE free_at <= ? ORDER BY free_at LIMIT ?)`;

export function ratePlaces({ sql, now }: WriteTx, limit: number): number {
  return sql.run(RATE_PLACES, now - DAY_MS, limit);
}
