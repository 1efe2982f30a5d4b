import type { DeleteResult, EndedVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import { byId } from "./by-id.ts";
import type { Database, Tables } from "./database.ts";
import { storedWants } from "./job-rows.ts";
import { KeyRing, type Want } from "./keys.ts";
import type { Session, Statement } from "./session.ts";
import { isRun } from "./wake.ts";

/** An ended row that this transaction has locked. */
export type DoomedRow = [id: string, keys: string | null, ofRun: boolean];

const MS = "interval '1 millisecond'";

/** Deletes ended rows with all that is kept of their jobs. */
export class Removal {
  readonly #keyRing: KeyRing;
  readonly #standIns: Statement;
  readonly #remove: Statement;
  readonly #removeRuns: Statement;

  constructor(database: Database) {
    const { ended, live, history, saved, logs, children, runs, steps, signals } = database.tables;
    this.#keyRing = new KeyRing(database);
    // Row by row through an index: for a list of ids of unknown length the planner might read the whole table.
    const doomed = (table: string, id: string): string => `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
        SELECT row.ctid FROM unnest($1::uuid[]) AS said (id), LATERAL (
          SELECT ctid FROM ${table} WHERE ${id} = said.id OFFSET 0
        ) AS row
      ))`;
    this.#standIns = {
      text: `SELECT said.id FROM unnest($1::uuid[]) AS said (id), LATERAL (
          SELECT FROM ${children} AS c, LATERAL (SELECT FROM ${live} AS l WHERE l.id = c.parent_id LIMIT 1) AS parent
          WHERE c.child_id = said.id AND c.is_stand_in LIMIT 1
        ) AS stood_in`,
    };
    this.#remove = {
      text: `WITH past AS (${doomed(history, "job_id")}), state AS (${doomed(saved, "job_id")}),
        lines AS (${doomed(logs, "job_id")}), descent AS (${doomed(children, "parent_id")}) ${doomed(ended, "id")}`,
    };
    this.#removeRuns = {
      text: `WITH past AS (${doomed(steps, "run_id")}), said_to AS (${doomed(signals, "run_id")}) ${doomed(runs, "id")}`,
    };
  }

  /** Removes rows that are locked, waiting for their keys. */
  async run(session: Session, rows: readonly DoomedRow[]): Promise<void> {
    if (rows.length === 0) return;
    const wants = wantsOf(rows);
    if (wants.length > 0) {
      await this.#keyRing.lockFor(session, wants);
      await this.#keyRing.partWith(session, wants);
    }
    await this.#removeAll(session, rows);
  }

  /**
   * Removes rows that are locked, but for those whose keys somebody else has locked, and those that stand in for children of
   * live jobs; answers how many it removed.
   */
  async runWithoutWaiting(session: Session, rows: readonly DoomedRow[]): Promise<number> {
    const wants = wantsOf(rows);
    const busy = await this.#keyRing.busyOf(session, wants);
    // Once the keys are locked, no parent comes to know a job by them.
    const keyed = [...new Set(wants.map(({ jobId }) => jobId))];
    const values = [binaryArrays.uuid(keyed)];
    const standIns = keyed.length === 0 ? [] : await session.run<[id: string]>(this.#standIns, values);
    for (const [id] of standIns) busy.add(id);
    const free = rows.filter(([id]) => !busy.has(id));
    if (free.length === 0) return 0;
    await this.#keyRing.partWith(session, wantsOf(free));
    await this.#removeAll(session, free);
    return free.length;
  }

  async #removeAll(session: Session, rows: readonly DoomedRow[]): Promise<void> {
    const runs = rows.flatMap(([id, , ofRun]) => (ofRun ? [id] : []));
    if (runs.length > 0) await session.run(this.#removeRuns, [binaryArrays.uuid(runs)]);
    await session.run(this.#remove, [binaryArrays.uuid(rows.map(([id]) => id))]);
  }
}

function wantsOf(rows: readonly DoomedRow[]): Want[] {
  return rows.flatMap(([id, keys]) => storedWants(id, keys));
}

type LockedRow = [...DoomedRow, revision: number, attempts: number];

/** Makes the verb `delete`. */
export function createDelete(database: Database): EndedVerbs["delete"] {
  const { lock, note, find } = deleteStatements(database.tables);
  const removal = new Removal(database);

  async function deleteIn(session: Session, ids: readonly string[], by: string | null): Promise<LockedRow[]> {
    const rows = await session.run<LockedRow>(lock, [binaryArrays.uuid(ids)]);
    await removal.run(
      session,
      rows.map(([id, keys, ofRun]) => [id, keys, ofRun]),
    );
    const revisions = binaryArrays.int4(rows.map(([, , , revision]) => revision));
    const attempts = binaryArrays.int4(rows.map(([, , , , attempt]) => attempt));
    const values = [binaryArrays.uuid(rows.map(([id]) => id)), revisions, attempts, by, database.offsetMs];
    if (rows.length > 0) await session.run(note, values);
    return rows;
  }

  return async ({ ids, by = null }) => {
    if (ids.length === 0) return [];
    const sorted = [...new Set(ids)].toSorted();
    const deleted = await database.transaction((session) => deleteIn(session, sorted, by));
    const answers = new Map(deleted.map(([id]): [string, DeleteResult] => [id, "deleted"]));
    const rest = sorted.filter((id) => !answers.has(id));
    const found = rest.length === 0 ? [] : await database.run<[id: string]>(find, [binaryArrays.uuid(rest)]);
    for (const [id] of found) answers.set(id, "not_settled");
    return ids.map((id) => answers.get(id) ?? "not_found");
  };
}

function deleteStatements(tables: Tables): { lock: Statement; note: Statement; find: Statement } {
  const { ended, history } = tables;
  return {
    lock: {
      text: `SELECT row.* FROM unnest($1::uuid[]) AS said (id), LATERAL (
          SELECT e.id, e.keys::text, ${isRun("e")}, e.revision, e.attempts FROM ${ended} AS e WHERE e.id = said.id FOR UPDATE
        ) AS row`,
    },
    // The one entry that outlives its job.
    note: {
      text: `INSERT INTO ${history} (job_id, revision, at, event, attempt, actor)
        SELECT id, revision + 1, statement_timestamp() + $5::float8 * ${MS}, 'delete', attempt, $4::text
        FROM unnest($1::uuid[], $2::int4[], $3::int4[]) AS said (id, revision, attempt)`,
    },
    find: { text: byId(tables, { live: "id", ended: "id" }) },
  };
}
