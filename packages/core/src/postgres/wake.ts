import type { Database, Tables } from "./database.ts";
import { binaryArrays } from "./arrays.ts";
import type { Session } from "./session.ts";
import { WRITTEN, type WrittenRow } from "./written-row.ts";

const MS = "interval '1 millisecond'";

/** A run that sleeps; one that has never been claimed waits for the time of its start, and nothing but that begins it. */
const sleeps = "l.status = 'pending' AND l.claim_no > 0 AND l.parked_at IS NULL";

/** What tells a run's row from a job's: no job's name holds that character. */
export const isRun = (row: string): string => `strpos(${row}.job_type, '@') > 0`;

/** What waking writes to the live row `l` of a run; `now` is an SQL expression. */
export const waking = (now: string): string => `
  wakes = coalesce(l.wakes, 0) + 1, revision = l.revision + 1,
  ready_at = CASE WHEN ${sleeps} THEN least(l.ready_at, ${now}) ELSE l.ready_at END,
  scheduled_at = CASE WHEN ${sleeps} THEN least(l.ready_at, ${now}) ELSE l.scheduled_at END`;

/** The columns of a `WrittenRow` of the row `l` that was woken. */
export const WOKEN: string = `${WRITTEN.split(", ")
  .map((column) => `l.${column}`)
  .join(", ")}, CASE WHEN l.ready_at IS NOT NULL THEN l.queue END AS queue`;

/**
 * The statement that wakes the runs whose ids `ids` selects; `offset` is the number of the parameter. Ids of jobs and of runs
 * that have ended do nothing.
 *
 * By id and not by place: whoever has a row locked is waited for, and the row is looked at again, so that no wake-up is lost.
 */
export function wakeById({ live }: Tables, ids: string, offset: number): string {
  const now = `(statement_timestamp() + $${offset}::float8 * ${MS})`;
  return `UPDATE ${live} AS l SET ${waking(now)} WHERE l.id = ANY (${ids}) AND ${isRun("l")} RETURNING ${WOKEN}`;
}

/** Lets runs of workflows look again at what they wait for, within a transaction of ours. */
export async function wake(session: Session, database: Database, ids: Iterable<string>): Promise<WrittenRow[]> {
  const sorted = [...new Set(ids)].toSorted();
  if (sorted.length === 0) return [];
  const text = wakeById(database.tables, "$1::uuid[]", 2);
  return session.run<WrittenRow>({ text }, [binaryArrays.uuid(sorted), database.offsetMs]);
}
