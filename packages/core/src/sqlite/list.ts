import { setImmediate as nextTurn } from "node:timers/promises";
import { SETTLED_JOB_STATUSES } from "@forge-jobs/protocol";
import type { JobRecord, ListQuery } from "../store.ts";
import { jobRecord, RECORD_COLUMNS, type RecordRow } from "./job-rows.ts";
import type { Statements } from "./statements.ts";

type Table = "live" | "ended";

/** Rows that are looked through in one go: a few milliseconds where a filter lets few of them pass. */
const STRETCH = 2_000;

/** Sorts behind every id. */
const BEHIND_ALL = "~";

/** Runs work on the connection that reads. */
export type Read = <T>(work: (sql: Statements) => T) => Promise<T>;

/**
 * Reads one page, newest first, without runs of workflows. No index serves every filter, so the tables are looked through by id, stretch by stretch,
 * and other work goes on between them.
 */
export async function listJobs(read: Read, query: ListQuery): Promise<JobRecord[]> {
  const found = new Map<string, JobRecord>();
  // Live rows first: a job that ends meanwhile is then found twice rather than never.
  for (const table of ["live", "ended"] as const) {
    for (const job of await search(read, table, query)) found.set(job.id, job);
  }
  return [...found.values()].toSorted((a, b) => (a.id < b.id ? 1 : -1)).slice(0, query.limit);
}

/** Reads one page of dead letters, newest first; a failed run of a workflow is none. */
export async function listDeadLetters(
  read: Read,
  query: Pick<ListQuery, "type" | "before" | "limit">,
): Promise<JobRecord[]> {
  const found = new Map<string, JobRecord>();
  // In the order in which a sweep moves them, for the same reason as above.
  for (const status of ["failed", "dead_letter"] as const) {
    for (const job of await search(read, "ended", { ...query, status, undiscarded: true })) found.set(job.id, job);
  }
  return [...found.values()].toSorted((a, b) => (a.id < b.id ? 1 : -1)).slice(0, query.limit);
}

interface Search extends ListQuery {
  readonly undiscarded?: true;
}

async function search(read: Read, table: Table, query: Search): Promise<JobRecord[]> {
  const { status, limit } = query;
  if (status !== undefined && SETTLED_JOB_STATUSES.includes(status) !== (table === "ended")) return [];
  const jobs: JobRecord[] = [];
  if (query.parent !== undefined) {
    return read((sql) => stretch(sql, table, query, query.before ?? BEHIND_ALL, "", limit));
  }
  let before: string | null = query.before ?? BEHIND_ALL;
  while (jobs.length < limit) {
    const from: string = before;
    before = await read((sql) => {
      const reached = endOfStretch(sql, table, status, from);
      jobs.push(...stretch(sql, table, query, from, reached ?? "", limit - jobs.length));
      return reached;
    });
    if (before === null) break;
    await nextTurn();
  }
  return jobs;
}

/** The oldest id of the next stretch, found in an index alone; null if the table ends within it. */
function endOfStretch(sql: Statements, table: Table, status: string | undefined, before: string): string | null {
  // Ended rows have an index by status and id.
  const [ofStatus, values] = table === "ended" && status !== undefined ? ["AND status = ?", [status]] : ["", []];
  const text = `SELECT id FROM forge_${table} WHERE id < ? ${ofStatus} ORDER BY id DESC LIMIT 1 OFFSET ${STRETCH - 1}`;
  return sql.get<{ id: string }>(text, before, ...values)?.id ?? null;
}

function stretch(
  sql: Statements,
  table: Table,
  { status, type, queue, owner, parent, undiscarded }: Search,
  before: string,
  from: string,
  limit: number,
): JobRecord[] {
  const filters = Object.entries({ status, job_type: type, queue, owner, parent_id: parent });
  const used = filters.filter((filter): filter is [string, string] => filter[1] !== undefined);
  // No index knows a row's parent.
  const children = parent === undefined ? [] : ["id IN (SELECT child_id FROM forge_children WHERE parent_id = ?)"];
  const undecided = undiscarded === true ? ["discarded_at IS NULL"] : [];
  const where = [
    "id < ?",
    "id >= ?",
    "instr(job_type, '@') = 0",
    ...children,
    ...used.map(([column]) => `${column} = ?`),
    ...undecided,
  ].join(" AND ");
  const text = `SELECT ${RECORD_COLUMNS[table]} FROM forge_${table} WHERE ${where} ORDER BY id DESC LIMIT ?`;
  return sql
    .all<RecordRow>(
      text,
      before,
      from,
      ...(parent === undefined ? [] : [parent]),
      ...used.map(([, value]) => value),
      limit,
    )
    .map(jobRecord);
}
