import type { JobRecord, JobStateRecord } from "../store.ts";
import { jobRecord, RECORD_COLUMNS, type RecordRow, STATE_COLUMNS, stateRecord } from "./job-rows.ts";
import type { Statements } from "./statements.ts";

/** Of both tables in one statement, so that a job that moves between them is seen once. */
function byIds(columns: Readonly<Record<"live" | "ended", string>>): string {
  return `
    SELECT ${columns.live} FROM forge_live WHERE id IN (SELECT value FROM json_each(?))
    UNION ALL
    SELECT ${columns.ended} FROM forge_ended WHERE id IN (SELECT value FROM json_each(?))`;
}

const STATES = byIds(STATE_COLUMNS);
const RECORDS = byIds(RECORD_COLUMNS);

export function readStates(sql: Statements, ids: readonly string[]): JobStateRecord[] {
  const wanted = JSON.stringify(ids);
  return sql.all<JobStateRecord>(STATES, wanted, wanted).map(stateRecord);
}

export function readJobs(sql: Statements, ids: readonly string[]): JobRecord[] {
  const wanted = JSON.stringify(ids);
  return sql.all<RecordRow>(RECORDS, wanted, wanted).map(jobRecord);
}
