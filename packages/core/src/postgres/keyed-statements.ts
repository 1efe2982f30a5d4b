import { keyedLane } from "../lane.ts";
import { binaryArrays } from "./arrays.ts";
import type { Bound, ClaimTake } from "./claim-statements.ts";
import type { Tables } from "./database.ts";
import { isUnpaused } from "./open-queue.ts";
import type { Statement } from "./session.ts";
import { taking } from "./taking.ts";
import { unforeseen } from "./unforeseen-limit.ts";

/** Which rows with keys a type has: parked ones, and such as have become due and are to be parked. */
export type WaitingRow = [n: number, isParked: boolean, isDue: boolean];

/** The keys of one type in a queue, from behind one key to another. */
export interface KeyRange {
  readonly queue: string;
  readonly type: string;
  readonly perKey: number;
  /** Begins behind this key; "" for the first. */
  readonly after: string;
  /** Ends with this key; null for the last. */
  readonly upTo: string | null;
  /** At most so many keys. */
  readonly keys: number;
}

/** The last key of a range, and how many keys there are. */
export type RangeEnd = [limitKey: string, n: number];

/** Rows that become due are parked so many at a time. */
const PARK_BATCH = 1_000;
const MS = "interval '1 millisecond'";

// As in the other claim statements, CASE keeps the planner from doubting that nearly all rows of a lane are of its type.
const decides = (queue: string, type: string): string =>
  `CASE WHEN j.queue = ${queue} THEN j.job_type = ${type} ELSE false END`;

const PARKED_ORDER = "j.lane, j.limit_key, j.priority, j.parked_at, j.id";

// As rows, which the planner expects to be a good part of the table. Of an equal lane it expects next to none while it has no
// statistics, and then reads and sorts all that wait for every step from a key to the next.
const isBehind = (lane: string, key: string): string =>
  `(j.lane, j.limit_key) > (${lane}, ${key}) AND j.lane <= ${lane} AND j.parked_at IS NOT NULL`;

/** The statements over rows with concurrency keys. */
export class KeyedStatements {
  readonly #waiting: Statement;
  readonly #park: Statement;
  readonly #isFree: Statement;
  readonly #take: Statement;
  readonly #end: Statement;

