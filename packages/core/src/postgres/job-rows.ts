import { lane, laneOf } from "../lane.ts";
import { type KeyClaim, type NewJob, PRIORITIES } from "../store.ts";
import { type Arrays, binaryArrays } from "./arrays.ts";
import { byId } from "./by-id.ts";
import type { Database, Tables } from "./database.ts";
import { indexable, keepMsOf, windowMsOf } from "./key-columns.ts";
import { isOpen } from "./open-queue.ts";
import { type Want, wantOf } from "./keys.ts";
import type { Row, Session, Statement } from "./session.ts";

/** An idempotency key that a person's retry takes again, as it stands in its job's row. */
interface StoredKey {
  readonly scope: string;
  readonly key: string;
  readonly keepMs: number | null;
}

const MS = "interval '1 millisecond'";
/** How many values the insert of alike jobs takes. */
const ALIKE_VALUES = 13;
/** When a new job is due, over its `at_ms` or `delay_ms` and `now`. */
export const DUE: string = `coalesce(timestamptz 'epoch' + at_ms * ${MS}, now + delay_ms * ${MS})`;

/** Makes and runs the statements that write new jobs. */
export class JobRows {
  readonly #database: Database;
  readonly #mixed: Statement;
  readonly #keyed: Statement;
  readonly #run: Statement;
  readonly #alike: Statement;
  readonly #alikeText: string;
  readonly #alikeWithKey: Statement;
  readonly #claimed: Statement;
  readonly #known: Statement;
  readonly #startedIf: (from: number) => string;

