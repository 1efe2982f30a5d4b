import { keyedLane, lane } from "../lane.ts";
import type { QueueChange, QueueVerbs, WaitingLane } from "../store.ts";
import { nextVersion } from "./orders.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

const CLOSED =
  "SELECT 1 FROM forge_queues WHERE name = ? AND (paused_at IS NOT NULL OR global_concurrency IS NOT NULL)";

/** Whether whoever asks no further may take jobs of the queue: it is neither paused nor limited across processes. */
export function isOpen(sql: Statements, queue: string): boolean {
  return sql.get(CLOSED, queue) === undefined;
}

const PAUSED = "SELECT 1 FROM forge_queues WHERE name = ? AND paused_at IS NOT NULL";

const LIMIT = "SELECT global_concurrency AS most FROM forge_queues WHERE name = ? AND global_concurrency IS NOT NULL";

const HELD = `
  SELECT count(*) AS held FROM (
    SELECT 1 FROM forge_live INDEXED BY forge_live_worker WHERE worker_no IS NOT NULL AND is_waiting = 0 AND queue = ? LIMIT ?
  )`;

/** How many jobs more may be held of a queue: infinitely many without a global limit, none while it is paused. */
export function queueRoom(sql: Statements, queue: string): number {
  if (sql.get(PAUSED, queue) !== undefined) return 0;
  const limit = sql.get<{ most: number }>(LIMIT, queue);
  // The rows that workers hold are the count: whatever ends or gives back a job makes room by that alone.
  return limit === undefined ? Infinity : limit.most - sql.get<{ held: number }>(HELD, queue, limit.most)!.held;
}

/** The columns that a change may name. The bit of the n-th in `emptied` is 1 << n. */
const COLUMNS: readonly (readonly [keyof QueueChange, column: string])[] = [
  ["concurrency", "concurrency"],
  ["globalConcurrency", "global_concurrency"],
  ["backoffEnabled", "backoff_enabled"],
  ["backoffBaseSeconds", "backoff_base_seconds"],
  ["backoffMaxSeconds", "backoff_max_seconds"],
];

const PAUSE = "UPDATE forge_queues SET paused_at = ?, paused_by = ? WHERE name = ? AND paused_at IS NULL";
const RESUME = "UPDATE forge_queues SET paused_at = NULL, paused_by = NULL WHERE name = ? AND paused_at IS NOT NULL";

export function changeQueue(
  { sql, now }: WriteTx,
  { name, change, onlyAbsent, by: said }: Parameters<QueueVerbs["change"]>[0],
): number {
  const by = said ?? null;
  const made = "INSERT INTO forge_queues (name, changed_at, changed_by) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
  sql.run(made, name, now, by);
  let changes = 0;
  for (const [n, [key, column]] of COLUMNS.entries()) {
    const value = change[key];
    if (value === undefined) continue;
    const bit = 1 << n;
    const isAbsent = `${column} IS NULL AND ?1 IS NOT NULL AND emptied & ${bit} = 0`;
    const other = onlyAbsent ? isAbsent : `${column} IS NOT ?1`;
    const bound = typeof value === "boolean" ? Number(value) : value;
    changes += sql.run(`UPDATE forge_queues SET ${column} = ?1 WHERE name = ?2 AND ${other}`, bound, name);
    if (onlyAbsent) continue;
    const emptied = value === null ? `emptied | ${bit}` : `emptied & ~${bit}`;
    sql.run(`UPDATE forge_queues SET emptied = ${emptied} WHERE name = ?`, name);
  }
  if (change.paused === true) changes += sql.run(PAUSE, now, by, name);
  if (change.paused === false) changes += sql.run(RESUME, name);
  if (changes > 0) sql.run("UPDATE forge_queues SET changed_at = ?, changed_by = ? WHERE name = ?", now, by, name);
  return nextVersion(sql);
}

