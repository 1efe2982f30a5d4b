import type { JobRecord, JobStateRecord, ListQuery } from "../store.ts";
import { jobRecord, RECORD_COLUMNS, type RecordRow, STATE_COLUMNS, stateRecord } from "./job-columns.ts";
import type { Statements } from "./statements.ts";

/** Of both tables in one statement, so that a job that moves between them is seen once. */
function byIds(columns: Readonly<Record<"live" | "ended", string>>): string {
  return `
    SELECT ${columns.live} FROM forge_live WHERE id IN (SELECT value FROM json_each(?1))
    UNION ALL
    SELECT ${columns.ended} FROM forge_ended WHERE id IN (SELECT value FROM json_each(?1))`;
}

const STATES = byIds(STATE_COLUMNS);
const RECORDS = byIds(RECORD_COLUMNS);

export function readStates(sql: Statements, ids: readonly string[]): JobStateRecord[] {
  return sql.all<JobStateRecord>(STATES, JSON.stringify(ids)).map(stateRecord);
}

export function readJobs(sql: Statements, ids: readonly string[]): JobRecord[] {
  return sql.all<RecordRow>(RECORDS, JSON.stringify(ids)).map(jobRecord);
}

/** One page, newest first. The text of the statement names the filters in use only, so that each finds its index. */
export function listJobs(sql: Statements, { status, type, queue, owner, before, limit }: ListQuery): JobRecord[] {
  const filters = Object.entries({ "status =": status, "job_type =": type, "queue =": queue, "owner =": owner, "id <": before });
  const used = filters.filter((filter): filter is [string, string] => filter[1] !== undefined);
  const where = used.length === 0 ? "" : `WHERE ${used.map(([filter], n) => `${filter} ?${n + 2}`).join(" AND ")}`;
  const page = (table: "live" | "ended"): string =>
    `SELECT * FROM (SELECT ${RECORD_COLUMNS[table]} FROM forge_${table} ${where} ORDER BY id DESC LIMIT ?1)`;
  const text = `${page("live")} UNION ALL ${page("ended")} ORDER BY id DESC LIMIT ?1`;
  return sql.all<RecordRow>(text, limit, ...used.map(([, value]) => value)).map(jobRecord);
}
