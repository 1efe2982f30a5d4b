import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { CancelResult, JobVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import { byId } from "./by-id.ts";
import type { Database, Tables } from "./database.ts";
import { insertEnded } from "./ended-rows.ts";
import { remembering } from "./history.ts";
import type { HintSink } from "./hints.ts";
import type { Session, Statement } from "./session.ts";
import { wake } from "./wake.ts";
import { movedOf, queuesOf, WRITTEN, type WrittenRow, writtenOf, writtenRow } from "./written-row.ts";

/** What a cancellation wrote, and the parent of a job that it ended. */
type CancelledRow = [...Required<WrittenRow>, parentId: string | null];

type FoundRow = [id: string, status: StoredJobStatus, isLive: boolean];

const MS = "interval '1 millisecond'";

/** Cancels jobs within a transaction of ours, and answers what was written besides. */
export type CancelWithin = (
  session: Session,
  args: Parameters<JobVerbs["cancel"]>[0],
) => Promise<{ answers: ReadonlyMap<string, CancelResult>; moved: WrittenRow[] }>;

/** Makes the verb `cancel`. */
export function createCancel(database: Database, hints: HintSink): JobVerbs["cancel"] {
  const within = cancelWithin(database);
  return async (args) => {
    // One transaction with the children: a crash in between would leave them to work for nobody. The lock on a parent
    // keeps it from making more of them meanwhile.
    const { answers, moved } = await database.transaction((session) => within(session, args));
    // A worker held some of them; where a limit counted those there is room now.
    hints.available(queuesOf(moved));
    hints.moved(moved.map(movedOf));
    return args.ids.map((id) => answers.get(id) ?? "not_found");
  };
}

/** Makes what cancels jobs, and their children with them. */
export function cancelWithin(database: Database): CancelWithin {
  const { write, find, children } = cancelStatements(database.tables);

  /** Cancels these jobs, and adds what it wrote to `moved`. */
  async function cancelIn(
    session: Session,
    ids: readonly string[],
    values: readonly unknown[],
    moved: CancelledRow[],
  ): Promise<Map<string, CancelResult>> {
    const answers = new Map<string, CancelResult>();
    let open = [...new Set(ids)].toSorted();
    while (open.length > 0) {
      const written = await session.run<CancelledRow>(write, [binaryArrays.uuid(open), ...values]);
      for (const [id, , status] of written) answers.set(id, status === "cancelled" ? "cancelled" : "requested");
      moved.push(...written);
      const rest = open.filter((id) => !answers.has(id));
      if (rest.length === 0) break;
      const found = await session.run<FoundRow>(find, [binaryArrays.uuid(rest)]);
      for (const [id, status, isLive] of found) {
        if (!isLive) answers.set(id, "settled");
        else if (status === "cancel_requested") answers.set(id, "requested");
      }
      const known = new Set(found.map(([id]) => id));
      for (const id of rest) if (!known.has(id)) answers.set(id, "not_found");
      // What is left was changed by somebody between the statement's look and its lock: it looks again.
      open = rest.filter((id) => !answers.has(id));
    }
    return answers;
  }

  return async (session, { ids, reason, by = null }) => {
    const values = [reason, database.offsetMs, by];
    const written: CancelledRow[] = [];
    const answers = await cancelIn(session, ids, values, written);
    let parents = openIn(answers);
    while (parents.length > 0) {
      const found = await session.run<[id: string]>(children, [binaryArrays.uuid(parents)]);
      const below = found.map(([id]) => id);
      parents = openIn(await cancelIn(session, below, values, written));
    }
    // Runs of workflows among the parents of jobs that ended may be waiting for those.
    // Somebody may cancel a run at this moment, whose row is then locked before its children's: one of both is sent again.
    const woken = await wake(
      session,
      database,
      written.flatMap((row) => row[6] ?? []),
    );
    return { answers, moved: [...written.map(writtenRow), ...woken] };
  };
}

/** The jobs that a cancellation met before their end: their children are to end with them. */
function openIn(answers: ReadonlyMap<string, CancelResult>): string[] {
  return [...answers].flatMap(([id, result]) => (result === "cancelled" || result === "requested" ? [id] : []));
}

function cancelStatements(tables: Tables): { write: Statement; find: Statement; children: Statement } {
  const { live, children } = tables;
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
          SELECT ${WRITTEN}, NULL AS queue, NULL::uuid AS parent_id FROM asked
          UNION ALL SELECT ${writtenOf("c")}, CASE WHEN gone.worker_id IS NOT NULL THEN gone.queue END, gone.parent_id
          FROM cancelled AS c JOIN gone USING (id)
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
        SELECT ${WRITTEN}, queue, parent_id FROM written`,
    },
    // A job that holds a child's idempotency key is not the parent's to cancel.
    children: {
      text: `SELECT DISTINCT l.id FROM unnest($1::uuid[]) AS said (id), LATERAL (
          SELECT child_id FROM ${children} WHERE parent_id = said.id OFFSET 0
        ) AS c, LATERAL (
          SELECT id FROM ${live} WHERE id = c.child_id AND parent_id = said.id LIMIT 1
        ) AS l`,
    },
    find: {
      text: byId(tables, { live: "id, status, true AS is_live", ended: "id, status, false" }),
    },
  };
}
