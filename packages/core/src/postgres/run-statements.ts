import type { Tables } from "./database.ts";
import { insertEnded } from "./ended-rows.ts";
import { remembering } from "./history.ts";
import type { Statement } from "./session.ts";
import { isHeld, isFresh, message, progress, startedAt } from "./update-statements.ts";
import { isRun, waking, WOKEN } from "./wake.ts";
import { WRITTEN, writtenOf } from "./written-row.ts";

const MS = "interval '1 millisecond'";

const clock = `(SELECT statement_timestamp() + $6::float8 * ${MS} AS now) AS clock`;

/** The statements behind the verb `update` that only runs of workflows, and the jobs they wait for, come to. */
export interface RunStatements {
  /**
   * Ends jobs for which runs wait, and runs that were undone. Takes the errors' names and the ids of those runs last, and
   * answers the rows of both sorts, the ones that were woken with true.
   */
  readonly end: Statement;
  /** Puts runs away. */
  readonly suspend: Statement;
}

/**
 * Both lock as the statements of all jobs do, in the order of the ids and passing over what others have locked. A row whose
 * present version is newer than the statement's view of the table is locked, and then not found by its place: it counts as
 * locked by others, and so nothing is written beside it.
 */
export function runStatements(tables: Tables): RunStatements {
  const { live, runs } = tables;
  const cancelled = "l.status = 'cancel_requested' AND said.status <> 'completed'";
  const due = "CASE WHEN coalesce(l.wakes, 0) <> said.wakes THEN now ELSE said.due END";
  return {
    end: {
      // A job ends only where its run was woken, so a run that somebody else has locked holds its children up: whoever ended
      // them without it would have to remember that.
      text: `WITH said AS (
          SELECT * FROM unnest(
            $1::uuid[], $2::int4[], $3::int2[], $4::float8[], $5::text[], $7::text[], $8::json[], $9::text[], $10::text[],
            $11::text[], $12::text[]
          ) AS said (id, claim_no, flags, progress, message, status, output, error, public_error, error_name, awaited_by)
        ), locked AS MATERIALIZED (
          SELECT row.place, said.awaited_by::uuid AS awaited_by FROM said, LATERAL (
            SELECT l.ctid AS place FROM ${live} AS l
            WHERE l.id = said.id AND l.claim_no = said.claim_no AND ${isHeld} FOR UPDATE SKIP LOCKED
          ) AS row
        ), waiting AS MATERIALIZED (
          SELECT row.place FROM (
            SELECT DISTINCT awaited_by FROM locked WHERE awaited_by IS NOT NULL ORDER BY awaited_by
          ) AS named, LATERAL (
            SELECT l.ctid AS place FROM ${live} AS l WHERE l.id = named.awaited_by AND ${isRun("l")}
            FOR UPDATE SKIP LOCKED
          ) AS row
        ), woken AS (
          UPDATE ${live} AS l SET ${waking("now")} FROM ${clock}
          WHERE l.ctid = ANY (ARRAY(SELECT place FROM waiting)) RETURNING ${WOKEN}
        ), free AS MATERIALIZED (
          SELECT ARRAY(
            SELECT place FROM locked
            WHERE awaited_by IS NULL OR EXISTS (SELECT FROM woken WHERE woken.id = awaited_by)
              OR NOT EXISTS (SELECT FROM ${live} AS l WHERE l.id = awaited_by AND ${isRun("l")})
          ) AS places
        ), gone AS (
          DELETE FROM ${live} WHERE ctid = ANY ((SELECT places FROM free)::tid[])
        ), written AS (
          ${insertEnded(tables, {
            from: `${live} AS l JOIN said
              ON said.id = l.id AND said.claim_no = l.claim_no AND l.ctid = ANY ((SELECT places FROM free)::tid[]),
              ${clock}`,
            status: `CASE WHEN ${cancelled} THEN 'cancelled'
              WHEN said.status IN ('discarded', 'compensated') THEN 'failed' ELSE said.status END`,
            error: "CASE WHEN final.status = 'cancelled' THEN l.cancel_reason ELSE said.error END",
            publicError: "CASE WHEN final.status = 'cancelled' THEN l.cancel_reason ELSE said.public_error END",
            output: "said.output",
            startedAt,
            progress,
            message,
            mayFail: true,
            discardedAt: `CASE WHEN said.status = 'discarded' AND NOT (${cancelled}) THEN now END`,
          })}
        ), undone AS (
          UPDATE ${runs} SET is_undone = true WHERE id = ANY (ARRAY(
            SELECT id FROM written JOIN said USING (id, claim_no) WHERE said.status = 'compensated'
          ))
        ), ${remembering(tables, {
          // The statement sees the live rows as they were before it wrote them.
          from: `written JOIN said ON said.id = written.id AND said.claim_no = written.claim_no, LATERAL (
              SELECT attempts, worker_id FROM ${live} WHERE id = written.id LIMIT 1
            ) AS before, ${clock}`,
          event: "error",
          id: "written.id",
          revision: "written.revision",
          attempt: "before.attempts",
          errorName: "said.error_name",
          error: "said.error",
          workerId: "before.worker_id",
          where: "said.error IS NOT NULL AND written.status <> 'cancelled'",
        })}
        SELECT ${WRITTEN}, NULL AS queue, false FROM written UNION ALL SELECT ${writtenOf("woken")}, queue, true FROM woken`,
    },
    suspend: {
      // What the row says of its wake-ups is what it says now: it is locked, and the version that was locked is the one that is
      // written, or none.
      text: `WITH said AS (
          SELECT *, timestamptz 'epoch' + due_ms * ${MS} AS due FROM unnest(
            $1::uuid[], $2::int4[], $3::int2[], $4::float8[], $5::text[], $7::int4[], $8::float8[], $9::text[]
          ) AS said (id, claim_no, flags, progress, message, wakes, due_ms, waiting_for)
        ), put AS (
          UPDATE ${live} AS l SET
            status = 'pending', ready_at = ${due}, scheduled_at = coalesce(${due}, l.scheduled_at), worker_id = NULL,
            attempts = l.attempts - 1, deaths = 0, started_at = ${startedAt}, progress = ${progress}, message = ${message},
            error = CASE WHEN NOT ${isFresh} THEN l.error END,
            public_error = CASE WHEN NOT ${isFresh} THEN l.public_error END, revision = l.revision + 1
          FROM said, ${clock}
          WHERE l.id = said.id AND l.claim_no = said.claim_no AND l.ctid = ANY (ARRAY(
            SELECT row.place FROM said, LATERAL (
              SELECT l.ctid AS place FROM ${live} AS l
              WHERE l.id = said.id AND l.claim_no = said.claim_no AND ${isHeld} AND l.status <> 'cancel_requested'
              FOR UPDATE SKIP LOCKED
            ) AS row
          ))
          RETURNING ${WOKEN}, CASE WHEN coalesce(l.wakes, 0) = said.wakes THEN said.waiting_for END AS waiting_for
        ), noted AS (
          UPDATE ${runs} AS r SET waiting_for = put.waiting_for FROM put WHERE r.id = put.id AND r.id = ANY ($1::uuid[])
        )
        SELECT ${WRITTEN}, queue FROM put`,
    },
  };
}
