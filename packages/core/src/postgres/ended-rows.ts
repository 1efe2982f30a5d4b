import type { Tables } from "./database.ts";
import { isRun } from "./wake.ts";
import { WRITTEN } from "./written-row.ts";

/** How a row ends; each is an SQL expression over the live row `l`, the time `now` and what else the statement reads. */
export interface Ending {
  /** The tables that the row is read from: the live row as `l`, and a subquery that gives `now`. */
  readonly from: string;
  readonly status: string;
  readonly error: string;
  readonly publicError: string;
  readonly output?: string;
  readonly attempts?: string;
  readonly startedAt?: string;
  readonly progress?: string;
  readonly message?: string;
  /** Whether the job may end as failed, and so become a dead letter later. Default false. */
  readonly mayFail?: boolean;
  /** Absent: the column is left out of the statement. */
  readonly discardedAt?: string;
}

/**
 * When something is due that the job was dispatched with a time for, under a path of its overrides; null for most jobs, which
 * were not.
 */
function ownInstant(path: string): string {
  return `CASE WHEN l.overrides IS NOT NULL THEN (
      SELECT CASE WHEN ms < 0 THEN 'infinity' ELSE now + ms * interval '1 millisecond' END
      FROM (SELECT (l.overrides::json #>> ${path})::float8) AS own (ms)
    ) END`;
}

/** The INSERT that writes rows deleted from the live table to the table of ended rows. Answers a `WrittenRow` for each. */
export function insertEnded({ ended }: Tables, ending: Ending): string {
  const {
    from,
    status,
    error,
    publicError,
    output = "NULL::json",
    attempts = "l.attempts",
    startedAt = "l.started_at",
    progress = "l.progress",
    message = "l.message",
    discardedAt,
    mayFail = false,
  } = ending;
  const rare: [column: string, value: string][] = [
    [
      "expires_at",
      ownInstant(
        "(ARRAY['keep', CASE WHEN final.status IN ('completed', 'cancelled') THEN 'endedMs' ELSE 'failedMs' END])",
      ),
    ],
  ];
  // A failed run of a workflow is no dead letter, and never becomes one.
  if (mayFail) {
    rare.push(["dead_at", `CASE WHEN ${isRun("l")} THEN 'infinity' ELSE ${ownInstant("'{keep,deadMs}'")} END`]);
  }
  if (discardedAt !== undefined) rare.push(["discarded_at", discardedAt]);
  return `INSERT INTO ${ended} (
      id, scheduled_at, created_at, lane, claim_no, revision, attempts, max_attempts, budget, priority,
      status, job_type, queue, input, claimed_at, started_at, completed_at, failed_at, cancel_requested_at, cancelled_at,
      progress, output, owner, parent_id, message, error, public_error, overrides, keys, limit_key, ${rare.map(([column]) => column).join()}
    )
    SELECT
      l.id, l.scheduled_at, l.created_at, l.lane, l.claim_no, l.revision + 1, ${attempts}, l.max_attempts, l.budget, l.priority,
      final.status, l.job_type, l.queue, l.input, l.claimed_at, ${startedAt},
      CASE WHEN final.status = 'completed' THEN now END,
      CASE WHEN final.status IN ('failed', 'dead_letter') THEN now END,
      l.cancel_requested_at,
      CASE WHEN final.status = 'cancelled' THEN now END,
      ${progress}, ${output}, l.owner, l.parent_id, ${message}, ${error}, ${publicError}, l.overrides, l.keys, l.limit_key, ${rare.map(([, value]) => value).join()}
    FROM ${from}, LATERAL (SELECT ${status}) AS final (status)
    RETURNING ${WRITTEN}`;
}
