import type { HistoryEvent, HistoryRecord, HistoryVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import type { Database, Tables } from "./database.ts";

/** How many entries of each sort a job keeps. */
const KEPT_ENTRIES = 20;

/** Errors and deaths push out each other, and what people did likewise: neither makes the other short. */
const FAILURES = "'error', 'death'";
const ACTS = "'cancel', 'retry', 'discard', 'delete', 'skip'";

/** What a statement notes of the rows that it writes; each is an SQL expression over what it reads. */
export interface Entry {
  /** The rows to note something of, and a subquery `clock` that gives `now`. */
  readonly from: string;
  readonly event: HistoryEvent;
  readonly id: string;
  /** The revision that the row has from now on. */
  readonly revision: string;
  readonly attempt: string;
  readonly errorName?: string;
  readonly error?: string;
  readonly workerId?: string;
  readonly by?: string;
  readonly reason?: string;
  readonly where?: string;
}

/**
 * Two common table expressions, to stand behind those that write the rows: they note what happened, and take away what is
 * more than a job keeps. Of the statement's own entries nothing is visible to it yet, so one less of the old ones stays.
 */
export function remembering({ history }: Tables, entry: Entry): string {
  const { from, event, id, revision, attempt, where = "true" } = entry;
  const { errorName = "NULL", error = "NULL", workerId = "NULL", by = "NULL", reason = "NULL" } = entry;
  return `remembered AS (
      INSERT INTO ${history} (job_id, revision, at, event, attempt, error_name, error, worker_id, actor, reason)
      SELECT ${id}, ${revision}, clock.now, '${event}', ${attempt}, ${errorName}, ${error}, ${workerId}, ${by}, ${reason}
      FROM ${from} WHERE ${where}
      RETURNING job_id
    ), forgotten AS (
      DELETE FROM ${history} WHERE ctid = ANY (ARRAY(
        SELECT surplus.ctid FROM remembered, LATERAL (
          SELECT h.ctid FROM ${history} AS h
          WHERE h.job_id = remembered.job_id AND h.event IN (${event === "error" || event === "death" ? FAILURES : ACTS})
          ORDER BY h.revision DESC OFFSET ${KEPT_ENTRIES - 1}
        ) AS surplus
      ))
    )`;
}

type HistoryRow = [
  jobId: string,
  revision: number,
  at: number,
  event: HistoryEvent,
  attempt: number,
  error: string | null,
  errorName: string | null,
  workerId: string | null,
  by: string | null,
  reason: string | null,
];

/** Makes the verbs over what is kept of a job's past. */
export function createHistory(database: Database): HistoryVerbs {
  const { history } = database.tables;
  const read = {
    text: `SELECT entry.* FROM unnest($1::uuid[]) WITH ORDINALITY AS said (id, n), LATERAL (
        SELECT job_id, revision, round(date_part('epoch', at) * 1000), event, attempt, error, error_name, worker_id, actor, reason
        FROM ${history} WHERE job_id = said.id ORDER BY revision LIMIT ${4 * KEPT_ENTRIES}
      ) AS entry ORDER BY said.n, entry.revision`,
  };
  return {
    async read({ jobIds }) {
      if (jobIds.length === 0) return [];
      const rows = await database.run<HistoryRow>(read, [binaryArrays.uuid([...new Set(jobIds)])]);
      return rows.map(historyRecord);
    },
  };
}

function historyRecord(row: HistoryRow): HistoryRecord {
  const [jobId, revision, at, event, attempt, error, errorName, workerId, by, reason] = row;
  return { jobId, revision, at, event, attempt, error, errorName, workerId, by, reason };
}