  constructor(database: Database) {
    const { schema, tables } = database;
    this.#startedIf = startedIf(tables);
    const into = `INSERT INTO ${tables.live} (
      id, input, job_type, queue, lane, priority, owner, max_attempts, budget, overrides, keys, created_at, scheduled_at, ready_at
    )`;
    // OFFSET 0 keeps what is alike for all rows from being worked out for every row.
    const alike = `${into}
      SELECT id, input, job_type, queue, lane, priority, owner, budget, budget, overrides, keys, now, due, due
      FROM unnest($1::uuid[], $2::json[]) AS job (id, input), (
        SELECT *, ${DUE} AS due FROM (
          SELECT $3::text AS job_type, $4::text AS queue, $5::int4 AS lane, $6::int2 AS priority, $7::text AS owner,
            $8::int4 AS budget, $9::text AS overrides, $10::json AS keys, $11::float8 AS delay_ms, $12::float8 AS at_ms,
            statement_timestamp() + $13::float8 * ${MS} AS now
        ) AS said OFFSET 0
      ) AS template`;
    this.#database = database;
    this.#alikeText = alike;
    this.#alike = { name: `${schema}.insert_alike`, text: alike };
    this.#alikeWithKey = {
      name: `${schema}.insert_with_key`,
      text: `WITH taken AS (
          INSERT INTO ${tables.keys} (job_id, scope, key, window_until, keep_ms)
          SELECT ($1::uuid[])[1], $14::text, $15::text,
            statement_timestamp() + ($13::float8 + $16::float8) * ${MS}, $17::float8::int8
          ON CONFLICT DO NOTHING RETURNING job_id
        ) ${alike} WHERE EXISTS (SELECT FROM taken) RETURNING id`,
    };
    this.#mixed = {
      name: `${schema}.insert_mixed`,
      text: `${into}
        SELECT id, input, job_type, queue, lane, priority, owner, budget, budget, overrides, keys, now, due, due FROM (
          SELECT *, ${DUE} AS due FROM unnest(
            $1::uuid[], $2::json[], $3::text[], $4::text[], $5::int4[], $6::int2[], $7::text[], $8::int4[], $9::text[],
            $10::json[], $11::float8[], $12::float8[]
          ) AS job (id, input, job_type, queue, lane, priority, owner, budget, overrides, keys, delay_ms, at_ms),
          (SELECT statement_timestamp() + $13::float8 * ${MS} AS now) AS clock
        ) AS job`,
    };
    // A row with a concurrency key that is due waits parked.
    const keyed = `INSERT INTO ${tables.live} (
          id, input, job_type, queue, lane, priority, owner, max_attempts, budget, overrides, keys, created_at, scheduled_at,
          limit_key, ready_at, parked_at
        )
        SELECT id, input, job_type, queue, lane, priority, owner, budget, budget, overrides, keys, now, due, limit_key,
          CASE WHEN limit_key IS NULL OR due > now THEN due END, CASE WHEN limit_key IS NOT NULL AND due <= now THEN due END`;
    this.#keyed = {
      name: `${schema}.insert_keyed`,
      text: `${keyed}
        FROM (
          SELECT *, ${DUE} AS due FROM unnest(
            $1::uuid[], $2::json[], $3::text[], $4::text[], $5::int4[], $6::int2[], $7::text[], $8::int4[], $9::text[],
            $10::json[], $11::float8[], $12::float8[], $14::text[]
          ) AS job (
            id, input, job_type, queue, lane, priority, owner, budget, overrides, keys, delay_ms, at_ms, limit_key
          ), (SELECT statement_timestamp() + $13::float8 * ${MS} AS now) AS clock
        ) AS job`,
    };
    this.#run = {
      text: `WITH said AS (
          SELECT *, ${DUE} AS due FROM unnest(
            $1::uuid[], $2::json[], $3::text[], $4::text[], $5::int4[], $6::int2[], $7::text[], $8::int4[], $9::text[],
            $10::json[], $11::float8[], $12::float8[], $14::text[], $15::int2[], $16::float8[], $17::json[]
          ) AS job (
            id, input, job_type, queue, lane, priority, owner, budget, overrides, keys, delay_ms, at_ms, limit_key, is_run,
            timeout_ms, declared
          ), (SELECT statement_timestamp() + $13::float8 * ${MS} AS now) AS clock
        ), started AS (
          INSERT INTO ${tables.runs} (id, timeout_at, declared)
          SELECT id, now + timeout_ms * ${MS}, declared FROM said WHERE is_run = 1
        ) ${keyed} FROM said`,
    };
    this.#claimed = {
      name: `${schema}.insert_claimed`,
      // The lock is the claim's: a worker that is being retired either shows this row to its rescue, or gets nothing.
      text: `WITH me AS MATERIALIZED (
          SELECT retired_at, draining_at FROM ${tables.workers} WHERE id = $11 FOR KEY SHARE
        )
        INSERT INTO ${tables.live} (
          id, input, job_type, queue, lane, priority, owner, max_attempts, budget, overrides, created_at, scheduled_at,
          ready_at, status, worker_id, claimed_at, attempts, claim_no
        )
        SELECT $1::uuid, $2::json, $3::text, $4::text, $5::int4, $6::int2, $7::text, $8::int4, $8::int4, $9::text, now, now,
          CASE WHEN mine THEN NULL ELSE now END, CASE WHEN mine THEN 'claimed' ELSE 'pending' END,
          CASE WHEN mine THEN $11 END, CASE WHEN mine THEN now END, mine::int, mine::int
        FROM (SELECT statement_timestamp() + $10::float8 * ${MS} AS now, 
          EXISTS (SELECT FROM me WHERE retired_at IS NULL AND draining_at IS NULL) AND ${isOpen(tables, "$4")} AS mine) AS s
        RETURNING worker_id IS NOT NULL`,
    };
    this.#known = {
      text: byId(tables, { live: "id", ended: "id" }),
    };
  }

  /** Writes the jobs as one statement. */
  async insert(session: Session, jobs: readonly NewJob[], arrays: Arrays): Promise<void> {
    const [first] = jobs;
    if (first === undefined) return;
    if (jobs.some(({ run }) => run !== undefined)) {
      await session.run(this.#run, [...this.#keyedValues(jobs, arrays), ...runValues(jobs, arrays)]);
    } else if (jobs.some(({ limitKey }) => limitKey !== undefined)) {
      await session.run(this.#keyed, this.#keyedValues(jobs, arrays));
    } else if (jobs.every((job) => job.keys.length === 0 && isAlike(job, first))) {
      await session.run(this.#alike, this.#alikeValues(jobs, first, arrays));
    } else {
      await session.run(this.#mixed, this.#mixedValues(jobs, arrays));
    }
  }

  /** Writes a job with its only key as one statement, unless the key is in the table already; tells whether it did. */
  async insertWithKey(session: Session, job: NewJob, { scope, key, hold }: KeyClaim): Promise<boolean> {
    const place = [indexable(scope), indexable(key), windowMsOf(hold), keepMsOf(hold)];
    const values = [...this.#alikeValues([job], job, binaryArrays), ...place];
    return (await session.run(this.#alikeWithKey, values)).length === 1;
  }

  /**
   * Writes jobs that are alike as one statement with another, and only if that returns a row; tells whether it did.
   * `condition` makes the other's text, whose values stand behind the given number of them. Sent again where that can help.
   */
  insertIf(jobs: readonly NewJob[], condition: (from: number) => string, values: readonly unknown[]): Promise<boolean> {
    const [first] = jobs as [NewJob, ...NewJob[]];
    const conditional = [...this.#alikeValues(jobs, first, binaryArrays), ...values];
    const { run } = first;
    const started = run === undefined ? "" : `, ${this.#startedIf(conditional.length)}`;
    const text = `WITH written AS (${condition(ALIKE_VALUES)})${started}
      ${this.#alikeText} WHERE EXISTS (SELECT FROM written) RETURNING id`;
    const all = run === undefined ? conditional : [...conditional, run.timeoutMs, declaredOf(run)];
    return this.#database.retrying((again) =>
      this.#database.connected(async (session) => {
        // After a lost answer the jobs may be there.
        if (again && (await this.known(session, jobs)).size > 0) return true;
        return (await session.run({ text }, all)).length > 0;
      }),
    );
  }

  /** Writes a job as one that the worker has claimed, or as pending where that worker is not alive; tells which. */
  async insertClaimed(session: Session, job: NewJob, workerId: string): Promise<boolean> {
    const { id, input, type, queue, owner, maxAttempts, overrides } = job;
    const place = [type, queue, lane(queue, type), PRIORITIES.indexOf(job.priority)];
    const values = [id, input, ...place, owner, maxAttempts, overrides, this.#database.offsetMs, workerId];
    const [row] = await session.run<Row & [boolean]>(this.#claimed, values);
    return row?.[0] === true;
  }

  /** Tells which of the jobs exist: an insert whose answer was lost may have made them. */
  async known(session: Session, jobs: readonly NewJob[]): Promise<Set<string>> {
    const rows = await session.run<Row & [id: string]>(this.#known, [binaryArrays.uuid(jobs.map(({ id }) => id))]);
    return new Set(rows.map(([id]) => id));
  }

  #alikeValues(jobs: readonly NewJob[], like: NewJob, arrays: Arrays): unknown[] {
    return [
      arrays.uuid(jobs.map(({ id }) => id)),
      arrays.json(jobs.map(({ input }) => input)),
      like.type,
      like.queue,
      lane(like.queue, like.type),
      PRIORITIES.indexOf(like.priority),
      like.owner,
      like.maxAttempts,
      like.overrides,
      storedKeys(like),
      delayMs(like),
      atMs(like),
      this.#database.offsetMs,
    ];
  }

  #keyedValues(jobs: readonly NewJob[], arrays: Arrays): unknown[] {
    const limitKeys = jobs.map(({ limitKey }) => (limitKey === undefined ? null : indexable(limitKey)));
    return [...this.#mixedValues(jobs, arrays), arrays.text(limitKeys)];
  }

  #mixedValues(jobs: readonly NewJob[], arrays: Arrays): unknown[] {
    return [
      arrays.uuid(jobs.map(({ id }) => id)),
      arrays.json(jobs.map(({ input }) => input)),
      arrays.text(jobs.map(({ type }) => type)),
      arrays.text(jobs.map(({ queue }) => queue)),
      arrays.int4(jobs.map(laneOf)),
      arrays.int2(jobs.map(({ priority }) => PRIORITIES.indexOf(priority))),
      arrays.text(jobs.map(({ owner }) => owner)),
      arrays.int4(jobs.map(({ maxAttempts }) => maxAttempts)),
      arrays.text(jobs.map(({ overrides }) => overrides)),
      arrays.json(jobs.map(storedKeys)),
      arrays.float8(jobs.map(delayMs)),
      arrays.float8(jobs.map(atMs)),
      this.#database.offsetMs,
    ];
  }
}

/** Whether two jobs differ in nothing but id, input and keys, as those of one bulk dispatch do. */
function isAlike(a: NewJob, b: NewJob): boolean {
  return (
    a.type === b.type &&
    a.queue === b.queue &&
    a.priority === b.priority &&
    a.owner === b.owner &&
    a.maxAttempts === b.maxAttempts &&
    a.overrides === b.overrides &&
    delayMs(a) === delayMs(b) &&
    atMs(a) === atMs(b)
  );
}

type Run = NonNullable<NewJob["run"]>;

/** What runs of workflows have besides their rows, where the jobs that `insertIf` writes are such; behind `from` values. */
function startedIf({ runs }: Tables): (from: number) => string {
  return (from) => `started AS (
      INSERT INTO ${runs} (id, timeout_at, declared)
      SELECT id, statement_timestamp() + ($${ALIKE_VALUES}::float8 + $${from + 1}::float8) * ${MS}, $${from + 2}::json
      FROM unnest($1::uuid[]) AS job (id) WHERE EXISTS (SELECT FROM written)
    )`;
}

function runValues(jobs: readonly NewJob[], arrays: Arrays): unknown[] {
  return [
    arrays.int2(jobs.map(({ run }) => (run === undefined ? 0 : 1))),
    arrays.float8(jobs.map(({ run }) => run?.timeoutMs ?? null)),
    arrays.json(jobs.map(({ run }) => (run === undefined ? null : declaredOf(run)))),
  ];
}

function declaredOf({ declared }: Run): string | null {
  return declared === null ? null : JSON.stringify(declared);
}

export function delayMs({ due }: NewJob): number | null {
  return "delayMs" in due ? due.delayMs : null;
}

export function atMs({ due }: NewJob): number | null {
  return "atMs" in due ? due.atMs : null;
}

/** A key with a window is not among them: it counts from the dispatch, whatever becomes of the job. */
function storedKeys({ keys }: NewJob): string | null {
  const stored: StoredKey[] = [];
  for (const { scope, key, hold } of keys) if (hold.kind === "job") stored.push({ scope, key, keepMs: keepMsOf(hold) });
  return stored.length === 0 ? null : JSON.stringify(stored);
}

/** The keys that the row of a job says it was dispatched with. */
export function storedWants(jobId: string, keys: string | null): Want[] {
  if (keys === null) return [];
  return (JSON.parse(keys) as StoredKey[]).map(({ scope, key, keepMs }) =>
    wantOf(jobId, { scope, key, hold: { kind: "job", afterCompletionMs: keepMs } }),
  );
}
