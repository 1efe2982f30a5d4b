import { laneOf } from "../lane.ts";
import { type NewJob, PRIORITIES } from "../store.ts";
import type { Arrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import { atMs, delayMs, DUE } from "./job-rows.ts";
import { indexable } from "./key-columns.ts";
import type { Session, Statement } from "./session.ts";
import { WRITTEN, type WrittenRow } from "./written-row.ts";

const MS = "interval '1 millisecond'";

/** Gives jobs that wait the content of others. */
export class Replacement {
  readonly #database: Database;
  readonly #replace: Statement;

  constructor(database: Database) {
    const { live, saved, children } = database.tables;
    // Row by row through an index: the planner might read the whole table for a list of unknown length.
    const gone = (table: string, id: string): string => `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
        SELECT row.ctid FROM written, LATERAL (SELECT ctid FROM ${table} WHERE ${id} = written.id OFFSET 0) AS row
      ))`;
    this.#database = database;
    this.#replace = {
      // By id and status, and not by place: who took the row a moment ago is waited for, and the row is looked at again.
      text: `WITH said AS (
          SELECT *, ${DUE} AS due FROM unnest(
            $1::uuid[], $2::json[], $3::text[], $4::text[], $5::int4[], $6::int2[], $7::int4[], $8::text[], $9::float8[],
            $10::float8[], $11::text[]
          ) AS said (id, input, job_type, queue, lane, priority, budget, overrides, delay_ms, at_ms, limit_key),
          (SELECT statement_timestamp() + $12::float8 * ${MS} AS now) AS clock
        ), written AS (
          UPDATE ${live} AS l SET
            input = said.input, queue = said.queue, lane = said.lane, priority = said.priority, budget = said.budget,
            max_attempts = l.attempts + said.budget, overrides = said.overrides, limit_key = said.limit_key,
            scheduled_at = due, ready_at = CASE WHEN said.limit_key IS NULL OR due > now THEN due END,
            parked_at = CASE WHEN said.limit_key IS NOT NULL AND due <= now THEN due END,
            progress = NULL, message = NULL, error = NULL, public_error = NULL, revision = l.revision + 1
          FROM said WHERE l.id = said.id AND l.status = 'pending' AND l.job_type = said.job_type
          RETURNING l.id, l.revision, l.status, l.progress, l.claim_no, l.queue
        ), state AS (${gone(saved, "job_id")}), descent AS (${gone(children, "parent_id")})
        SELECT ${WRITTEN}, queue FROM written`,
    };
  }

  /** Writes, in the transaction that has locked their keys, what each holder that is still pending is to be instead. */
  run(session: Session, over: ReadonlyMap<string, NewJob>, arrays: Arrays): Promise<WrittenRow[]> {
    // Sorted, as every statement locks that waits.
    const pairs = [...over].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const jobs = pairs.map(([, job]) => job);
    return session.run<WrittenRow>(this.#replace, [
      arrays.uuid(pairs.map(([id]) => id)),
      arrays.json(jobs.map(({ input }) => input)),
      arrays.text(jobs.map(({ type }) => type)),
      arrays.text(jobs.map(({ queue }) => queue)),
      arrays.int4(jobs.map(laneOf)),
      arrays.int2(jobs.map(({ priority }) => PRIORITIES.indexOf(priority))),
      arrays.int4(jobs.map(({ maxAttempts }) => maxAttempts)),
      arrays.text(jobs.map(({ overrides }) => overrides)),
      arrays.float8(jobs.map(delayMs)),
      arrays.float8(jobs.map(atMs)),
      arrays.text(jobs.map(({ limitKey }) => (limitKey === undefined ? null : indexable(limitKey)))),
      this.#database.offsetMs,
    ]);
  }
}
