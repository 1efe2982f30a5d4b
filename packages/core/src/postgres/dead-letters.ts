import type { DiscardResult, EndedVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import { byId } from "./by-id.ts";
import type { Database, Tables } from "./database.ts";
import { remembering } from "./history.ts";
import type { HintSink } from "./hints.ts";
import { jobRecord, wholeColumns, type WholeRow } from "./read.ts";
import type { Statement } from "./session.ts";
import { isRun } from "./wake.ts";
import { unforeseen } from "./unforeseen-limit.ts";
import { movedOf, WRITTEN, type WrittenRow } from "./written-row.ts";

const MS = "interval '1 millisecond'";
const FIRST_ID = "00000000-0000-0000-0000-000000000000";
const LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** Makes the verbs over dead letters. */
export function createDeadLetters(database: Database, hints: HintSink): Omit<EndedVerbs, "delete"> {
  const { page, findDead, discard, find } = deadLetterStatements(database.tables);

  return {
    async deadLetters({ type = null, before = LAST_ID, limit }) {
      return (await database.run<WholeRow>(page, [limit, before, type])).map(jobRecord);
    },

    async findDead({ type = null, queue = null, errorName = null, after = FIRST_ID, limit }) {
      const rows = await database.run<[id: string, matches: boolean]>(findDead, [after, limit, type, queue, errorName]);
      const ids = rows.flatMap(([id, matches]) => (matches ? [id] : []));
      return { ids, reached: rows.length < limit ? null : (rows.at(-1)?.[0] ?? null) };
    },

    async discard({ ids, by = null }) {
      const answers = new Map<string, DiscardResult>();
      let open = [...new Set(ids)].toSorted();
      while (open.length > 0) {
        const written = await database.run<WrittenRow>(discard, [binaryArrays.uuid(open), database.offsetMs, by]);
        for (const [id] of written) answers.set(id, "discarded");
        hints.moved(written.map(movedOf));
        const rest = open.filter((id) => !answers.has(id));
        if (rest.length === 0) break;
        const found = await database.run<[id: string, isDead: boolean, isDiscarded: boolean]>(find, [
          binaryArrays.uuid(rest),
        ]);
        for (const [id, isDead, isDiscarded] of found) {
          if (isDiscarded) answers.set(id, "discarded");
          else if (!isDead) answers.set(id, "not_failed");
        }
        const known = new Set(found.map(([id]) => id));
        for (const id of rest) if (!known.has(id)) answers.set(id, "not_found");
        // What is left was changed by somebody between the statement's look and its lock: it looks again.
        open = rest.filter((id) => !answers.has(id));
      }
      return ids.map((id) => answers.get(id) ?? "not_found");
    },
  };
}

function deadLetterStatements(tables: Tables): Readonly<Record<"page" | "findDead" | "discard" | "find", Statement>> {
  const { ended, history } = tables;
  const clock = `(SELECT statement_timestamp() + $2::float8 * ${MS} AS now) AS clock`;
  // Each half walks the index by status and id, where no plan for both statuses together would stop at the limit.
  const halves = (half: (status: string) => string): string => `${half("failed")} UNION ALL ${half("dead_letter")}`;
  return {
    page: {
      text: `${halves(
        (status) => `(
          SELECT ${wholeColumns(true)} FROM ${ended} AS e
          WHERE status = '${status}' AND id < $2::uuid AND discarded_at IS NULL AND NOT ${isRun("e")} AND ($3::text IS NULL OR job_type = $3)
          ORDER BY e.id DESC LIMIT ${unforeseen("$1")}
        )`,
      )} ORDER BY 1 DESC LIMIT $1`,
    },
    findDead: {
      text: `SELECT looked.id, discarded_at IS NULL AND NOT ${isRun("looked")}
          AND ($3::text IS NULL OR job_type = $3) AND ($4::text IS NULL OR queue = $4)
          AND ($5::text IS NULL OR $5 = (
            SELECT h.error_name FROM ${history} AS h WHERE h.job_id = looked.id AND h.event IN ('error', 'death')
            ORDER BY h.revision DESC LIMIT 1
          ))
        FROM (
          SELECT * FROM (${halves(
            (status) => `(
              SELECT id, job_type, queue, discarded_at FROM ${ended} AS e
              WHERE status = '${status}' AND id > $1::uuid ORDER BY e.id LIMIT ${unforeseen("$2")}
            )`,
          )}) AS half ORDER BY id LIMIT $2
        ) AS looked ORDER BY looked.id`,
    },
    discard: {
      text: `WITH locked AS MATERIALIZED (
          SELECT row.place FROM unnest($1::uuid[]) AS said (id), LATERAL (
            SELECT e.ctid AS place FROM ${ended} AS e
            WHERE e.id = said.id AND e.status IN ('failed', 'dead_letter') AND e.discarded_at IS NULL FOR UPDATE
          ) AS row
        ), written AS (
          UPDATE ${ended} AS e SET status = 'failed', discarded_at = now, revision = e.revision + 1
          FROM ${clock} WHERE e.ctid = ANY (ARRAY(SELECT place FROM locked))
          RETURNING ${WRITTEN}, attempts
        ), ${remembering(tables, {
          from: `written, ${clock}`,
          event: "discard",
          id: "written.id",
          revision: "written.revision",
          attempt: "written.attempts",
          by: "$3::text",
        })}
        SELECT ${WRITTEN} FROM written`,
    },
    find: {
      text: byId(tables, {
        live: "id, false AS is_dead, false AS is_discarded",
        ended: "id, status IN ('failed', 'dead_letter'), discarded_at IS NOT NULL",
      }),
    },
  };
}