  constructor(tables: Tables) {
    const { live } = tables;
    const now = (offset: string): string => `(SELECT statement_timestamp() + ${offset}::float8 * ${MS})`;
    // From where the last claim stopped, so as not to pass over the entries of all that was taken before, which stay for as
    // long as any transaction is open that began earlier.
    const isParked = (behind: string): string => `EXISTS (
            SELECT FROM ${live} AS j
            WHERE ${isBehind("k.lane", behind)} AND ${decides("$3", "k.job_type")}
            ORDER BY ${PARKED_ORDER} LIMIT ${unforeseen("1")}
          )`;
    this.#waiting = {
      text: `SELECT k.n,
          CASE WHEN ${isParked("k.cursor")} THEN true ELSE ${isParked("''")} END,
          EXISTS (
            SELECT FROM generate_series(0, 3) AS urgency, LATERAL (
              SELECT FROM ${live} AS j WHERE j.lane = k.lane AND j.priority = urgency AND j.ready_at <= ${now("$4")}
                AND ${decides("$3", "k.job_type")}
              ORDER BY j.ready_at, j.id LIMIT ${unforeseen("1")}
            ) AS due
          )
        FROM unnest($1::int4[], $2::text[], $5::text[]) WITH ORDINALITY AS k (lane, job_type, cursor, n)`,
    };
    this.#park = {
      text: `UPDATE ${live} SET parked_at = ready_at, ready_at = NULL
        WHERE ctid = ANY (ARRAY(
          SELECT due.ctid FROM unnest($1::int4[], $2::text[]) AS k (lane, job_type), generate_series(0, 3) AS urgency, LATERAL (
            SELECT j.ctid FROM ${live} AS j WHERE j.lane = k.lane AND j.priority = urgency AND j.ready_at <= ${now("$4")}
              AND ${decides("$3", "k.job_type")}
            ORDER BY j.ready_at, j.id LIMIT ${unforeseen(String(PARK_BATCH))} FOR UPDATE SKIP LOCKED
          ) AS due LIMIT ${PARK_BATCH}
        ))`,
    };
    // Steps from one key to the next by one descent into the index each, which finds the first row of the key. A key that
    // has no room costs that row and those that are held of it, so no more than there are jobs that run.
    const step = (behind: string): string => `SELECT j.ctid AS place, j.limit_key FROM ${live} AS j
      WHERE ${isBehind("$1::int4", behind)} AND ($6::text IS NULL OR j.limit_key <= $6) AND ${decides("$2", "$3")}
      ORDER BY ${PARKED_ORDER} LIMIT ${unforeseen("1")}`;
    const walk = `WITH RECURSIVE head AS (
        SELECT first.*, 1 AS n FROM (${step("$5")}) AS first
        UNION ALL
        SELECT next.*, head.n + 1 FROM head, LATERAL (${step("head.limit_key")}) AS next WHERE head.n < $7::int4
      )`;
    const free = `LATERAL (
        SELECT $4::int4 - count(*) AS places FROM (
          SELECT FROM ${live} AS j
          WHERE j.lane = $1 AND j.limit_key BETWEEN head.limit_key AND head.limit_key AND j.worker_id IS NOT NULL AND NOT j.is_waiting
            AND ${decides("$2", "$3")}
          ORDER BY j.limit_key LIMIT ${unforeseen("$4")}
        ) AS held
      ) AS free`;
    const more = `SELECT j.ctid FROM ${live} AS j
      WHERE (j.lane, j.limit_key) >= ($1, head.limit_key) AND (j.lane, j.limit_key) <= ($1, head.limit_key)
        AND j.parked_at IS NOT NULL AND ${decides("$2", "$3")}
      ORDER BY ${PARKED_ORDER} OFFSET 1 LIMIT (SELECT greatest(free.places - 1, 0))`;
    const found = `${walk} SELECT row.place FROM head, ${free}, LATERAL (
        SELECT head.place WHERE free.places > 0 UNION ALL (${more})
      ) AS row (place) LIMIT $8`;
    // CASE, as in the claim of the oldest: the planner is to go to these few rows and nowhere else.
    const picked = `SELECT ctid FROM ${live}
      WHERE ctid = ANY (ARRAY(${found})) AND CASE WHEN parked_at IS NULL THEN false ELSE true END FOR UPDATE SKIP LOCKED`;
    const isOpen = isUnpaused(tables, "$2");
    this.#take = { text: taking(tables, picked, { now: now("$10"), workerId: "$9", isOpen, leaves: "parked_at" }) };
    this.#end = { text: `${walk} SELECT limit_key, n FROM head WHERE $4::int4 > 0 ORDER BY n DESC LIMIT 1` };
    this.#isFree = { text: `${walk} SELECT FROM head, ${free} WHERE free.places > 0 LIMIT 1` };
  }

  /** Finds, by their numbers from 1, which types have parked rows, and which have rows whose time has come. */
  waiting(queue: string, types: readonly string[], offsetMs: number, cursors: readonly string[]): Bound {
    return { statement: this.#waiting, values: [...laneValues(queue, types, offsetMs), binaryArrays.text(cursors)] };
  }

  /** Parks rows whose time has come. */
  park(queue: string, types: readonly string[], offsetMs: number): Bound {
    return { statement: this.#park, values: laneValues(queue, types, offsetMs) };
  }

  /** Takes parked rows: of each key what its limit leaves, the most urgent and longest due first. */
  take(range: KeyRange, { workerId, limit }: ClaimTake, offsetMs: number): Bound {
    return { statement: this.#take, values: [...rangeValues(range), limit, workerId, offsetMs] };
  }

  /** Finds where a range ends. */
  end(range: KeyRange): Bound {
    return { statement: this.#end, values: rangeValues(range) };
  }

  /** Finds whether a parked row of these keys could be taken. */
  isFree(range: KeyRange): Bound {
    return { statement: this.#isFree, values: rangeValues(range) };
  }
}

function laneValues(queue: string, types: readonly string[], offsetMs: number): unknown[] {
  const lanes = types.map((type) => keyedLane(queue, type));
  return [binaryArrays.int4(lanes), binaryArrays.text(types), queue, offsetMs];
}

/** The first parameters of the statements over a range of keys. */
function rangeValues({ queue, type, perKey, after, upTo, keys }: KeyRange): unknown[] {
  return [keyedLane(queue, type), queue, type, perKey, after, upTo, keys];
}
