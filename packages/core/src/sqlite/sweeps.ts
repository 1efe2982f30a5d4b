import { keyedLane, lane } from "../lane.ts";
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

const UNKEY = (waiting: string): string => `
  UPDATE forge_live SET lane = ?, limit_key = NULL, ready_at = coalesce(ready_at, parked_at), parked_at = NULL
  WHERE rowid IN (SELECT rowid FROM forge_live ${waiting} AND queue = ? AND job_type = ? LIMIT ?)`;

const UNPARK = UNKEY("INDEXED BY forge_live_parked WHERE lane = ? AND parked_at IS NOT NULL");
const UNREADY = UNKEY("INDEXED BY forge_live_ready WHERE lane = ? AND ready_at IS NOT NULL");

export function unkeyed(
  { sql, available }: WriteTx,
  {
    lanes,
    limit,
  }: { readonly lanes: readonly { readonly queue: string; readonly type: string }[]; readonly limit: number },
): number {
  let moved = 0;
  for (const { queue, type } of lanes) {
    const before = moved;
    for (const text of [UNPARK, UNREADY]) {
      if (moved < limit) {
        moved += sql.run(text, lane(queue, type), keyedLane(queue, type), queue, type, limit - moved);
      }
    }
    if (moved > before) available.add(queue);
  }
  return moved;
}
