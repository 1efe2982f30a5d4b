import type { KeyClaim, NewJob } from "../store.ts";
import { type Arrays, binaryArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import { indexable, keepMsOf, windowMsOf } from "./key-columns.ts";
import type { Row, Session, Statement } from "./session.ts";

/** A key that some job wants to hold, as it stands in the table. */
export interface Want extends KeyClaim {
  readonly jobId: string;
}

export function wantOf(jobId: string, { scope, key, hold }: KeyClaim): Want {
  return { jobId, scope: indexable(scope), key: indexable(key), hold };
}

/** What the table says of a key that this transaction has locked: who holds it, or null if it may be taken. */
interface Locked {
  readonly scope: string;
  readonly key: string;
  /** The job that the row names, whether or not it still holds the key. */
  readonly named: string;
  /** Whether this transaction added the row. */
  readonly added: boolean;
  holder: string | null;
}

const MS = "interval '1 millisecond'";

/**
 * The idempotency keys. Its verbs run inside a transaction, and keep the rows of the keys they were given locked until
 * its end; claims and settles never wait for them, since they do not touch keys.
 */
export class KeyRing {
  readonly #database: Database;
  readonly #add: Statement;
  readonly #lock: Statement;
  readonly #look: Statement;
  readonly #write: Statement;
  readonly #drop: Statement;
  readonly #lockFree: Statement;
  readonly #present: Statement;
  readonly #part: Statement;

  constructor(database: Database) {
    const { schema, tables } = database;
    const wanted = "unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (scope, key, n)";
    const held =
      "unnest($1::text[], $2::text[], $3::uuid[], $4::float8[], $5::float8[]) AS want (scope, key, job_id, window_ms, keep_ms)";
    const now = `statement_timestamp() + $6::float8 * ${MS}`;
    this.#database = database;
    this.#add = {
      name: `${schema}.keys_add`,
      text: `INSERT INTO ${tables.keys} (scope, key, job_id, window_until, keep_ms)
        SELECT scope, key, job_id, ${now} + window_ms * ${MS}, keep_ms::int8 FROM ${held}
        ON CONFLICT DO NOTHING RETURNING scope, key`,
    };
    this.#lock = {
      text: `SELECT count(*) FROM ${wanted}, LATERAL (
          SELECT FROM ${tables.keys} AS k WHERE k.scope = wanted.scope AND k.key = wanted.key FOR UPDATE
        ) AS locked`,
    };
    // A statement of its own, after the locks: only a new snapshot shows what the transactions did that had them before.
    this.#look = {
      text: `SELECT k.scope, k.key, k.job_id, CASE
          WHEN k.window_until IS NOT NULL THEN k.window_until > now
          WHEN EXISTS (SELECT FROM ${tables.live} AS l WHERE l.id = k.job_id) THEN true
          ELSE coalesce(
            (SELECT e.status = 'completed' AND (k.keep_ms IS NULL OR e.completed_at + k.keep_ms * ${MS} > now)
              FROM ${tables.ended} AS e WHERE e.id = k.job_id),
            k.keep_ms IS NULL
          ) END
        FROM ${wanted},
          LATERAL (SELECT * FROM ${tables.keys} WHERE scope = wanted.scope AND key = wanted.key LIMIT 1) AS k,
          (SELECT statement_timestamp() + $3::float8 * ${MS} AS now) AS clock`,
    };
    this.#write = {
      text: `UPDATE ${tables.keys} AS k
        SET job_id = want.job_id, window_until = ${now} + want.window_ms * ${MS}, keep_ms = want.keep_ms::int8
        FROM ${held} WHERE k.scope = want.scope AND k.key = want.key`,
    };
    this.#drop = {
      text: `DELETE FROM ${tables.keys} WHERE ctid = ANY (ARRAY(
          SELECT k.ctid FROM ${wanted}, LATERAL (
            SELECT ctid FROM ${tables.keys} WHERE scope = wanted.scope AND key = wanted.key LIMIT 1
          ) AS k
        ))`,
    };
    const named = (lock: string): string => `SELECT said.job_id
      FROM unnest($1::text[], $2::text[], $3::uuid[]) AS said (scope, key, job_id), LATERAL (
        SELECT FROM ${tables.keys} AS k
        WHERE k.scope = said.scope AND k.key = said.key AND k.job_id = said.job_id AND k.window_until IS NULL ${lock}
      ) AS k`;
    this.#lockFree = { text: named("FOR UPDATE SKIP LOCKED") };
    this.#present = { text: named("LIMIT 1") };
    this.#part = {
      text: `WITH parted AS MATERIALIZED (
          SELECT k.ctid AS place, CASE WHEN job.completed_at IS NULL THEN 0 ELSE k.keep_ms END AS keep_ms, job.completed_at
          FROM unnest($1::text[], $2::text[], $3::uuid[]) AS said (scope, key, job_id), LATERAL (
            SELECT ctid, keep_ms FROM ${tables.keys}
            WHERE scope = said.scope AND key = said.key AND job_id = said.job_id AND window_until IS NULL LIMIT 1
          ) AS k, LATERAL (SELECT completed_at FROM ${tables.ended} WHERE id = said.job_id LIMIT 1) AS job
        ), kept AS (
          UPDATE ${tables.keys} AS k SET window_until = parted.completed_at + parted.keep_ms * ${MS}
          FROM parted WHERE k.ctid = parted.place AND parted.keep_ms > 0
        )
        DELETE FROM ${tables.keys} WHERE ctid = ANY (ARRAY(SELECT place FROM parted WHERE keep_ms = 0))`,
    };
  }

  /**
   * Takes the keys of new jobs. Answers for each the job that holds one of its keys, the first that is held; or null: it
   * holds all of its keys now, and is to be inserted in the same transaction.
   *
   * Where a holder was found, the windows beside that were free are its own from now on, so that a request that is sent once
   * more finds it still after the other key was released. A key that goes by its job's end is taken by a job that was
   * dispatched with it and by no other.
   */
  async take(session: Session, jobs: readonly NewJob[], arrays: Arrays): Promise<(string | null)[]> {
    const locked = await this.#lockAll(session, jobs.flatMap(wantsOf), arrays);
    const written: Want[] = [];
    const holders = jobs.map((job) => {
      const keys = wantsOf(job).map((want) => ({ want, row: locked.get(nameOf(want)) as Locked }));
      const holder = keys.find(({ row }) => row.holder !== null)?.row.holder ?? null;
      for (const { want, row } of keys) {
        if (row.holder !== null || (holder !== null && want.hold.kind !== "window")) continue;
        row.holder = holder ?? job.id;
        if (!row.added || row.named !== row.holder) written.push({ ...want, jobId: row.holder });
      }
      return holder;
    });
    await this.#writeAll(session, written, arrays);
    await this.#dropUnheld(session, locked, arrays);
    return holders;
  }

  /**
   * Takes keys again for jobs that ended. Answers for each job whether it holds all of its keys now; one that cannot takes
   * none. A key is free for a job if its row names that job already, or if nobody holds it.
   */
  async takeAgain(session: Session, jobs: readonly (readonly Want[])[], arrays: Arrays): Promise<boolean[]> {
    const locked = await this.#lockAll(session, jobs.flat(), arrays);
    const written: Want[] = [];
    const answers = jobs.map((wants) => {
      const rows = wants.map((want) => ({ want, row: locked.get(nameOf(want)) as Locked }));
      if (!rows.every(({ want, row }) => row.holder === null || row.holder === want.jobId)) return false;
      for (const { want, row } of rows) {
        row.holder = want.jobId;
        if (row.named !== want.jobId) written.push(want);
      }
      return true;
    });
    await this.#writeAll(session, written, arrays);
    await this.#dropUnheld(session, locked, arrays);
    return answers;
  }

  /** Locks keys in the order that everybody locks them in, waiting for those that others have. */
  async lockFor(session: Session, wants: readonly Want[]): Promise<void> {
    const sorted = distinctInOrder(wants);
    const names = [
      binaryArrays.text(sorted.map(({ scope }) => scope)),
      binaryArrays.text(sorted.map(({ key }) => key)),
    ];
    await session.run(this.#lock, names);
  }

  /** Locks the keys that these jobs hold or held, as far as nobody else has; answers the jobs that have one which is not free. */
  async busyOf(session: Session, wants: readonly Want[]): Promise<Set<string>> {
    if (wants.length === 0) return new Set();
    const values = this.#places(wants);
    const locked = await session.run<Row & [string]>(this.#lockFree, values);
    const present = await session.run<Row & [string]>(this.#present, values);
    const counts = new Map<string, number>();
    for (const [id] of present) counts.set(id, (counts.get(id) ?? 0) + 1);
    for (const [id] of locked) counts.set(id, (counts.get(id) ?? 0) - 1);
    return new Set([...counts].flatMap(([id, count]) => (count > 0 ? [id] : [])));
  }

  /**
   * Settles what becomes of locked keys of ended jobs whose rows go, later in this transaction: those that are held for a time
   * after their job's completion are held until then by themselves, those for ever stay, and the others are gone.
   */
  async partWith(session: Session, wants: readonly Want[]): Promise<void> {
    if (wants.length > 0) await session.run(this.#part, this.#places(wants));
  }

  /** All of them, not one for each key: two jobs may have been dispatched with the same key, and one holds it. */
  #places(wants: readonly Want[]): unknown[] {
    return [
      binaryArrays.text(wants.map(({ scope }) => scope)),
      binaryArrays.text(wants.map(({ key }) => key)),
      binaryArrays.uuid(wants.map(({ jobId }) => jobId)),
    ];
  }

  /** Locks the rows of the keys in one order for everybody, adding those that are missing in the name of the first to want them. */
  async #lockAll(session: Session, wants: readonly Want[], arrays: Arrays): Promise<Map<string, Locked>> {
    const rows = new Map<string, Locked>();
    let missing = distinctInOrder(wants);
    while (missing.length > 0) {
      const firsts = new Map(missing.map((want) => [nameOf(want), want.jobId]));
      const added = await session.run<Row & [string, string]>(this.#add, this.#values(missing, arrays));
      for (const [scope, key] of added) {
        const name = nameOf({ scope, key });
        rows.set(name, { scope, key, named: firsts.get(name) as string, added: true, holder: null });
      }
      const present = missing.filter((want) => !rows.has(nameOf(want)));
      if (present.length === 0) break;
      const names = [arrays.text(present.map(({ scope }) => scope)), arrays.text(present.map(({ key }) => key))];
      await session.run(this.#lock, names);
      const looked = await session.run<Row & [string, string, string, boolean]>(this.#look, [
        ...names,
        this.#database.offsetMs,
      ]);
      for (const [scope, key, named, held] of looked) {
        rows.set(nameOf({ scope, key }), { scope, key, named, added: false, holder: held ? named : null });
      }
      // A sweep may have deleted one in between.
      missing = present.filter((want) => !rows.has(nameOf(want)));
    }
    return rows;
  }

  /** Takes away what was added only to be locked: it names a job that does not hold it, and may never exist. */
  async #dropUnheld(session: Session, locked: ReadonlyMap<string, Locked>, arrays: Arrays): Promise<void> {
    const unheld = [...locked.values()].filter(({ added, holder }) => added && holder === null);
    if (unheld.length === 0) return;
    const names = [arrays.text(unheld.map(({ scope }) => scope)), arrays.text(unheld.map(({ key }) => key))];
    await session.run(this.#drop, names);
  }

  async #writeAll(session: Session, wants: readonly Want[], arrays: Arrays): Promise<void> {
    if (wants.length > 0) await session.run(this.#write, this.#values(wants, arrays));
  }

  #values(wants: readonly Want[], arrays: Arrays): unknown[] {
    return [
      arrays.text(wants.map(({ scope }) => scope)),
      arrays.text(wants.map(({ key }) => key)),
      arrays.uuid(wants.map(({ jobId }) => jobId)),
      arrays.float8(wants.map(({ hold }) => windowMsOf(hold))),
      arrays.float8(wants.map(({ hold }) => keepMsOf(hold))),
      this.#database.offsetMs,
    ];
  }
}

function wantsOf({ id, keys }: NewJob): Want[] {
  return keys.map((claim) => wantOf(id, claim));
}

function nameOf({ scope, key }: { scope: string; key: string }): string {
  return `${scope.length}:${scope}${key}`;
}

/** Sorted, so that two batches with the same keys wait for each other instead of locking each other out. */
function distinctInOrder(wants: readonly Want[]): Want[] {
  const byName = new Map<string, Want>();
  for (const want of wants) if (!byName.has(nameOf(want))) byName.set(nameOf(want), want);
  return [...byName].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, want]) => want);
}