// A lane's head stands for all of it: two pairs of queue and type may share a lane, which this does not look for. It begins
// below every lane, which are 32-bit integers, and each step is one descent into the index.
const LANES = `
  WITH RECURSIVE lanes (lane) AS (
    VALUES (-2147483649)
    UNION ALL
    SELECT (
      SELECT lane FROM forge_live INDEXED BY forge_live_ready
      WHERE lane > lanes.lane AND ready_at IS NOT NULL ORDER BY lane LIMIT 1
    ) FROM lanes WHERE lanes.lane IS NOT NULL
  )
  SELECT head.queue, head.job_type AS type, ? - head.ready_at AS dueForMs
  FROM lanes CROSS JOIN (VALUES (0), (1), (2), (3)) urgency CROSS JOIN forge_live head ON head.rowid = (
    SELECT rowid FROM forge_live INDEXED BY forge_live_ready
    WHERE lane = lanes.lane AND priority = urgency.column1 AND ready_at IS NOT NULL ORDER BY ready_at LIMIT 1
  )`;

/** Of the jobs that wait parked for a concurrency key, so many are looked at for the one that is due the longest. */
const PARKED_SEEN = 1_000;

const PARKED_LANE = `
  SELECT lane FROM forge_live INDEXED BY forge_live_parked
  WHERE lane > ? AND parked_at IS NOT NULL ORDER BY lane LIMIT 1`;

const PARKED = `
  SELECT queue, job_type AS type, ? - parked_at AS dueForMs FROM forge_live INDEXED BY forge_live_parked
  WHERE lane = ? AND parked_at IS NOT NULL LIMIT ${PARKED_SEEN}`;

function* parkedJobs(sql: Statements, now: number): Generator<WaitingLane> {
  for (let last = -(2 ** 31) - 1; ;) {
    const next = sql.get<{ lane: number }>(PARKED_LANE, last);
    if (next === undefined) return;
    yield* sql.all<WaitingLane>(PARKED, now, next.lane);
    last = next.lane;
  }
}

export function waitingLanes(sql: Statements, now: number): WaitingLane[] {
  const lanes = new Map<string, WaitingLane>();
  for (const head of [...sql.all<WaitingLane>(LANES, now), ...parkedJobs(sql, now)]) {
    const key = `${head.queue}\0${head.type}`;
    const dueForMs = Math.max(head.dueForMs, lanes.get(key)?.dueForMs ?? -Infinity);
    lanes.set(key, { ...head, dueForMs });
  }
  return [...lanes].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, found]) => found);
}

const DEPTH = `
  SELECT count(*) AS depth FROM (
    SELECT 1 FROM json_each(?) wanted CROSS JOIN (VALUES (0), (1), (2), (3)) urgency
    CROSS JOIN forge_live due INDEXED BY forge_live_ready
      ON due.lane = wanted.value AND due.priority = urgency.column1 AND due.ready_at <= ?
    WHERE due.queue = ? AND due.job_type = wanted.key LIMIT ?
  )`;

const PARKED_DEPTH = `
  SELECT count(*) AS depth FROM (
    SELECT 1 FROM json_each(?) wanted
    CROSS JOIN forge_live due INDEXED BY forge_live_parked ON due.lane = wanted.value AND due.parked_at IS NOT NULL
    WHERE due.queue = ? AND due.job_type = wanted.key LIMIT ?
  )`;

export function queueDepths(
  sql: Statements,
  now: number,
  { queues, limit }: Parameters<QueueVerbs["depths"]>[0],
): number[] {
  return queues.map(({ name, types }) => {
    let depth = 0;
    for (const laneOfType of [lane, keyedLane]) {
      const lanes = JSON.stringify(Object.fromEntries(types.map((type) => [type, laneOfType(name, type)])));
      depth += sql.get<{ depth: number }>(DEPTH, lanes, now, name, limit)!.depth;
      if (laneOfType === keyedLane) depth += sql.get<{ depth: number }>(PARKED_DEPTH, lanes, name, limit)!.depth;
    }
    return Math.min(depth, limit);
  });
}
