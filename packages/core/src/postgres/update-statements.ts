import { byId } from "./by-id.ts";
import type { Tables } from "./database.ts";
import { type Ending, insertEnded } from "./ended-rows.ts";
import { remembering } from "./history.ts";
import type { Statement } from "./session.ts";
import { WRITTEN } from "./written-row.ts";

/** The bits of `flags` in the statements. */
export const STARTED = 1;
export const HAS_PROGRESS = 2;
export const HAS_MESSAGE = 4;

const MS = "interval '1 millisecond'";

// Only the first of several sends finds the row claimed, so that `started` clears once what the attempt before left.
export const isFresh: string = `(l.status = 'claimed' AND said.flags & ${STARTED} <> 0)`;
export const startedAt: string = `CASE WHEN ${isFresh} THEN now ELSE l.started_at END`;
const said = (column: "progress" | "message", flag: number): string =>
  `CASE WHEN said.flags & ${flag} <> 0 THEN said.${column} WHEN NOT ${isFresh} THEN l.${column} END`;
export const progress: string = said("progress", HAS_PROGRESS);
export const message: string = said("message", HAS_MESSAGE);

// By status and not by worker: the planner would take the index over workers, which it believes to be small, for every row.
export const isHeld: string = "l.status IN ('claimed', 'running', 'cancel_requested')";

const clock = `(SELECT statement_timestamp() + $6::float8 * ${MS} AS now) AS clock`;

/** More columns of `said`. */
interface Further {
  readonly arrays: string;
  readonly columns: string;
}

const NOTHING: Further = { arrays: "", columns: "" };

/** The statements behind the verb `update`. */
export interface UpdateStatements {
  /** For outcomes that end a job, and for any but `completed` of a job that was asked to stop. */
  readonly end: Statement;
  /** The same for a batch in which a run failed: notes its error, and may discard its job. Takes the errors' names last. */
  readonly endFailing: Statement;
  /** For everything else; passes over rows that were asked to stop where it would end the run. */
  readonly live: Statement;
  /** The same for a batch in which a run failed. Takes the errors' names last. */
  readonly liveFailing: Statement;
  readonly find: Statement;
}

/**
 * Both writing statements lock first, in the order of the ids and passing over what others have locked, so that a row in
 * somebody's long transaction holds up nobody but itself. They find the locked rows by their place: it costs no second
 * search, and leaves the planner no way to read the whole table.
 */
export function updateStatements(tables: Tables): UpdateStatements {
  const { live } = tables;
  const locked = (further: string): string => `ARRAY(
      SELECT row.ctid FROM said, LATERAL (
        SELECT l.ctid FROM ${live} AS l
        WHERE l.id = said.id AND l.claim_no = said.claim_no AND ${isHeld} ${further}
        FOR UPDATE SKIP LOCKED
      ) AS row
    )`;
  const cancelled = "l.status = 'cancel_requested' AND said.status <> 'completed'";
  const ended = `CASE WHEN ${cancelled} THEN 'cancelled' ELSE said.status END`;
  // What is added for failed runs stands in statements of its own: batches of completed jobs know nothing of it.
  const names: Further = { arrays: ", $11::text[]", columns: ", error_name" };
  const rememberErrors = remembering(tables, {
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
  });
  const endParts = (further: Further): string => `said AS (
      SELECT * FROM unnest(
        $1::uuid[], $2::int4[], $3::int2[], $4::float8[], $5::text[], $7::text[], $8::json[], $9::text[], $10::text[]${further.arrays}
      ) AS said (id, claim_no, flags, progress, message, status, output, error, public_error${further.columns})
    ), locked AS MATERIALIZED (SELECT ${locked("")} AS places), gone AS (
      DELETE FROM ${live} WHERE ctid = ANY ((SELECT places FROM locked)::tid[])
    )`;
  const end = (ending: Pick<Ending, "status" | "discardedAt" | "mayFail">): string =>
    insertEnded(tables, {
      // Read beside the DELETE, which both see the same rows: passing whole rows from one to the other costs more.
      from: `${live} AS l JOIN said
        ON said.id = l.id AND said.claim_no = l.claim_no AND l.ctid = ANY ((SELECT places FROM locked)::tid[]),
        ${clock}`,
      error: "CASE WHEN final.status = 'cancelled' THEN l.cancel_reason ELSE said.error END",
      publicError: "CASE WHEN final.status = 'cancelled' THEN l.cancel_reason ELSE said.public_error END",
      output: "said.output",
      startedAt,
      progress,
      message,
      ...ending,
    });
  const liveParts = (further: Further): string => `said AS (
      SELECT *, now + delay_ms * ${MS} AS due FROM unnest(
        $1::uuid[], $2::int4[], $3::int2[], $4::float8[], $5::text[], $7::text[], $8::float8[], $9::text[], $10::text[]${further.arrays}
      ) AS said (id, claim_no, flags, progress, message, status, delay_ms, error, public_error${further.columns}), ${clock}
    )`;
  const change = `UPDATE ${live} AS l SET
        status = CASE WHEN said.status IS NOT NULL THEN said.status WHEN ${isFresh} THEN 'running' ELSE l.status END,
        ready_at = said.due,
        scheduled_at = coalesce(said.due, l.scheduled_at),
        worker_id = CASE WHEN said.status IS NULL THEN l.worker_id END,
        attempts = l.attempts - CASE WHEN said.status = 'pending' THEN 1 ELSE 0 END,
        deaths = CASE WHEN said.status IS NULL THEN l.deaths ELSE 0 END,
        started_at = ${startedAt},
        progress = ${progress},
        message = ${message},
        error = CASE WHEN said.status = 'retry' THEN said.error WHEN NOT ${isFresh} THEN l.error END,
        public_error = CASE WHEN said.status = 'retry' THEN said.public_error WHEN NOT ${isFresh} THEN l.public_error END,
        revision = l.revision + 1
      FROM said
      WHERE l.id = said.id AND l.claim_no = said.claim_no
        AND l.ctid = ANY (${locked("AND (said.status IS NULL OR l.status <> 'cancel_requested')")})
      RETURNING l.id, l.revision, l.status, l.progress, l.claim_no, CASE WHEN said.status IS NOT NULL THEN l.queue END AS free_queue`;
  return {
    end: { text: `WITH ${endParts(NOTHING)} ${end({ status: ended })}` },
    endFailing: {
      text: `WITH ${endParts(names)}, written AS (
          ${end({
            status: `CASE WHEN ${cancelled} THEN 'cancelled' WHEN said.status = 'discarded' THEN 'failed' ELSE said.status END`,
            mayFail: true,
            discardedAt: `CASE WHEN said.status = 'discarded' AND NOT (${cancelled}) THEN now END`,
          })}
        ), ${rememberErrors}
        SELECT ${WRITTEN} FROM written`,
    },
    live: { text: `WITH ${liveParts(NOTHING)} ${change}` },
    liveFailing: {
      text: `WITH ${liveParts(names)}, written AS (${change}), ${rememberErrors}
        SELECT ${WRITTEN}, free_queue FROM written`,
    },
    find: {
      text: byId(tables, {
        live: `id, claim_no, status, worker_id IS NOT NULL AS is_held, cancel_requested_at IS NOT NULL AS was_asked`,
        ended: `id, claim_no, status, false, cancel_requested_at IS NOT NULL`,
      }),
    },
  };
}
