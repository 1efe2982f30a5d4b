import { lane } from "../lane.ts";
import { type ClaimedJob, type JobVerbs, PRIORITIES, type Priority } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import { ClaimPositions, type Range, type Reach, type Walked } from "./claim-positions.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import type { Statement } from "./session.ts";

type ClaimedRow = [
  id: string,
  type: string,
  priority: number,
  input: string,
  owner: string | null,
  attempts: number,
  maxAttempts: number,
  claimNo: number,
  deaths: number,
  overrides: string | null,
  revision: number,
  dueUs: number,
  nowUs: number,
  progress: number | null,
];

interface Walk {
  readonly positions: ClaimPositions;
  /** Moves on with every claim, so that no type stands first for ever. */
  turn: number;
}

const MS = "interval '1 millisecond'";
const US = "interval '1 microsecond'";

/** Makes the verbs `claim` and `nextDue`, which walk the claim index from the same positions. */
export function createClaim(database: Database, hints: HintSink): Pick<JobVerbs, "claim" | "nextDue"> {
  const statements = claimStatements(database);
  const walks = new Map<string, Walk>();

  function walkOf(queue: string): Walk {
    let walk = walks.get(queue);
    if (walk === undefined)
      walks.set(queue, (walk = { positions: new ClaimPositions(() => performance.now()), turn: 0 }));
    return walk;
  }

  function rangeValues(queue: string, ranges: readonly Range[], reach: Reach): unknown[] {
    const positions = ranges.map(reach.position);
    return [
      binaryArrays.int4(ranges.map(({ type }) => lane(queue, type))),
      binaryArrays.int2(ranges.map(({ priority }) => priority)),
      binaryArrays.text(ranges.map(({ type }) => type)),
      binaryArrays.float8(positions.map(({ dueUs }) => dueUs)),
      binaryArrays.uuid(positions.map(({ id }) => id)),
      queue,
      database.offsetMs,
    ];
  }

  return {
    async claim({ workerId, queue, types, limit, oldestFirst }) {
      if (types.length === 0 || limit <= 0) return [];
      const walk = walkOf(queue);
      const ranges = rangesOf(types, walk.turn++);
      const statement = oldestFirst ? statements.oldest : statements.claim;
      const taken: ClaimedRow[] = [];
      for (let reach: Reach | null = walk.positions.next(); reach !== null;) {
        const began = performance.now();
        const left = limit - taken.length;
        const rows: ClaimedRow[] = await database.run<ClaimedRow>(statement, [
          ...rangeValues(queue, ranges, reach),
          workerId,
          left,
        ]);
        inOrder(rows, ranges, oldestFirst);
        walk.positions.record(reach, walked(rows, ranges, left, oldestFirst), performance.now() - began);
        taken.push(...rows);
        reach = rows.length < left ? walk.positions.afterShort(reach) : null;
      }
      if (taken.length > 0) {
        hints.moved(taken.map((row) => ({ id: row[0], revision: row[10], status: "claimed", progress: row[13] })));
      }
      return taken.map((row) => claimedJob(row, queue));
    },

    async nextDue({ queue, types }) {
      if (types.length === 0) return null;
      const { positions } = walkOf(queue);
      const reach = positions.next();
      const began = performance.now();
      const [row] = await database.run<[number | null]>(
        statements.nextDue,
        rangeValues(queue, rangesOf(types, 0), reach),
      );
      positions.measure(reach, performance.now() - began);
      const dueInMs = row?.[0] ?? null;
      return dueInMs === null ? null : Math.max(0, Math.ceil(dueInMs));
    },
  };
}

