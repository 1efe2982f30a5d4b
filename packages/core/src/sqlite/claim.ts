import { lane } from "../lane.ts";
import type { ClaimedJob, ClaimLimits } from "../store.ts";
import { takeAmong } from "./among.ts";
import { claimedOf, type DueRow } from "./claimed-row.ts";
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
  // One who does not say that the queue is limited has not heard of it, and takes nothing.
  const room = limits?.global === true ? queueRoom(tx.sql, queue) : isOpen(tx.sql, queue) ? Infinity : 0;
  const most = Math.min(args.limit, room);
  if (args.among !== undefined) return takeAmong(tx, { ...args, limit: most }, args.among, no);
  if (limits === undefined) return room > 0 ? takePlain(tx, args, no, turn) : [];
  const claims = turns.next(queue);
  const jobs: ClaimedJob[] = [];
  const takesPlain = (): void => {
    const taken = takePlain(tx, { ...args, limit: most - jobs.length }, no, turn);
    jobs.push(...(limits.global ? taken.map((job) => ({ ...job, isLimited: true as const })) : taken));
  };
  const takesKeyed = (): void => {
    const limit = most - jobs.length;
    const first = (claims >> 1) % Math.max(limits.keyed.length, 1);
    const types = [...limits.keyed.slice(first), ...limits.keyed.slice(0, first)];
    jobs.push(...takeKeyed(tx, types, { queue, no, limit, walks: turns.walks }));
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

/** In how many milliseconds the next of these jobs becomes due; null if none waits, or none may be had. */
export function nextDue(
  sql: Statements,
  { queue, types, limits }: Pick<ClaimArgs, "queue" | "types" | "limits">,
  now: number,
  { walks }: KeyTurns,
): number | null {
  if (limits?.global === true && queueRoom(sql, queue) <= 0) return null;
  const instants = ranges(sql, queue, types).map(({ dueAt }) => dueAt - now);
  const keyed = limits === undefined ? null : nextKeyed(sql, queue, limits.keyed, { now, walks });
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
