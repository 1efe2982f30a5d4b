import type { WorkerVerbs } from "../store.ts";
import type { Database, Tables } from "./database.ts";
import { insertEnded } from "./ended-rows.ts";
import { remembering } from "./history.ts";
import type { HintSink } from "./hints.ts";
import type { Statement } from "./session.ts";
import { wake } from "./wake.ts";
import { movedOf, queuesOf, WRITTEN, type WrittenRow, writtenOf, writtenRow } from "./written-row.ts";

const MS = "interval '1 millisecond'";

/** A row that was given back, or that ended; of the latter its parent. */
type RescuedRow = [...Required<WrittenRow>, parentId: string | null];

/** Makes the verb `rescue`. */
export function createRescue(database: Database, hints: HintSink): WorkerVerbs["rescue"] {
  const { retire, giveBack, hasRows } = rescueStatements(database.tables);

  return async ({ workerId, because, maxDeaths, death }) => {
    const done = await database.transaction(async (session) => {
      const retired = await session.run(retire, [workerId, because === "gone", database.offsetMs]);
      if (retired.length === 0) return null;
      const rows: RescuedRow[] = [];
      const values = [workerId, maxDeaths, death.error, death.publicError, database.offsetMs, death.errorName ?? null];
      do {
        rows.push(...(await session.run<RescuedRow>(giveBack, values)));
        // A row that the worker's last settle or somebody's cancellation changed while this waited for it looks different
        // by now, and is taken at the second look.
      } while ((await session.run<[boolean]>(hasRows, [workerId]))[0]?.[0] === true);
      // Runs of workflows among the parents of jobs that ended may be waiting for those.
      const woken = await wake(
        session,
        database,
        rows.flatMap((row) => row[6] ?? []),
      );
      return { rows: rows.map(writtenRow), woken };
    });
    if (done === null) return null;
    const moved = [...done.rows, ...done.woken];
    hints.available(queuesOf(moved));
    hints.moved(moved.map(movedOf));
    return done.rows.map(([id]) => id);
  };
}

function rescueStatements(tables: Tables): { retire: Statement; giveBack: Statement; hasRows: Statement } {
  const { live, workers } = tables;
  const heldRows = `FROM ${live} WHERE worker_id = $1 AND worker_id IS NOT NULL`;
  return {
    retire: {
      // FOR UPDATE, where the UPDATE alone would not wait for the claims of that worker that are under way.
      text: `WITH dead AS MATERIALIZED (
          SELECT id FROM ${workers}
          WHERE id = $1 AND retired_at IS NULL AND ($2::bool OR lease_until < statement_timestamp() + $3::float8 * ${MS})
          FOR UPDATE
        )
        UPDATE ${workers} AS w SET retired_at = statement_timestamp() + $3::float8 * ${MS} FROM dead WHERE w.id = dead.id
        RETURNING w.id`,
    },
    giveBack: {
      text: `WITH clock AS (SELECT statement_timestamp() + $5::float8 * ${MS} AS now),
        held AS MATERIALIZED (
          SELECT ctid AS place, id, revision, attempts, status AS was, CASE
              WHEN status = 'cancel_requested' THEN 'cancelled'
              WHEN status = 'running' AND greatest(deaths, 0) + 1 >= $2::int4 THEN 'dead_letter'
              ELSE 'pending'
            END AS status
          ${heldRows} ORDER BY id FOR UPDATE
        ), back AS (
          UPDATE ${live} AS l SET
            status = 'pending', ready_at = now, scheduled_at = now, worker_id = NULL, attempts = l.attempts - 1,
            deaths = CASE WHEN l.status = 'running' THEN greatest(l.deaths, 0) + 1 WHEN l.deaths = 0 THEN -1 ELSE l.deaths END,
            revision = l.revision + 1
          FROM clock
          WHERE l.ctid = ANY (ARRAY(SELECT place FROM held WHERE held.status = 'pending'))
          RETURNING ${WRITTEN}, queue
        ), gone AS (
          DELETE FROM ${live} WHERE ctid = ANY (ARRAY(SELECT place FROM held WHERE held.status <> 'pending')) RETURNING *
        ), ended AS (
          ${insertEnded(tables, {
            from: "gone AS l, clock",
            status: "CASE WHEN l.status = 'cancel_requested' THEN 'cancelled' ELSE 'dead_letter' END",
            attempts: "l.attempts - 1",
            error: "CASE WHEN final.status = 'cancelled' THEN l.cancel_reason ELSE $3::text END",
            publicError: "CASE WHEN final.status = 'cancelled' THEN l.cancel_reason ELSE $4::text END",
          })}
        ), ${remembering(tables, {
          from: "held, clock",
          event: "death",
          id: "held.id",
          revision: "held.revision + 1",
          attempt: "held.attempts",
          errorName: "CASE WHEN held.status = 'dead_letter' THEN $6::text END",
          error: "CASE WHEN held.status = 'dead_letter' THEN $3::text END",
          workerId: "$1",
          where: "held.was = 'running'",
        })}
        SELECT ${WRITTEN}, queue, NULL::uuid FROM back
        UNION ALL SELECT ${writtenOf("e")}, gone.queue, gone.parent_id FROM ended AS e JOIN gone USING (id)`,
    },
    hasRows: { text: `SELECT EXISTS (SELECT ${heldRows})` },
  };
}
