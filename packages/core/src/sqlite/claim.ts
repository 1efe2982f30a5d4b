import { lane } from "../lane.ts";
import { PRIORITIES, type ClaimedJob, type ClaimLimits } from "../store.ts";
import { type KeyTurns, nextKeyed, takeKeyed } from "./keyed-claim.ts";
import { isOpen, queueRoom } from "./queues.ts";
import type { Statements } from "./statements.ts";
import { takerNo } from "./workers.ts";
import type { WriteTx } from "./write-queue.ts";

export interface ClaimArgs {
  readonly workerId: string;
  readonly queue: string;
  readonly types: readonly string[];
  readonly limit: number;
  readonly oldestFirst: boolean;
  readonly limits?: ClaimLimits;
  readonly among?: readonly string[] | "awaited";
}

/** Waiting rows of one priority and one type: a stretch of the claim's index, which begins with the longest due. */
interface Range {
  readonly priority: number;
  readonly type: string;
  /** When the first row of it is due. */
  readonly dueAt: number;
}

// One statement for all priorities and types, since most of them have nothing waiting at a given moment. Two pairs of queue
// and type may share a lane, so both are compared as text besides. The index is named so that no statistics, taken when the
// table was empty say, can lead to another plan.
const RANGES = `
  SELECT head.priority, head.job_type AS type, head.ready_at AS dueAt
  FROM json_each(?) wanted CROSS JOIN (VALUES (0), (1), (2), (3)) urgency
  CROSS JOIN forge_live head ON head.rowid = (
    SELECT rowid FROM forge_live INDEXED BY forge_live_ready
    WHERE lane = wanted.value AND priority = urgency.column1 AND ready_at IS NOT NULL AND queue = ? AND job_type = wanted.key
    ORDER BY ready_at LIMIT 1
  )`;

const DUE = `
  SELECT rowid, id, input, owner, attempts, max_attempts, claim_no, deaths, overrides, revision
  FROM forge_live INDEXED BY forge_live_ready
  WHERE lane = ? AND priority = ? AND ready_at <= ? AND queue = ? AND job_type = ?
  ORDER BY ready_at, rowid LIMIT ?`;

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

const TAKE = `
  UPDATE forge_live
  SET status = 'claimed', ready_at = NULL, worker_no = ?, claimed_at = ?, is_waiting = 0,
    attempts = attempts + 1, claim_no = claim_no + 1, revision = revision + 1
  WHERE rowid IN (SELECT value FROM json_each(?))`;

/** Takes due jobs range by range. `turn` differs from claim to claim and says which type comes first. */
export function claim(tx: WriteTx, args: ClaimArgs, turn: number, turns: KeyTurns): ClaimedJob[] {
  // A claim that comes after the worker was retired would take rows that nobody rescues.
  const no = takerNo(tx.sql, args.workerId);
  if (no === undefined) return [];
  const { queue, limits } = args;
  if (args.among !== undefined) return isOpen(tx.sql, queue) ? takeAmong(tx, args, args.among, no) : [];
  const claims = limits === undefined ? 0 : turns.next(queue);
  if (limits === undefined) return isOpen(tx.sql, queue) ? takePlain(tx, args, no, turn) : [];
  // One who does not say that the queue is limited has not heard of it, and takes nothing.
  const room = limits.global ? queueRoom(tx.sql, queue) : isOpen(tx.sql, queue) ? Infinity : 0;
  const most = Math.min(args.limit, room);
  const jobs: ClaimedJob[] = [];
  const takesPlain = (): void => {
    const taken = takePlain(tx, { ...args, limit: most - jobs.length }, no, turn);
    jobs.push(...(limits.global ? taken.map((job) => ({ ...job, isLimited: true as const })) : taken));
  };
  const takesKeyed = (): void => {
    const limit = most - jobs.length;
    const first = (claims >> 1) % Math.max(limits.keyed.length, 1);
    const types = [...limits.keyed.slice(first), ...limits.keyed.slice(0, first)];
    jobs.push(...takeKeyed(tx, types, { queue, no, limit, lastKeys: turns.lastKeys }));
  };
  // Those with keys and those without take turns at coming first.
  for (const takes of claims % 2 === 0 ? [takesPlain, takesKeyed] : [takesKeyed, takesPlain]) takes();
  return jobs;
}

function takePlain(tx: WriteTx, args: ClaimArgs, no: number, turn: number): ClaimedJob[] {
  if (args.limit <= 0) return [];
  const due = ranges(tx.sql, args.queue, args.types).filter(({ dueAt }) => dueAt <= tx.now);
  const take = (range: Range, until: number, limit: number): ClaimedJob[] =>
    takeDue(tx, { ...range, queue: args.queue, until, limit, no });
  if (args.oldestFirst) return claimOldest(tx, args, due, take);
  const jobs: ClaimedJob[] = [];
  for (const range of inTurn(due, args.types, turn)) {
    if (jobs.length >= args.limit) break;
    jobs.push(...take(range, tx.now, args.limit - jobs.length));
  }
  return jobs;
}

