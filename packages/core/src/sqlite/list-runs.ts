import { setImmediate as nextTurn } from "node:timers/promises";
import type { SQLInputValue } from "node:sqlite";
import type { ListedRun, RunQuery } from "../store.ts";
import type { Read } from "./list.ts";
import type { Statements } from "./statements.ts";

/** Runs that are looked through in one go: a few milliseconds where a filter lets few of them pass. */
const STRETCH = 1_000;

/** Sorts behind every id. */
const BEHIND_ALL = "~";

const LIVE_STATUS = `CASE
  WHEN r.ends_as IS NOT NULL THEN 'compensating' WHEN l.status <> 'pending' THEN 'running'
  WHEN r.waiting_for IS NOT NULL THEN 'waiting' WHEN l.claim_no = 0 THEN 'created' ELSE 'running' END`;

const ENDED_STATUS = `CASE
  WHEN l.status IN ('completed', 'cancelled') THEN l.status WHEN r.is_undone = 1 THEN 'compensated' ELSE 'failed' END`;

const UNSERVED = `coalesce(
  l.status = 'pending' AND coalesce(l.ready_at, l.parked_at) <= ?4
    AND json_array(l.queue, l.job_type) IN (SELECT value FROM json_each(?5)), 0)`;

/** Finds one page, newest first: stretch by stretch of the runs, and other work goes on between them. */
export async function listRuns(read: Read, query: RunQuery, now: () => number): Promise<ListedRun[]> {
  const found: ListedRun[] = [];
  let before: string | null = query.before ?? BEHIND_ALL;
  while (before !== null && found.length < query.limit) {
    const from: string = before;
    before = await read((sql) => {
      const reached = endOfStretch(sql, from);
      found.push(...stretch(sql, query, from, reached ?? "", now(), query.limit - found.length));
      return reached;
    });
    await nextTurn();
  }
  return found;
}

/** The oldest id of the next stretch; null if the runs end within it. */
function endOfStretch(sql: Statements, before: string): string | null {
  const text = `SELECT id FROM forge_runs WHERE id < ? ORDER BY id DESC LIMIT 1 OFFSET ${STRETCH - 1}`;
  return sql.get<{ id: string }>(text, before)?.id ?? null;
}

function stretch(
  sql: Statements,
  { workflow, version, status, owner, parent, blocked, unserved }: RunQuery,
  before: string,
  from: string,
  now: number,
  limit: number,
): ListedRun[] {
  const lanes = JSON.stringify(unserved.map(({ queue, type }) => JSON.stringify([queue, type])));
  const values: SQLInputValue[] = [before, from, limit, now, lanes];
  const filters: string[] = [];
  const filter = (column: string, value: SQLInputValue | undefined): void => {
    if (value !== undefined) filters.push(`AND ${column} = ?${values.push(value)}`);
  };
  filter("substr(job_type, 1, instr(job_type, '@') - 1)", workflow);
  filter("substr(job_type, instr(job_type, '@') + 1)", version === undefined ? undefined : String(version));
  filter("owner", owner);
  filter("parent_id", parent);
  filter("run_status", status);
  if (blocked === true) filters.push("AND (blocked IS NOT NULL OR is_unserved = 1)");
  const rows = (table: "live" | "ended", runStatus: string, why: string, isUnserved: string): string => `
    SELECT r.id, ${runStatus} AS run_status, ${why} AS blocked, ${isUnserved} AS is_unserved, job_type, owner, parent_id
    FROM forge_runs r CROSS JOIN forge_${table} l ON l.id = r.id WHERE r.id < ?1 AND r.id >= ?2`;
  // Of both tables in one statement, so that a run that moves between them is seen once. One that has ended is not blocked.
  const text = `
    SELECT id, is_unserved AS isUnserved FROM (
      ${rows("live", LIVE_STATUS, "r.blocked", UNSERVED)} UNION ALL ${rows("ended", ENDED_STATUS, "NULL", "0")}
    ) WHERE true ${filters.join(" ")} ORDER BY id DESC LIMIT ?3`;
  return sql
    .all<{ id: string; isUnserved: number }>(text, ...values)
    .map((row) => ({ id: row.id, isUnserved: row.isUnserved === 1 }));
}
