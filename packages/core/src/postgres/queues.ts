import { keyedLane, lane } from "../lane.ts";
import type { QueueChange, QueueVerbs, WaitingLane } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { createOrders, nextVersion } from "./orders.ts";
import type { Statement } from "./session.ts";
import { unforeseen } from "./unforeseen-limit.ts";

/** Of the jobs that wait parked for a concurrency key, so many are looked at for the one that is due the longest. */
const PARKED_SEEN = 1_000;
const MS = "interval '1 millisecond'";

/** The columns that a change may name. The bit of the n-th in `emptied` is 1 << n. */
const COLUMNS: readonly (readonly [keyof QueueChange, column: string, type: string])[] = [
  ["concurrency", "concurrency", "int4"],
  ["globalConcurrency", "global_concurrency", "int4"],
  ["backoffEnabled", "backoff_enabled", "bool"],
  ["backoffBaseSeconds", "backoff_base_seconds", "float8"],
  ["backoffMaxSeconds", "backoff_max_seconds", "float8"],
];

/** Makes the verbs over queues. */
export function createQueues(database: Database, hints: HintSink): QueueVerbs {
  const { live, queues } = database.tables;
  const orders = createOrders(database);
  const now = (offset: string): string => `(SELECT statement_timestamp() + ${offset}::float8 * ${MS})`;
  // Ordered by all columns of the claim's index, so that each step is one descent into it.
  const firstAfter = (after: string): string => `SELECT j.lane FROM ${live} AS j
    WHERE j.ready_at IS NOT NULL ${after} ORDER BY j.lane, j.priority, j.ready_at, j.id LIMIT ${unforeseen("1")}`;
  const parkedAfter = (after: string): string => `SELECT j.lane FROM ${live} AS j WHERE j.parked_at IS NOT NULL ${after}
    ORDER BY j.lane, j.limit_key, j.priority, j.parked_at, j.id LIMIT ${unforeseen("1")}`;
  const lanes: Statement = {
    // A lane's head stands for all of it: two pairs of queue and type may share a lane, which this does not look for.
    text: `WITH RECURSIVE lanes AS (
        SELECT (${firstAfter("")}) AS lane
        UNION ALL SELECT (${firstAfter("AND j.lane > l.lane")}) FROM lanes AS l WHERE l.lane IS NOT NULL
      ), parked AS (
        SELECT (${parkedAfter("")}) AS lane
        UNION ALL SELECT (${parkedAfter("AND j.lane > l.lane")}) FROM parked AS l WHERE l.lane IS NOT NULL
      ), heads AS (
        SELECT head.* FROM lanes, generate_series(0, 3) AS urgency, LATERAL (
          SELECT j.queue, j.job_type, j.ready_at AS due_at FROM ${live} AS j
          WHERE j.lane = lanes.lane AND j.priority = urgency AND j.ready_at IS NOT NULL
          ORDER BY j.ready_at, j.id LIMIT ${unforeseen("1")}
        ) AS head
        UNION ALL
        SELECT head.* FROM parked, LATERAL (
          SELECT j.queue, j.job_type, j.parked_at FROM ${live} AS j
          WHERE j.lane = parked.lane AND j.parked_at IS NOT NULL
          ORDER BY j.limit_key, j.priority, j.parked_at, j.id LIMIT ${unforeseen(String(PARKED_SEEN))}
        ) AS head
      )
      SELECT head.queue, head.job_type, date_part('epoch', ${now("$1")} - min(head.due_at)) * 1e3 FROM heads AS head
      GROUP BY head.queue, head.job_type ORDER BY head.queue, head.job_type`,
  };
  const depths: Statement = {
    text: `SELECT (SELECT count(*) FROM (
          SELECT FROM unnest($2::int4[], $3::int4[], $4::text[]) AS r (n, lane, job_type), generate_series(0, 3) AS urgency,
            LATERAL (
              (
                SELECT FROM ${live} AS j
                WHERE j.lane = r.lane AND j.priority = urgency AND j.ready_at <= ${now("$6")}
                  AND j.queue = q.name AND j.job_type = r.job_type
                ORDER BY j.ready_at, j.id LIMIT ${unforeseen("$5")}
              ) UNION ALL (
                SELECT FROM ${live} AS j
                WHERE urgency = 0 AND j.lane = r.lane AND j.parked_at IS NOT NULL
                  AND j.queue = q.name AND j.job_type = r.job_type
                ORDER BY j.limit_key, j.priority, j.parked_at, j.id LIMIT ${unforeseen("$5")}
              )
            ) AS due
          WHERE r.n = q.n LIMIT $5
        ) AS counted)
      FROM unnest($1::text[]) WITH ORDINALITY AS q (name, n) ORDER BY q.n`,
  };

  return {
    async change({ name, change, onlyAbsent, by = null }) {
      const { text, values } = upsert(queues, change, onlyAbsent, nextVersion(database.tables));
      const [row] = await database.run<[number]>({ text }, [name, database.offsetMs, by, ...values]);
      hints.orders();
      return row?.[0] ?? 0;
    },

    settings: async () => [...(await orders(null)).queues],

    async lanes() {
      const rows = await database.run<[string, string, number]>(lanes, [database.offsetMs]);
      return rows.map(([queue, type, dueForMs]): WaitingLane => ({ queue, type, dueForMs }));
    },

    async depths({ queues: asked, limit }) {
      if (asked.length === 0) return [];
      const ranges = asked.flatMap(({ name, types }, n) =>
        types.flatMap((type) => [lane(name, type), keyedLane(name, type)].map((at) => ({ n: n + 1, lane: at, type }))),
      );
      const rows = await database.run<[number]>(depths, [
        binaryArrays.text(asked.map(({ name }) => name)),
        binaryArrays.int4(ranges.map(({ n }) => n)),
        binaryArrays.int4(ranges.map((range) => range.lane)),
        binaryArrays.text(ranges.map(({ type }) => type)),
        limit,
        database.offsetMs,
      ]);
      return rows.map(([count]) => count);
    },
  };
}