/** Merges ranges by due time: takes from the one whose first row is the longest due, as far as the next one's first row. */
function claimOldest(
  tx: WriteTx,
  { queue, limit }: ClaimArgs,
  due: readonly Range[],
  take: (range: Range, until: number, limit: number) => ClaimedJob[],
): ClaimedJob[] {
  const jobs: ClaimedJob[] = [];
  let waiting = [...due];
  while (jobs.length < limit) {
    const [oldest, next] = waiting.toSorted((a, b) => a.dueAt - b.dueAt);
    if (oldest === undefined) break;
    jobs.push(...take(oldest, next?.dueAt ?? tx.now, limit - jobs.length));
    const left = ranges(tx.sql, queue, [oldest.type]).filter(
      ({ priority, dueAt }) => priority === oldest.priority && dueAt <= tx.now,
    );
    waiting = [...waiting.filter((range) => range !== oldest), ...left];
  }
  return jobs;
}

interface Taking extends Range {
  readonly queue: string;
  readonly until: number;
  readonly limit: number;
  /** The worker's number. */
  readonly no: number;
}

function takeDue(tx: WriteTx, { priority, type, queue, until, limit, no }: Taking): ClaimedJob[] {
  const rows = tx.sql.tuples<DueRow>(DUE, lane(queue, type), priority, until, queue, type, limit);
  tx.sql.run(TAKE, no, tx.now, JSON.stringify(rows.map(([rowid]) => rowid)));
  return rows.map((row) => claimedOf(tx, row, queue, type, priority));
}

/** A row that was taken, as it is after that. */
function claimedOf(
  tx: WriteTx,
  [, id, input, owner, attempts, maxAttempts, claimNo, deaths, overrides, before]: readonly [...DueRow, ...unknown[]],
  queue: string,
  type: string,
  priority: number,
): ClaimedJob {
  const revision = before + 1;
  tx.moved.push({ id, revision });
  const run = { attempt: attempts + 1, maxAttempts, claimNo: claimNo + 1, deaths, overrides, revision };
  return { id, type, queue, priority: PRIORITIES[priority]!, input, owner, ...run };
}

// The index over workers leads to the runs that wait, however many jobs wait for a worker.
const AWAITED = `
  SELECT c.child_id AS id FROM forge_live parent INDEXED BY forge_live_worker
  CROSS JOIN forge_children c ON c.parent_id = parent.id
  CROSS JOIN forge_live job ON job.id = c.child_id
  WHERE parent.worker_no IS NOT NULL AND parent.is_waiting = 1
    AND job.ready_at <= ? AND job.queue = ? AND job.job_type IN (SELECT value FROM json_each(?)) LIMIT ?`;

const DUE_AMONG = `
  SELECT job.rowid, job.id, input, owner, attempts, max_attempts, claim_no, deaths, overrides, revision, job_type, priority
  FROM json_each(?) wanted CROSS JOIN forge_live job ON job.id = wanted.value
  WHERE ready_at <= ? AND queue = ? AND job_type IN (SELECT value FROM json_each(?)) LIMIT ?`;

/** Takes the jobs that are due among the given, or among those that runs wait for. */
function takeAmong(
  tx: WriteTx,
  { queue, types, limit }: ClaimArgs,
  among: readonly string[] | "awaited",
  no: number,
): ClaimedJob[] {
  const wanted = JSON.stringify(types);
  const ids =
    among === "awaited"
      ? tx.sql.all<{ id: string }>(AWAITED, tx.now, queue, wanted, limit).map(({ id }) => id)
      : [...new Set(among)];
  const rows = tx.sql.tuples<readonly [...DueRow, type: string, priority: number]>(
    DUE_AMONG,
    JSON.stringify([...new Set(ids)]),
    tx.now,
    queue,
    wanted,
    limit,
  );
  tx.sql.run(TAKE, no, tx.now, JSON.stringify(rows.map(([rowid]) => rowid)));
  return rows.map((row) => claimedOf(tx, row, queue, row[10], row[11]));
}

/** In how many milliseconds the next of these jobs becomes due; null if none waits, or none may be had. */
export function nextDue(
  sql: Statements,
  { queue, types, limits }: Pick<ClaimArgs, "queue" | "types" | "limits">,
  now: number,
): number | null {
  if (limits?.global === true && queueRoom(sql, queue) <= 0) return null;
  const instants = ranges(sql, queue, types).map(({ dueAt }) => dueAt - now);
  const keyed = limits === undefined ? null : nextKeyed(sql, queue, limits.keyed, now);
  if (keyed !== null) instants.push(keyed);
  return instants.length === 0 ? null : Math.max(0, Math.min(...instants));
}

/** The ranges in which something waits, now or later. */
function ranges(sql: Statements, queue: string, types: readonly string[]): Range[] {
  const lanes = Object.fromEntries(types.map((type) => [type, lane(queue, type)]));
  return sql.all<Range>(RANGES, JSON.stringify(lanes), queue);
}

/** The most urgent first, and among them every type in its turn: one that always has work keeps no other one waiting. */
function inTurn(due: readonly Range[], types: readonly string[], turn: number): Range[] {
  const place = ({ priority, type }: Range): number =>
    priority * types.length + ((types.indexOf(type) + turn) % types.length);
  return due.toSorted((a, b) => place(a) - place(b));
}