function claimStatements({ tables }: Database): { claim: Statement; oldest: Statement; nextDue: Statement } {
  const ranges = `unnest($1::int4[], $2::int2[], $3::text[], $4::float8[], $5::uuid[])
    WITH ORDINALITY AS range (lane, priority, job_type, due_us, id, n)`;
  // The lane is a hash: queue and type decide. Infinity cannot be multiplied, so the start is written as it is.
  const rows = `${tables.live} AS j
    WHERE j.lane = range.lane AND j.priority = range.priority AND j.ready_at IS NOT NULL AND j.queue = $6 AND j.job_type = range.job_type
      AND (j.ready_at, j.id) >= (range.since, range.id)`;
  const since = `CASE WHEN range.due_us = '-Infinity' THEN '-infinity'
    ELSE timestamptz 'epoch' + range.due_us * ${US} END`;
  const positioned = `(SELECT range.*, ${since} AS since FROM ${ranges} OFFSET 0) AS range`;
  const now = `(SELECT statement_timestamp() + $7::float8 * ${MS})`;
  // A claim that is under way when its worker is retired either shows its rows to the rescue, which waits for this lock,
  // or sees that it came too late. Heartbeats do not wait: they change no key column.
  const me = `me AS MATERIALIZED (SELECT retired_at FROM ${tables.workers} WHERE id = $8 FOR KEY SHARE)`;
  const heads = `(
      SELECT range.* FROM ${positioned}, LATERAL (
        SELECT j.ready_at FROM ${rows} AND j.ready_at <= ${now} ORDER BY j.ready_at, j.id LIMIT 1
      ) AS head ORDER BY head.ready_at, range.n
    ) AS range`;
  // The nested loop asks a range for a row only while the limit is not reached, so what is locked is what is taken. The rows
  // are updated by their place: with a join by id, PostgreSQL may choose to read the whole table for a large claim.
  const claim = (from: string): string => `WITH ${me}
    UPDATE ${tables.live} SET
      status = 'claimed', ready_at = NULL, worker_id = $8, claimed_at = ${now},
      attempts = attempts + 1, claim_no = claim_no + 1, revision = revision + 1
    WHERE ctid = ANY (ARRAY(
      SELECT ready.ctid FROM ${from}, LATERAL (
        SELECT j.ctid FROM ${rows} AND j.ready_at <= ${now}
        ORDER BY j.ready_at, j.id LIMIT $9 FOR UPDATE SKIP LOCKED
      ) AS ready
      WHERE NOT EXISTS (SELECT FROM me WHERE retired_at IS NOT NULL)
      LIMIT $9
    ))
    RETURNING id, job_type, priority, input, owner, attempts, max_attempts, claim_no, deaths, overrides, revision,
      date_part('epoch', scheduled_at) * 1e6, date_part('epoch', claimed_at) * 1e6, progress`;
  return {
    claim: { text: claim(positioned) },
    oldest: { text: claim(heads) },
    nextDue: {
      text: `SELECT date_part('epoch', min(head.ready_at) - ${now}) * 1e3 FROM ${positioned}, LATERAL (
        SELECT j.ready_at FROM ${rows} ORDER BY j.ready_at, j.id LIMIT 1
      ) AS head`,
    },
  };
}

/** Every priority from the most urgent down, and within it every type, beginning with another one at each turn. */
function rangesOf(types: readonly string[], turn: number): Range[] {
  const first = turn % types.length;
  const turned = [...types.slice(first), ...types.slice(0, first)];
  return PRIORITIES.flatMap((_, priority) => turned.map((type) => ({ type, priority })));
}

/** An UPDATE answers in no order: this is the one in which the jobs should start. */
function inOrder(rows: ClaimedRow[], ranges: readonly Range[], oldestFirst: boolean): void {
  const turns = new Map(ranges.map(({ type }, n) => [type, n % (ranges.length / PRIORITIES.length)]));
  const turn = (row: ClaimedRow): number => turns.get(row[1]) ?? 0;
  rows.sort((a, b) => {
    const byUrgency = oldestFirst ? 0 : a[2] - b[2] || turn(a) - turn(b);
    return byUrgency || a[11] - b[11] || (a[0] < b[0] ? -1 : 1);
  });
}

function walked(rows: readonly ClaimedRow[], ranges: readonly Range[], limit: number, oldestFirst: boolean): Walked {
  const taken = rows.map((row) => ({ type: row[1], priority: row[2], dueUs: Math.round(row[11]), id: row[0] }));
  const full = rows.length === limit;
  const last = taken.at(-1);
  // A full claim stopped in the range of its last row, and which ranges stood before it is known for one order only.
  const end = full
    ? ranges.findIndex(({ type, priority }) => type === last?.type && priority === last.priority)
    : ranges.length;
  const exhausted = full && oldestFirst ? [] : ranges.slice(0, end);
  return { taken, exhausted, nowUs: rows[0]?.[12] ?? null, full };
}

function claimedJob(row: ClaimedRow, queue: string): ClaimedJob {
  const [id, type, priority, input, owner, attempt, maxAttempts, claimNo, deaths, overrides, revision] = row;
  const name = PRIORITIES[priority] as Priority;
  return { id, type, queue, priority: name, input, owner, attempt, maxAttempts, claimNo, deaths, overrides, revision };
}
