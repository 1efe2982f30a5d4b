import { type ClaimedJob, type ClaimLimits, type JobVerbs, PRIORITIES, type Priority } from "../store.ts";
import { Among } from "./among.ts";
import { ClaimPositions, FROM_START, type Range, type Reach, type Walked } from "./claim-positions.ts";
import { type Bound, type ClaimedRow, type ClaimScope, ClaimStatements, type ClaimTake } from "./claim-statements.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { KeyedClaim, type Run } from "./keyed-claim.ts";
import { isOpen, isUnpaused } from "./open-queue.ts";
import { QueueRoom } from "./queue-room.ts";
import type { Row, Session } from "./session.ts";

/** How the claims of one queue go on from each other. */
interface Walk {
  readonly positions: ClaimPositions;
  /** Moves on with every claim, so that no type stands first for ever. */
  turn: number;
  keyedFirst: boolean;
}

type Claim = Parameters<JobVerbs["claim"]>[0];

/** The jobs of a queue without concurrency keys, and those with. */
type Part = "plain" | "keyed";

/** Makes the verbs `claim` and `nextDue`, which walk the claim index from the same positions. */
export function createClaim(database: Database, hints: HintSink): Pick<JobVerbs, "claim" | "nextDue"> {
  const statements = new ClaimStatements(database.tables, isOpen);
  const underLock = new ClaimStatements(database.tables, isUnpaused);
  const keyed = new KeyedClaim(database);
  const room = new QueueRoom(database);
  const byId = new Among(database, room);
  const walks = new Map<string, Walk>();
  const run: Run = <R extends Row>({ statement, values }: Bound) => database.run<R>(statement, values);

  function walkOf(queue: string): Walk {
    const walk = walks.get(queue) ?? {
      positions: new ClaimPositions(() => performance.now()),
      turn: 0,
      keyedFirst: false,
    };
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

  /** Takes jobs of types with concurrency keys. */
  async function takeKeyed(claim: Claim, limits: ClaimLimits, limit: number): Promise<ClaimedRow[]> {
    const waiting = await keyed.waiting(run, claim.queue, limits);
    if (waiting.parked.length + waiting.due.length === 0) return [];
    return room.within(claim.queue, async (session, left) => {
      // One who does not say that the queue is limited as a whole has not heard of it, and takes nothing.
      if (left !== Infinity) return [];
      return keyed.take(inside(session), claim.queue, waiting, { ...claim, limit });
    });
  }

  /** Takes jobs of a queue that is limited as a whole, as far as the limit leaves any. */
  async function takeLimited(claim: Claim, limits: ClaimLimits, parts: readonly Part[]): Promise<ClaimedRow[]> {
    return room.within(claim.queue, async (session, left) => {
      const taken: ClaimedRow[] = [];
      for (const part of parts) {
        const limit = Math.min(claim.limit, left) - taken.length;
        if (limit <= 0) break;
        const runs = inside(session);
        if (part === "plain") taken.push(...(await take(underLock, runs, { ...claim, limit })));
        else {
          const waiting = await keyed.waiting(runs, claim.queue, limits);
          taken.push(...(await keyed.take(runs, claim.queue, waiting, { ...claim, limit })));
        }
      }
      return taken;
    });
  }

  /** Takes jobs of a queue of whose types some have concurrency keys, and the others no limit. */
  async function takeMixed(claim: Claim, limits: ClaimLimits, parts: readonly Part[]): Promise<ClaimedRow[]> {
    const taken: ClaimedRow[] = [];
    for (const part of parts) {
      const limit = claim.limit - taken.length;
      if (limit <= 0) break;
      try {
        const more = part === "plain" ? take(statements, run, { ...claim, limit }) : takeKeyed(claim, limits, limit);
        taken.push(...(await more));
      } catch (error) {
        // What the first part took is this worker's, whatever became of the second.
        if (taken.length === 0) throw error;
      }
    }
    return taken;
  }

  return {
    async claim(claim) {
      const { queue, types, limit, limits, among } = claim;
      if (types.length === 0 || limit <= 0) return [];
      let taken: ClaimedRow[];
      if (among !== undefined) {
        taken = await byId.take(run, claim, among);
      } else if (limits === undefined) taken = await take(statements, run, claim);
      else {
        // Those with keys and those without take turns at coming first.
        const parts: Part[] = isTurn(walkOf(queue)) ? ["keyed", "plain"] : ["plain", "keyed"];
        taken = await (limits.global ? takeLimited : takeMixed)(claim, limits, parts);
      }
      hints.moved(taken.map((row) => ({ id: row[0], revision: row[10], status: "claimed", progress: row[13] })));
      return taken.map((row) => claimedJob(row, queue, limits));
    },

    async nextDue({ queue, types, limits }) {
      if (types.length === 0) return null;
      if (limits?.global === true && (await room.now(queue)) <= 0) return null;
      const dueInMs = await nextReady(queue, types);
      if (limits === undefined || limits.keyed.length === 0 || dueInMs === 0) return dueInMs;
      const { parked } = await keyed.waiting(run, queue, limits);
      if (await keyed.hasRoom(run, queue, parked)) return 0;
      const keyedInMs = await nextKeyed(queue, limits);
      return dueInMs === null || keyedInMs === null ? (dueInMs ?? keyedInMs) : Math.min(dueInMs, keyedInMs);
    },
  };

  async function nextReady(queue: string, types: readonly string[]): Promise<number | null> {
    const { positions } = walkOf(queue);
    const reach = positions.next();
    const scope = { queue, ranges: rangesOf(types, 0), position: reach.position, offsetMs: database.offsetMs };
    const began = performance.now();
    const rows = await run<[number | null]>(statements.nextDue(scope));
    positions.measure(reach, performance.now() - began);
    return wholeMs(rows);
  }

  /** The same for jobs with concurrency keys. */
  async function nextKeyed(queue: string, limits: ClaimLimits): Promise<number | null> {
    const types = limits.keyed.map(({ type }) => type);
    const { position } = FROM_START;
    const scope = { queue, ranges: rangesOf(types, 0), position, offsetMs: database.offsetMs, keyed: true } as const;
    return wholeMs(await run<[number | null]>(statements.nextDue(scope)));
  }
}

/** Whether it is the turn of jobs with concurrency keys to come first. */
function isTurn(walk: Walk): boolean {
  walk.keyedFirst = !walk.keyedFirst;
  return walk.keyedFirst;
}

function inside(session: Session): Run {
  return <R extends Row>({ statement, values }: Bound) => session.run<R>(statement, values);
}

function wholeMs(rows: readonly (readonly [number | null])[]): number | null {
  const dueInMs = rows[0]?.[0] ?? null;
  return dueInMs === null ? null : Math.max(0, Math.ceil(dueInMs));
}

async function takeOldest(from: ClaimStatements, run: Run, scope: ClaimScope, take: ClaimTake): Promise<ClaimedRow[]> {
  const heads = await run<[n: number]>(from.heads(scope));
  const ranges = heads.flatMap(([n]) => scope.ranges[n - 1] ?? []);
  if (ranges.length === 0) return [];
  const rows = await run<ClaimedRow>(from.oldest({ ...scope, ranges }, take));
  return rows.toSorted(byDue);
}

async function takeUrgent(from: ClaimStatements, run: Run, scope: ClaimScope, take: ClaimTake): Promise<ClaimedRow[]> {
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

function claimedJob(row: ClaimedRow, queue: string, limits: ClaimLimits | undefined): ClaimedJob {
  const [id, type, priority, input, owner, attempt, maxAttempts, claimNo, deaths, overrides, revision] = row;
  const name = PRIORITIES[priority] as Priority;
  const job = {
    id,
    type,
    queue,
    priority: name,
    input,
    owner,
    attempt,
    maxAttempts,
    claimNo,
    deaths,
    overrides,
    revision,
  };
  return limits?.global === true || (row[14] ?? null) !== null ? { ...job, isLimited: true } : job;
}
