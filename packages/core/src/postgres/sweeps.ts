import type { SweepVerbs } from "../store.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import type { RetainVerbs } from "./retain.ts";
import { movedOf, WRITTEN, type WrittenRow } from "./written-row.ts";

const MS = "interval '1 millisecond'";

/** Makes the verbs of periodic work. They pass over what others have locked: the next sweep finds it. */
export function createSweeps(database: Database, hints: HintSink): Omit<SweepVerbs, keyof RetainVerbs> {
  const { ended, keys, ratePlaces: places } = database.tables;
  const deadLetter = {
    text: `WITH usual AS MATERIALIZED (
        SELECT ctid AS place FROM ${ended}
        WHERE status = 'failed' AND discarded_at IS NULL AND dead_at IS NULL
          AND failed_at <= statement_timestamp() + ($2::float8 - $1::float8) * ${MS}
        ORDER BY failed_at LIMIT $3 FOR UPDATE SKIP LOCKED
      ), own AS MATERIALIZED (
        SELECT ctid AS place FROM ${ended}
        WHERE status = 'failed' AND discarded_at IS NULL AND dead_at IS NOT NULL
          AND dead_at <= statement_timestamp() + $2::float8 * ${MS}
        ORDER BY dead_at LIMIT $3 - (SELECT count(*) FROM usual) FOR UPDATE SKIP LOCKED
      )
      UPDATE ${ended} SET status = 'dead_letter', revision = revision + 1
      WHERE ctid = ANY (ARRAY(SELECT place FROM usual UNION ALL SELECT place FROM own))
      RETURNING ${WRITTEN}`,
  };
  const expiredKeys = {
    text: `DELETE FROM ${keys} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM ${keys} WHERE window_until <= statement_timestamp() + $1::float8 * ${MS}
        ORDER BY window_until LIMIT $2 FOR UPDATE SKIP LOCKED
      ))
      RETURNING 1`,
  };
  const ratePlaces = {
    text: `DELETE FROM ${places} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM ${places} WHERE free_at <= statement_timestamp() + $1::float8 * ${MS} - interval '1 day'
        ORDER BY free_at LIMIT $2 FOR UPDATE SKIP LOCKED
      ))
      RETURNING 1`,
  };

  return {
    async deadLetter({ afterMs, limit }) {
      const rows = await database.run<WrittenRow>(deadLetter, [afterMs, database.offsetMs, limit]);
      hints.moved(rows.map(movedOf));
      return rows.length;
    },

    async expiredKeys({ limit }) {
      return (await database.run(expiredKeys, [database.offsetMs, limit])).length;
    },

    async ratePlaces({ limit }) {
      return (await database.run(ratePlaces, [database.offsetMs, limit])).length;
    },
  };
}
