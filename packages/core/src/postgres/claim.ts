import { type ClaimedJob, type JobVerbs, PRIORITIES, type Priority } from "../store.ts";
import { ClaimPositions, type Range, type Reach, type Walked } from "./claim-positions.ts";
import { type Bound, type ClaimedRow, type ClaimScope, ClaimStatements, type ClaimTake } from "./claim-statements.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import type { Row } from "./session.ts";

/** How the claims of one queue go on from each other. */
interface Walk {
  readonly positions: ClaimPositions;
  /** Moves on with every claim, so that no type stands first for ever. */
  turn: number;
}

/** Makes the verbs `claim` and `nextDue`, which walk the claim index from the same positions. */
export function createClaim(database: Database, hints: HintSink): Pick<JobVerbs, "claim" | "nextDue"> {
  const statements = new ClaimStatements(database.tables);
  const walks = new Map<string, Walk>();
  const run = <R extends Row>({ statement, values }: Bound): Promise<R[]> => database.run<R>(statement, values);

  function walkOf(queue: string): Walk {
    const walk = walks.get(queue) ?? { positions: new ClaimPositions(() => performance.now()), turn: 0 };
    walks.set(queue, walk);
    return walk;
  }

  async function takeOldest(scope: ClaimScope, take: ClaimTake): Promise<ClaimedRow[]> {
    const heads = await run<[n: number]>(statements.heads(scope));
    const ranges = heads.flatMap(([n]) => scope.ranges[n - 1] ?? []);
    if (ranges.length === 0) return [];
    const rows = await run<ClaimedRow>(statements.oldest({ ...scope, ranges }, take));
    return rows.toSorted(byDue);
  }

  async function takeUrgent(scope: ClaimScope, take: ClaimTake): Promise<ClaimedRow[]> {
    const rows = await run<ClaimedRow>(statements.urgent(scope, take));
    // An UPDATE answers in no order: this is the one in which the jobs should start.
    const places = new Map(scope.ranges.map((range, n) => [placeKey(range.type, range.priority), n]));
    const place = (row: ClaimedRow): number => places.get(placeKey(row[1], row[2])) ?? 0;
    return rows.toSorted((a, b) => place(a) - place(b) || byDue(a, b));
  }

  return {
    async claim({ workerId, queue, types, limit, oldestFirst }) {
      if (types.length === 0 || limit <= 0) return [];
      const { offsetMs } = database;
      const walk = walkOf(queue);
      const ranges = rangesOf(types, walk.turn++);
      const taken: ClaimedRow[] = [];
      for (let reach: Reach | null = walk.positions.next(); reach !== null;) {
        const began = performance.now();
        const scope: ClaimScope = { queue, ranges, position: reach.position, offsetMs };
        const take = { workerId, limit: limit - taken.length };
        let rows: ClaimedRow[];
        try {
          rows = await (oldestFirst ? takeOldest(scope, take) : takeUrgent(scope, take));
        } catch (error) {
          // What the look before took is this worker's, whatever became of the second.
          if (taken.length > 0) break;
          throw error;
        }
        walk.positions.record(reach, walked(rows, ranges, take.limit, oldestFirst), performance.now() - began);
        taken.push(...rows);
        reach = rows.length < take.limit ? walk.positions.afterShort(reach) : null;
      }
      hints.moved(taken.map((row) => ({ id: row[0], revision: row[10], status: "claimed", progress: row[13] })));
      return taken.map((row) => claimedJob(row, queue));
    },

    async nextDue({ queue, types }) {
      if (types.length === 0) return null;
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