function upsert(
  queues: string,
  change: QueueChange,
  onlyAbsent: boolean,
  version: string,
): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const now = `statement_timestamp() + $2::float8 * ${MS}`;
  let emptied = 0;
  let filled = 0;
  const given = COLUMNS.flatMap(([key, column, type], n) => {
    const value = change[key];
    if (value === undefined) return [];
    const bit = 1 << n;
    if (value === null) emptied |= bit;
    else filled |= bit;
    const absent = `CASE WHEN q.emptied & ${bit} = 0 THEN coalesce(q.${column}, excluded.${column}) ELSE q.${column} END`;
    return [{ column, value: `$${values.push(value) + 3}::${type}`, next: onlyAbsent ? absent : `excluded.${column}` }];
  });
  if (change.paused === true) {
    const paused = (column: string): string =>
      `CASE WHEN q.paused_at IS NULL THEN excluded.${column} ELSE q.${column} END`;
    given.push({ column: "paused_at", value: now, next: paused("paused_at") });
    given.push({ column: "paused_by", value: "$3::text", next: paused("paused_by") });
  } else if (change.paused === false) {
    given.push({ column: "paused_at", value: "NULL::timestamptz", next: "NULL" });
    given.push({ column: "paused_by", value: "NULL::text", next: "NULL" });
  }
  const differs = given.map(({ column, next }) => `q.${column} IS DISTINCT FROM ${next}`);
  const changed = (column: string): string =>
    `${column} = CASE WHEN ${["false", ...differs].join(" OR ")} THEN excluded.${column} ELSE q.${column} END`;
  // Not among what differs: whoever empties what is empty changes nothing that anybody sees.
  if (!onlyAbsent)
    given.push({ column: "emptied", value: String(emptied), next: `q.emptied & ~${filled} | ${emptied}` });
  const columns = ["name", "changed_at", "changed_by", ...given.map(({ column }) => column)];
  return {
    values,
    // The row comes from the version, so that everybody locks the one before the other.
    text: `WITH ${version}
      INSERT INTO ${queues} AS q (${columns.join(", ")})
      SELECT ${["$1::text", now, "$3::text", ...given.map(({ value }) => value)].join(", ")} FROM version
      ON CONFLICT (name) DO UPDATE SET
        ${[...given.map(({ column, next }) => `${column} = ${next}`), changed("changed_at"), changed("changed_by")].join(", ")}
      RETURNING (SELECT no FROM version)`,
  };
}
