import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { CancelResult, JobVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import { byId } from "./by-id.ts";
import type { Database, Tables } from "./database.ts";
import { insertEnded } from "./ended-rows.ts";
import { remembering } from "./history.ts";
import type { HintSink } from "./hints.ts";
import type { Statement } from "./session.ts";
import { movedOf, WRITTEN, type WrittenRow } from "./written-row.ts";

type FoundRow = [id: string, status: StoredJobStatus, isLive: boolean];

const MS = "interval '1 millisecond'";

/** Makes the verb `cancel`. */
export function createCancel(database: Database, hints: HintSink): JobVerbs["cancel"] {
  const { write, find } = cancelStatements(database.tables);

  return async ({ ids, reason, by = null }) => {
    const answers = new Map<string, CancelResult>();
    let open = [...new Set(ids)].toSorted();
    while (open.length > 0) {
      const written = await database.run<WrittenRow>(write, [binaryArrays.uuid(open), reason, database.offsetMs, by]);
      for (const [id, , status] of written) answers.set(id, status === "cancelled" ? "cancelled" : "requested");
      hints.moved(written.map(movedOf));
      const rest = open.filter((id) => !answers.has(id));
      if (rest.length === 0) break;
      const found = await database.run<FoundRow>(find, [binaryArrays.uuid(rest)]);
      for (const [id, status, isLive] of found) {
        if (!isLive) answers.set(id, "settled");
        else if (status === "cancel_requested") answers.set(id, "requested");
      }
      const known = new Set(found.map(([id]) => id));
      for (const id of rest) if (!known.has(id)) answers.set(id, "not_found");
      // What is left was changed by somebody between the statement's look and its lock: it looks again.
      open = rest.filter((id) => !answers.has(id));
    }
    return ids.map((id) => answers.get(id) ?? "not_found");
  };
}

function cancelStatements(tables: Tables): { write: Statement; find: Statement } {
  const { live } = tables;
  const clock = `(SELECT statement_timestamp() + $3::float8 * ${MS} AS now) AS clock`;
  return {
    write: {
      text: `WITH locked AS MATERIALIZED (
          SELECT row.place, row.status FROM unnest($1::uuid[]) AS said (id), LATERAL (
            SELECT l.ctid AS place, l.status FROM ${live} AS l WHERE l.id = said.id AND l.status <> 'cancel_requested' FOR UPDATE
          ) AS row
        ), asked AS (
          UPDATE ${live} AS l SET
            status = 'cancel_requested', cancel_requested_at = now, cancel_reason = $2::text, revision = l.revision + 1
          FROM ${clock}
          WHERE l.ctid = ANY (ARRAY(SELECT place FROM locked WHERE status = 'running'))
          RETURNING ${WRITTEN}
        ), gone AS (
          DELETE FROM ${live} WHERE ctid = ANY (ARRAY(SELECT place FROM locked WHERE status <> 'running')) RETURNING *
        ), cancelled AS (
          ${insertEnded(tables, {
            from: `gone AS l, ${clock}`,
            status: "'cancelled'::text",
            error: "$2::text",
            publicError: "$2::text",
          })}
        ), written AS (
          SELECT ${WRITTEN} FROM asked UNION ALL SELECT ${WRITTEN} FROM cancelled
        ), ${remembering(tables, {
          // The statement sees the live rows as they were before it wrote them.
          from: `written, LATERAL (
              SELECT attempts, worker_id FROM ${live} WHERE id = written.id LIMIT 1
            ) AS before, ${clock}`,
          event: "cancel",
          id: "written.id",
          revision: "written.revision",
          attempt: "before.attempts",
          workerId: "before.worker_id",
          by: "$4::text",
          reason: "$2::text",
        })}
        SELECT ${WRITTEN} FROM written`,
    },
    find: {
      text: byId(tables, { live: "id, status, true AS is_live", ended: "id, status, false" }),
    },
  };
}
