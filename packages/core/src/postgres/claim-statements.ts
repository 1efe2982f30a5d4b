import { keyedLane, lane } from "../lane.ts";
import { binaryArrays } from "./arrays.ts";
import type { Position, Range } from "./claim-positions.ts";
import type { Tables } from "./database.ts";
import type { Statement } from "./session.ts";
import { taking } from "./taking.ts";
import { unforeseen } from "./unforeseen-limit.ts";

/** A statement with its values. */
export interface Bound {
  readonly statement: Statement;
  readonly values: readonly unknown[];
}

/** What every statement of a claim is told: where it looks, and the offset of the clock. */
export interface ClaimScope {
  readonly queue: string;
  readonly ranges: readonly Range[];
  readonly position: (range: Range) => Position;
  readonly offsetMs: number;
  /** Whether it looks at the rows with concurrency keys that wait for their time. */
  readonly keyed?: true;
}

/** What a claim writes into the rows that it takes, and how many those may be. */
export interface ClaimTake {
  readonly workerId: string;
  readonly limit: number;
}

/** What a claim answers of each row; times are in microseconds since 1970. */
export type ClaimedRow = [
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
  /** Told where rows may have one. */
  limitKey?: string | null,
];

/** More heads than that are not merged; the claim then takes from those that are due the longest. */
const MERGED_RANGES = 64;
const MS = "interval '1 millisecond'";
const US = "interval '1 microsecond'";

const nowOf = (offset: string): string => `(SELECT statement_timestamp() + ${offset}::float8 * ${MS})`;

// Infinity cannot be multiplied, so the start is written as it is.
const sinceOf = (dueUs: string): string =>
  `CASE WHEN ${dueUs} = '-Infinity' THEN '-infinity' ELSE timestamptz 'epoch' + ${dueUs} * ${US} END`;

// The lane is a hash: queue and type decide. They are true of nearly every row of a lane, which CASE keeps the planner from
// doubting: where it takes a queue for rare it expects few rows, and reads and sorts all of a range to take some.
const decides = (queue: string, type: string): string =>
  `CASE WHEN j.queue = ${queue} THEN j.job_type = ${type} ELSE false END`;

/** The statements of one store's claims. */
export class ClaimStatements {
  readonly #tables: Tables;
  readonly #gate: (tables: Tables, queue: string) => string;
  readonly #urgent: Statement;
  readonly #heads: Statement;
  readonly #nextDue: Statement;

  /** `gate` is the condition under which a queue is not closed to them. */
  constructor(tables: Tables, gate: (tables: Tables, queue: string) => string) {
    this.#tables = tables;
    this.#gate = gate;
    const positioned = `(
        SELECT range.*, ${sinceOf("due_us")} AS since
        FROM unnest($1::int4[], $2::int2[], $3::text[], $4::float8[], $5::uuid[])
          WITH ORDINALITY AS range (lane, priority, job_type, due_us, id, n)
        OFFSET 0
      ) AS range`;
    const rows = `${tables.live} AS j
      WHERE j.lane = range.lane AND j.priority = range.priority AND j.ready_at IS NOT NULL
        AND ${decides("$6", "range.job_type")} AND (j.ready_at, j.id) >= (range.since, range.id)`;
    const now = nowOf("$7");
    // The nested loop asks a range for a row only while the limit is not reached, so what is locked is what is taken.
    this.#urgent = {
      text: taking(
        tables,
        `SELECT ready.ctid FROM ${positioned}, LATERAL (
          SELECT j.ctid FROM ${rows} AND j.ready_at <= ${now} ORDER BY j.ready_at, j.id LIMIT ${unforeseen("$9")} FOR UPDATE SKIP LOCKED
        ) AS ready LIMIT $9`,
        { now, workerId: "$8", isOpen: gate(tables, "$6"), leaves: "ready_at" },
      ),
    };
    this.#heads = {
      text: `SELECT range.n FROM ${positioned}, LATERAL (
          SELECT j.ready_at FROM ${rows} AND j.ready_at <= ${now} ORDER BY j.ready_at, j.id LIMIT 1
        ) AS head ORDER BY head.ready_at LIMIT ${MERGED_RANGES}`,
    };
    this.#nextDue = {
      text: `SELECT date_part('epoch', min(head.ready_at) - ${now}) * 1e3 FROM ${positioned}, LATERAL (
          SELECT j.ready_at FROM ${rows} ORDER BY j.ready_at, j.id LIMIT 1
        ) AS head`,
    };
  }

  /** Takes from the first range that has due rows, then from the next. */
  urgent(scope: ClaimScope, { workerId, limit }: ClaimTake): Bound {
    return { statement: this.#urgent, values: [...rangeValues(scope), workerId, limit] };
  }

  /** Finds the numbers, from 1, of the ranges that have due rows, the longest due first. */
  heads(scope: ClaimScope): Bound {
    return { statement: this.#heads, values: rangeValues(scope) };
  }

  /** Finds the milliseconds until the next row becomes due. */
  nextDue(scope: ClaimScope): Bound {
    return { statement: this.#nextDue, values: rangeValues(scope) };
  }

  /**
   * Takes the rows that are due the longest in all of the ranges. Only ranges that are written out one by one can be merged
   * by an index scan each, reading no more rows than are taken; hence the text of its own, for the few that have due rows.
   * Without a LIMIT of its own a range would be read to its end, and all of it sorted.
   */
  oldest({ queue, ranges, position, offsetMs }: ClaimScope, { workerId, limit }: ClaimTake): Bound {
    const now = nowOf("$2");
    const values: unknown[] = [queue, offsetMs, workerId, limit];
    const branches = ranges.map((range) => {
      const { dueUs, id } = position(range);
      const [type, since, from] = [range.type, dueUs, id].map((value) => `$${values.push(value)}`);
      return `(SELECT ctid, ready_at, id FROM ${this.#tables.live} AS j
        WHERE lane = ${lane(queue, range.type)} AND priority = ${range.priority} AND ${decides("$1", type!)}
          AND (ready_at, id) >= (${sinceOf(`${since}::float8`)}, ${from}::uuid) AND ready_at <= ${now}
        ORDER BY ready_at, id LIMIT ${unforeseen("$4")})`;
    });
    const merged = `SELECT ctid FROM (${branches.join(" UNION ALL ")}) AS due ORDER BY ready_at, id LIMIT $4`;
    // CASE, or the planner may walk the whole index of waiting rows instead of going to these few, if it was empty when the
    // planner last heard of it.
    const picked = `SELECT ctid FROM ${this.#tables.live}
      WHERE ctid = ANY (ARRAY(${merged})) AND CASE WHEN ready_at IS NULL THEN false ELSE true END FOR UPDATE SKIP LOCKED`;
    const isOpen = this.#gate(this.#tables, "$1");
    const text = taking(this.#tables, picked, { now, workerId: "$3", isOpen, leaves: "ready_at" });
    return { statement: { text }, values };
  }
}

function rangeValues({ queue, ranges, position, offsetMs, keyed }: ClaimScope): unknown[] {
  const positions = ranges.map(position);
  return [
    binaryArrays.int4(ranges.map(({ type }) => (keyed ? keyedLane : lane)(queue, type))),
    binaryArrays.int2(ranges.map(({ priority }) => priority)),
    binaryArrays.text(ranges.map(({ type }) => type)),
    binaryArrays.float8(positions.map(({ dueUs }) => dueUs)),
    binaryArrays.uuid(positions.map(({ id }) => id)),
    queue,
    offsetMs,
  ];
}
