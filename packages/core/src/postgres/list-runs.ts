import type { RunListVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import { unforeseen } from "./unforeseen-limit.ts";

const MS = "interval '1 millisecond'";

const LIVE_STATUS = `CASE
  WHEN r.ends_as IS NOT NULL THEN 'compensating' WHEN l.status <> 'pending' THEN 'running'
  WHEN r.waiting_for IS NOT NULL THEN 'waiting' WHEN l.claim_no = 0 THEN 'created' ELSE 'running' END`;

const ENDED_STATUS = `CASE
  WHEN l.status IN ('completed', 'cancelled') THEN l.status WHEN r.is_undone THEN 'compensated' ELSE 'failed' END`;

const UNSERVED = `coalesce(
  l.status = 'pending' AND coalesce(l.ready_at, l.parked_at) <= statement_timestamp() + $2::float8 * ${MS}
    AND (l.queue, l.job_type) IN (SELECT * FROM unnest($3::text[], $4::text[])), false)`;

/** Makes the verb that finds runs. */
export function createListRuns(database: Database): RunListVerbs["list"] {
  const { live, ended, runs } = database.tables;

  return async ({ workflow, version, status, owner, parent, blocked, unserved, before, limit }) => {
    const values: unknown[] = [
      limit,
      database.offsetMs,
      binaryArrays.text(unserved.map(({ queue }) => queue)),
      binaryArrays.text(unserved.map(({ type }) => type)),
    ];
    const filters: string[] = [];
    const filter = (condition: string, value: unknown): void => {
      if (value !== undefined) filters.push(`AND ${condition} $${values.push(value)}`);
    };
    filter("r.id <", before);
    filter("split_part(l.job_type, '@', 1) =", workflow);
    filter("split_part(l.job_type, '@', 2) =", version === undefined ? undefined : String(version));
    filter("l.owner =", owner);
    filter("l.parent_id =", parent);
    const statusPlace = status === undefined ? null : values.push(status);
    // From the newest run on, each looked up in one of the tables: no index serves every filter.
    const page = (table: string, runStatus: string, isUnserved: string, isBlocked: string): string => `(
        SELECT r.id, ${isUnserved} AS is_unserved FROM ${runs} AS r JOIN ${table} AS l ON l.id = r.id
        WHERE true ${filters.join(" ")} ${statusPlace === null ? "" : `AND ${runStatus} = $${statusPlace}`}
          ${blocked === true ? `AND ${isBlocked}` : ""}
        ORDER BY r.id DESC LIMIT ${unforeseen("$1")}
      )`;
    // In one statement, so that a run that moves between the tables is seen once. One that has ended is not blocked.
    const text = `${page(live, LIVE_STATUS, UNSERVED, `(r.blocked IS NOT NULL OR ${UNSERVED})`)}
      UNION ALL ${page(ended, ENDED_STATUS, "false", "false")} ORDER BY 1 DESC LIMIT $1`;
    const rows = await database.run<[id: string, isUnserved: boolean]>({ text }, values);
    return rows.map(([id, isUnserved]) => ({ id, isUnserved }));
  };
}
