import { type ClaimedJob, type JobVerbs, PRIORITIES, type Priority } from "../store.ts";
import { ClaimPositions, type Range, type Reach, type Walked } from "./claim-positions.ts";
import { type Bound, type ClaimedRow, type ClaimScope, ClaimStatements, type ClaimTake } from "./claim-statements.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { isOpen, isUnpaused } from "./open-queue.ts";
import { QueueRoom } from "./queue-room.ts";
import type { Row } from "./session.ts";

/** How the claims of one queue go on from each other. */
interface Walk {
  readonly positions: ClaimPositions;
  /** Moves on with every claim, so that no type stands first for ever. */
  turn: number;
}

type Claim = Parameters<JobVerbs["claim"]>[0];

/** Runs a statement on its own, or in a transaction. */
type Run = <R extends Row>(bound: Bound) => Promise<R[]>;

/** Makes the verbs `claim` and `nextDue`, which walk the claim index from the same positions. */
export function createClaim(database: Database, hints: HintSink): Pick<JobVerbs, "claim" | "nextDue"> {
  const statements = new ClaimStatements(database.tables, isOpen);
  const underLock = new ClaimStatements(database.tables, isUnpaused);
  const room = new QueueRoom(database);
  const walks = new Map<string, Walk>();
  const run: Run = <R extends Row>({ statement, values }: Bound) => database.run<R>(statement, values);

  function walkOf(queue: string): Walk {
    const walk = walks.get(queue) ?? { positions: new ClaimPositions(() => performance.now()), turn: 0 };
    walks.set(queue, walk);
    return walk;
  }

  /** Takes jobs of the given ranges, from where the last claim stopped and then, if need be, from the start. */
  async function take(from: ClaimStatements, runs: Run, { queue, workerId, types, limit, oldestFirst }: Claim) {
    const { offsetMs } = database;
    const walk = walkOf(queue);
    const ranges = rangesOf(types, walk.turn++);
    const taken: ClaimedRow[] = [];
    for (let reach: Reach | null = walk.positions.next(); reach !== null;) {
      const began = performance.now();
      const scope: ClaimScope = { queue, ranges, position: reach.position, offsetMs };
      const takes = { workerId, limit: limit - taken.length };
      let rows: ClaimedRow[];
      try {
        rows = await (oldestFirst ? takeOldest : takeUrgent)(from, runs, scope, takes);
      } catch (error) {
        // What the look before took is this worker's, whatever became of the second.
        if (taken.length > 0 && runs === run) break;
        throw error;
      }
      walk.positions.record(reach, walked(rows, ranges, takes.limit, oldestFirst), performance.now() - began);
      taken.push(...rows);
      reach = rows.length < takes.limit ? walk.positions.afterShort(reach) : null;
    }
    return taken;
  }

  async function takeLimited(claim: Claim, slots: number): Promise<ClaimedRow[]> {
    return room.within(claim.queue, async (session, left) => {
      const limit = Math.min(claim.limit, slots, left);
      if (limit <= 0) return [];
      const runs: Run = <R extends Row>({ statement, values }: Bound) => session.run<R>(statement, values);
      return take(underLock, runs, { ...claim, limit });
    });
  }

  return {
    async claim(claim) {
      const { queue, types, limit, limits } = claim;
      if (types.length === 0 || limit <= 0) return [];
      const isLimited = limits?.global === true;
      const taken = isLimited ? await takeLimited(claim, limits.slots) : await take(statements, run, claim);
      hints.moved(taken.map((row) => ({ id: row[0], revision: row[10], status: "claimed", progress: row[13] })));
      return taken.map((row) => ({ ...claimedJob(row, queue), ...(isLimited && { isLimited }) }));
    },

    async nextDue({ queue, types, limits }) {
      if (types.length === 0) return null;
      if (limits?.global === true && (await room.now(queue)) <= 0) return null;
      const { positions } = walkOf(queue);
      const reach = positions.next();
      const scope = { queue, ranges: rangesOf(types, 0), position: reach.position, offsetMs: database.offsetMs };
      const began = performance.now();
      const [row] = await run<[number | null]>(statements.nextDue(scope));
      positions.measure(reach, performance.now() - began);
      const dueInMs = row?.[0] ?? null;
      return dueInMs === null ? null : Math.max(0, Math.ceil(dueInMs));
    },
  };
}

async function takeOldest(
  from: ClaimStatements,
  run: Run,
  scope: ClaimScope,
  take: ClaimTake,
): Promise<ClaimedRow[]> {
  const heads = await run<[n: number]>(from.heads(scope));
  const ranges = heads.flatMap(([n]) => scope.ranges[n - 1] ?? []);
  if (ranges.length === 0) return [];
  const rows = await run<ClaimedRow>(from.oldest({ ...scope, ranges }, take));
  return rows.toSorted(byDue);
}

async function takeUrgent(
  from: ClaimStatements,
  run: Run,
  scope: ClaimScope,
  take: ClaimTake,
): Promise<ClaimedRow[]> {
  const rows = await run<ClaimedRow>(from.urgent(scope, take));
  // An UPDATE answers in no order: this is the one in which the jobs should start.
  const places = new Map(scope.ranges.map((range, n) => [placeKey(range.type, range.priority), n]));
  const place = (row: ClaimedRow): number => places.get(placeKey(row[1], row[2])) ?? 0;
  return rows.toSorted((a, b) => place(a) - place(b) || byDue(a, b));
}

/** Every priority from the most urgent down, and within it every type, beginning with another one at each turn. */
function rangesOf(types: readonly string[], turn: number): Range[] {
  const first = turn % types.length;
  const turned = [...types.slice(first), ...types.slice(0, first)];
  return PRIORITIES.flatMap((_, priority) => turned.map((type) => ({ type, priority })));
}

function walked(rows: readonly ClaimedRow[], ranges: readonly Range[], limit: number, oldestFirst: boolean): Walked {
  const taken = rows.map((row) => ({ type: row[1], priority: row[2], dueUs: row[11], id: row[0] }));
  const full = rows.length === limit;
  const last = taken.at(-1);
  // A full claim stopped in the range of its last row. One that merges ranges passes over rows that others have locked
  // without looking for more, so that it never knows to have seen the last.
  const isLast = (range: Range): boolean => range.type === last?.type && range.priority === last.priority;
  const end = oldestFirst ? 0 : full ? ranges.findIndex(isLast) : ranges.length;
  return { taken, exhausted: ranges.slice(0, end), nowUs: rows[0]?.[12] ?? null, full };
}

function byDue(a: ClaimedRow, b: ClaimedRow): number {
  return a[11] - b[11] || (a[0] < b[0] ? -1 : 1);
}

function placeKey(type: string, priority: number): string {
  return `${priority}${type}`;
}

function claimedJob(row: ClaimedRow, queue: string): ClaimedJob {
  const [id, type, priority, input, owner, attempt, maxAttempts, claimNo, deaths, overrides, revision] = row;
  const name = PRIORITIES[priority] as Priority;
  return { id, type, queue, priority: name, input, owner, attempt, maxAttempts, claimNo, deaths, overrides, revision };
}
