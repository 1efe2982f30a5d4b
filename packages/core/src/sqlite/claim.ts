import { lane } from "../lane.ts";
import { PRIORITIES, type ClaimedJob } from "../store.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

/** Due rows of one priority and one type. A claim walks such ranges, each a stretch of one index. */
interface Range {
  readonly priority: number;
  readonly type: string;
}

export interface ClaimArgs {
  readonly workerId: string;
  readonly queue: string;
  readonly types: readonly string[];
  readonly limit: number;
  readonly oldestFirst: boolean;
}

type DueRow = readonly [
  rowid: number,
  id: string,
  input: string,
  owner: string | null,
  attempts: number,
  maxAttempts: number,
  claimNo: number,
  deaths: number,
  overrides: string | null,
  revision: number,
];

const IS_RETIRED = "SELECT 1 FROM forge_workers WHERE id = ? AND retired_at IS NOT NULL";

// Two pairs of queue and type may share a lane, so both are compared as text besides. The index is named so that no
// statistics, taken when the table was empty say, can lead to another plan.
const DUE = `
  SELECT rowid, id, input, owner, attempts, max_attempts, claim_no, deaths, overrides, revision
  FROM forge_live INDEXED BY forge_live_ready
  WHERE lane = ? AND priority = ? AND ready_at <= ? AND queue = ? AND job_type = ?
  ORDER BY ready_at, rowid LIMIT ?`;

const HEAD = `
  SELECT ready_at AS readyAt FROM forge_live INDEXED BY forge_live_ready
  WHERE lane = ? AND priority = ? AND ready_at IS NOT NULL AND queue = ? AND job_type = ?
  ORDER BY ready_at LIMIT 1`;

const TAKE = `
  UPDATE forge_live
  SET status = 'claimed', ready_at = NULL, worker_id = ?, claimed_at = ?,
    attempts = attempts + 1, claim_no = claim_no + 1, revision = revision + 1
  WHERE rowid IN (SELECT value FROM json_each(?))`;

/** Takes due jobs range by range. `turn` differs from claim to claim and says which type comes first. */
export function claim(tx: WriteTx, args: ClaimArgs, turn: number): ClaimedJob[] {
  // A claim that comes after the worker was retired would take rows that nobody rescues.
  if (tx.sql.get(IS_RETIRED, args.workerId) !== undefined) return [];
  return args.oldestFirst ? claimOldest(tx, args) : claimUrgent(tx, args, turn);
}

function claimUrgent(tx: WriteTx, args: ClaimArgs, turn: number): ClaimedJob[] {
  const jobs: ClaimedJob[] = [];
  for (const range of ranges(args.types, turn)) {
    if (jobs.length >= args.limit) break;
    jobs.push(...takeDue(tx, args, range, tx.now, args.limit - jobs.length));
  }
  return jobs;
}

/** Merges the ranges by due time: takes from the one with the oldest row until another one's oldest comes first. */
function claimOldest(tx: WriteTx, args: ClaimArgs): ClaimedJob[] {
  const jobs: ClaimedJob[] = [];
  const head = (range: Range): { range: Range; dueAt: number } => ({
    range,
    dueAt: headOf(tx.sql, args.queue, range) ?? Infinity,
  });
  const heads = ranges(args.types, 0).map(head);
  while (jobs.length < args.limit) {
    heads.sort((a, b) => a.dueAt - b.dueAt);
    const [oldest, next] = heads;
    if (oldest === undefined || oldest.dueAt > tx.now) break;
    jobs.push(...takeDue(tx, args, oldest.range, Math.min(tx.now, next?.dueAt ?? Infinity), args.limit - jobs.length));
    heads[0] = head(oldest.range);
  }
  return jobs;
}

function takeDue(
  tx: WriteTx,
  { workerId, queue }: ClaimArgs,
  range: Range,
  until: number,
  limit: number,
): ClaimedJob[] {
  const { priority, type } = range;
  const rows = tx.sql.tuples<DueRow>(DUE, lane(queue, type), priority, until, queue, type, limit);
  if (rows.length === 0) return [];
  tx.sql.run(TAKE, workerId, tx.now, JSON.stringify(rows.map(([rowid]) => rowid)));
  return rows.map(([, id, input, owner, attempts, maxAttempts, claimNo, deaths, overrides, before]) => {
    const revision = before + 1;
    tx.moved.push({ id, revision });
    const run = { attempt: attempts + 1, maxAttempts, claimNo: claimNo + 1, deaths, overrides, revision };
    return { id, type, queue, priority: PRIORITIES[priority]!, input, owner, ...run };
  });
}

/** In how many milliseconds the next of these jobs becomes due; null if none waits. */
export function nextDue(sql: Statements, queue: string, types: readonly string[], now: number): number | null {
  let soonest = Infinity;
  for (const range of ranges(types, 0)) soonest = Math.min(soonest, headOf(sql, queue, range) ?? Infinity);
  return soonest === Infinity ? null : Math.max(0, soonest - now);
}

function headOf(sql: Statements, queue: string, { priority, type }: Range): number | undefined {
  return sql.get<{ readyAt: number }>(HEAD, lane(queue, type), priority, queue, type)?.readyAt;
}

/** Every priority from the most urgent, and in each every type, beginning with another one at every turn. */
function ranges(types: readonly string[], turn: number): Range[] {
  const first = types.length === 0 ? 0 : turn % types.length;
  const turned = [...types.slice(first), ...types.slice(0, first)];
  return PRIORITIES.flatMap((_, priority) => turned.map((type) => ({ priority, type })));
}
