import { keyedLane, lane } from "../lane.ts";
import type { SweepVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import type { RetainVerbs } from "./retain.ts";
import type { Statement } from "./session.ts";
import { unforeseen } from "./unforeseen-limit.ts";
import { movedOf, WRITTEN, type WrittenRow } from "./written-row.ts";

const MS = "interval '1 millisecond'";

/** Makes the verbs of periodic work. They pass over what others have locked: the next sweep finds it. */
export function createSweeps(database: Database, hints: HintSink): Omit<SweepVerbs, keyof RetainVerbs> {
  const { live, ended, keys, ratePlaces: places } = database.tables;
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

  // Rows in the lanes of types with keys; those that are parked, and those that wait for their time.
  const unkey = (isWaiting: string, order: string): Statement => ({
    text: `UPDATE ${live} AS l SET
        lane = said.plain, limit_key = NULL, ready_at = coalesce(l.ready_at, l.parked_at), parked_at = NULL
      FROM unnest($1::int4[], $2::int4[]) AS said (keyed, plain)
      WHERE l.lane = said.keyed AND l.ctid = ANY (ARRAY(
        SELECT row.ctid FROM unnest($1::int4[], $3::text[], $4::text[]) AS r (lane, queue, job_type),
          generate_series(0, 3) AS urgency, LATERAL (
            SELECT j.ctid FROM ${live} AS j WHERE j.lane = r.lane AND j.queue = r.queue AND j.job_type = r.job_type
              AND ${isWaiting}
            ORDER BY ${order} LIMIT ${unforeseen("$5")} FOR UPDATE SKIP LOCKED
          ) AS row LIMIT $5
      ))
      RETURNING l.queue`,
  });
  const unparked = unkey("urgency = 0 AND j.parked_at IS NOT NULL", "j.limit_key, j.priority, j.parked_at, j.id");
  const unready = unkey("j.priority = urgency AND j.ready_at IS NOT NULL", "j.ready_at, j.id");

  return {
    async deadLetter({ afterMs, limit }) {
      const rows = await database.run<WrittenRow>(deadLetter, [afterMs, database.offsetMs, limit]);
      hints.moved(rows.map(movedOf));
      return rows.length;
    },

    async expiredKeys({ limit }) {
      return (await database.run(expiredKeys, [database.offsetMs, limit])).length;
    },

    async unkeyed({ lanes, limit }) {
      const values = [
        binaryArrays.int4(lanes.map(({ queue, type }) => keyedLane(queue, type))),
        binaryArrays.int4(lanes.map(({ queue, type }) => lane(queue, type))),
        binaryArrays.text(lanes.map(({ queue }) => queue)),
        binaryArrays.text(lanes.map(({ type }) => type)),
        limit,
      ];
      const rows = await database.run<[queue: string]>(unparked, values);
      if (rows.length < limit) rows.push(...(await database.run<[queue: string]>(unready, values)));
      hints.available(new Set(rows.map(([queue]) => queue)));
      return rows.length;
    },

    async ratePlaces({ limit }) {
      return (await database.run(ratePlaces, [database.offsetMs, limit])).length;
    },
  };
}
