import { KEYS_AT_ONCE, type KeyRound, KeyWalks, roundOf } from "../key-walk.ts";
import { keyedLane } from "../lane.ts";
import { PRIORITIES, type ClaimedJob, type KeyedType } from "../store.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

/** Rows that become due are parked so many at a time. */
const PARK_BATCH = 1_000;

const PARK = `
  UPDATE forge_live SET parked_at = ready_at, ready_at = NULL
  WHERE rowid IN (
    SELECT rowid FROM forge_live INDEXED BY forge_live_ready
    WHERE lane = ? AND priority = ? AND ready_at <= ? AND queue = ? AND job_type = ? ORDER BY ready_at LIMIT ${PARK_BATCH}
  )`;

// One descent into the index for each step from a key to the next.
const NEXT_KEY = `
  SELECT limit_key AS key FROM forge_live INDEXED BY forge_live_parked
  WHERE lane = ? AND parked_at IS NOT NULL AND limit_key > ? AND (? IS NULL OR limit_key <= ?) AND queue = ? AND job_type = ?
  ORDER BY limit_key LIMIT 1`;

const HELD = `
  SELECT count(*) AS held FROM (
    SELECT 1 FROM forge_live INDEXED BY forge_live_keyed
    WHERE lane = ? AND limit_key = ? AND worker_no IS NOT NULL AND is_waiting = 0 AND queue = ? AND job_type = ? LIMIT ?
  )`;

const PARKED = `
  SELECT rowid, id, priority, input, owner, attempts, max_attempts AS maxAttempts, claim_no AS claimNo, deaths, overrides,
    revision
  FROM forge_live INDEXED BY forge_live_parked
  WHERE lane = ? AND limit_key = ? AND parked_at IS NOT NULL AND queue = ? AND job_type = ?
  ORDER BY priority, parked_at, rowid LIMIT ?`;

const TAKE = `
  UPDATE forge_live
  SET status = 'claimed', parked_at = NULL, worker_no = ?, claimed_at = ?, is_waiting = 0,
    attempts = attempts + 1, claim_no = claim_no + 1, revision = revision + 1
  WHERE rowid = ?`;

const NEXT_READY = `
  SELECT min(head.ready_at) AS dueAt FROM (VALUES (0), (1), (2), (3)) urgency
  CROSS JOIN forge_live head ON head.rowid = (
    SELECT rowid FROM forge_live INDEXED BY forge_live_ready
    WHERE lane = ? AND priority = urgency.column1 AND ready_at IS NOT NULL AND queue = ? AND job_type = ?
    ORDER BY ready_at LIMIT 1
  )`;

interface ParkedRow {
  rowid: number;
  id: string;
  priority: number;
  input: string;
  owner: string | null;
  attempts: number;
  maxAttempts: number;
  claimNo: number;
  deaths: number;
  overrides: string | null;
  revision: number;
}

/** Whose turn it is; it only says where the next claim begins. */
export class KeyTurns {
  readonly walks: KeyWalks = new KeyWalks();
  readonly #claims = new Map<string, number>();

  /** Counts the claims of a queue. */
  next(queue: string): number {
    const claims = this.#claims.get(queue) ?? 0;
    this.#claims.set(queue, claims + 1);
    return claims;
  }
}

interface KeyedTaking {
  readonly queue: string;
  /** The worker's number. */
  readonly no: number;
  readonly limit: number;
  readonly walks: KeyWalks;
}

/** Takes jobs with concurrency keys: key by key in turn, of each what its limit leaves. */
export function takeKeyed(tx: WriteTx, types: readonly KeyedType[], taking: KeyedTaking): ClaimedJob[] {
  const jobs: ClaimedJob[] = [];
  for (const type of types) {
    if (jobs.length >= taking.limit) break;
    park(tx, taking.queue, type.type);
    jobs.push(...takeType(tx, type, { ...taking, limit: taking.limit - jobs.length }));
  }
  return jobs;
}

/** When the next of these jobs could be taken: 0 for now; null if none waits, or only such as have no room. */
export function nextKeyed(
  sql: Statements,
  queue: string,
  types: readonly KeyedType[],
  { now, walks }: { readonly now: number; readonly walks: KeyWalks },
): number | null {
  const instants: number[] = [];
  for (const type of types) {
    const due = sql.get<{ dueAt: number | null }>(NEXT_READY, keyedLane(queue, type.type), queue, type.type);
    if (due?.dueAt != null) instants.push(due.dueAt);
    // There are keys that the claims have not looked at yet.
    if (walks.of(queue, type.type).round !== null) return 0;
    let seen = 0;
    for (const key of keys(sql, queue, type.type, "", null)) {
      if (seen++ === KEYS_AT_ONCE) break;
      if (freeOf(sql, queue, type, key) > 0) return 0;
    }
  }
  return instants.length === 0 ? null : Math.max(0, Math.min(...instants) - now);
}

function park({ sql, now }: WriteTx, queue: string, type: string): void {
  for (const priority of PRIORITIES.keys()) sql.run(PARK, keyedLane(queue, type), priority, now, queue, type);
}

function takeType(tx: WriteTx, type: KeyedType, { queue, no, limit, walks }: KeyedTaking): ClaimedJob[] {
  const walk = walks.of(queue, type.type);
  const { start, wrapped } = roundOf(walk);
  const jobs: ClaimedJob[] = [];
  let seen = 0;
  let cursor = walk.cursor;
  const go = (next: string, round: KeyRound | null): ClaimedJob[] => {
    walks.set(queue, type.type, { cursor: next, round });
    return jobs;
  };
  for (let isLast = wrapped; ; isLast = true) {
    const after = isLast && !wrapped ? "" : walk.cursor;
    for (const key of keys(tx.sql, queue, type.type, after, isLast && start !== "" ? start : null)) {
      if (seen++ === KEYS_AT_ONCE) return go(cursor, { start, wrapped: isLast });
      const free = Math.min(freeOf(tx.sql, queue, type, key), limit - jobs.length);
      if (free > 0) jobs.push(...takeKey(tx, queue, type.type, key, free, no));
      cursor = key;
      if (jobs.length >= limit) return go(key, null);
    }
    if (isLast) return go(cursor, null);
  }
}

/** The keys of which jobs are parked, from behind one on, to another. */
function* keys(sql: Statements, queue: string, type: string, after: string, upTo: string | null): Generator<string> {
  for (let last = after; ;) {
    const next = sql.get<{ key: string }>(NEXT_KEY, keyedLane(queue, type), last, upTo, upTo, queue, type);
    if (next === undefined) return;
    yield next.key;
    last = next.key;
  }
}

export function freeOf(sql: Statements, queue: string, { type, perKey }: KeyedType, key: string): number {
  return perKey - sql.get<{ held: number }>(HELD, keyedLane(queue, type), key, queue, type, perKey)!.held;
}

function takeKey(tx: WriteTx, queue: string, type: string, key: string, limit: number, no: number): ClaimedJob[] {
  return tx.sql.all<ParkedRow>(PARKED, keyedLane(queue, type), key, queue, type, limit).map((row) => {
    tx.sql.run(TAKE, no, tx.now, row.rowid);
    const { id, input, owner, maxAttempts, deaths, overrides } = row;
    const revision = row.revision + 1;
    tx.moved.push({ id, revision });
    const run = { attempt: row.attempts + 1, maxAttempts, claimNo: row.claimNo + 1, deaths, overrides, revision };
    return { id, type, queue, priority: PRIORITIES[row.priority]!, input, owner, ...run, isLimited: true };
  });
}
