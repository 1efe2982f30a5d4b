import type { ClaimedJob } from "../store.ts";
import type { ClaimArgs } from "./claim.ts";
import { claimedOf, type DueRow } from "./claimed-row.ts";
import { freeOf } from "./keyed-claim.ts";
import type { WriteTx } from "./write-queue.ts";

// A row with a key is one for those who count its key, whether it is parked already or not.
const IS_DUE = `
  job.queue = ? AND CASE WHEN job.limit_key IS NULL
    THEN job.ready_at <= ? AND job.job_type IN (SELECT value FROM json_each(?))
    ELSE coalesce(job.parked_at, job.ready_at) <= ? AND job.job_type IN (SELECT value FROM json_each(?)) END`;

// The index over workers leads to the runs that wait, however many jobs wait for a worker.
const AWAITED = `
  SELECT c.child_id AS id FROM forge_live parent INDEXED BY forge_live_worker
  CROSS JOIN forge_children c ON c.parent_id = parent.id
  CROSS JOIN forge_live job ON job.id = c.child_id
  WHERE parent.worker_no IS NOT NULL AND parent.is_waiting = 1 AND ${IS_DUE} LIMIT ?`;

const DUE = `
  SELECT job.rowid, job.id, input, owner, attempts, max_attempts, claim_no, deaths, overrides, revision, job_type, priority, limit_key
  FROM json_each(?) wanted CROSS JOIN forge_live job ON job.id = wanted.value
  WHERE ${IS_DUE}`;

const TAKE = `
  UPDATE forge_live
  SET status = 'claimed', ready_at = NULL, parked_at = NULL, worker_no = ?, claimed_at = ?, is_waiting = 0,
    attempts = attempts + 1, claim_no = claim_no + 1, revision = revision + 1
  WHERE rowid IN (SELECT value FROM json_each(?))`;

type FoundRow = readonly [...DueRow, type: string, priority: number, limitKey: string | null];

/** Takes the jobs that may be had among the given, or among those that runs wait for, as far as limits leave them. */
export function takeAmong(
  tx: WriteTx,
  { queue, types, limit, limits }: ClaimArgs,
  among: readonly string[] | "awaited",
  no: number,
): ClaimedJob[] {
  if (limit <= 0) return [];
  const keyed = limits?.keyed ?? [];
  const keyedNames = JSON.stringify(keyed.map(({ type }) => type));
  const due = [queue, tx.now, JSON.stringify(types), tx.now, keyedNames] as const;
  const ids =
    among === "awaited" ? tx.sql.all<{ id: string }>(AWAITED, ...due, limit).map(({ id }) => id) : [...new Set(among)];
  const free = new Map<string, number>();
  const taken: FoundRow[] = [];
  for (const row of tx.sql.tuples<FoundRow>(DUE, JSON.stringify([...new Set(ids)]), ...due)) {
    if (taken.length === limit) break;
    const [type, , key] = row.slice(10) as [string, number, string | null];
    if (key !== null) {
      const name = `${type}\0${key}`;
      const left =
        free.get(name) ??
        freeOf(
          tx.sql,
          queue,
          keyed.find((one) => one.type === type)!,
          key,
        );
      free.set(name, left - 1);
      if (left <= 0) continue;
    }
    taken.push(row);
  }
  tx.sql.run(TAKE, no, tx.now, JSON.stringify(taken.map(([rowid]) => rowid)));
  return taken.map((row) => {
    const job = claimedOf(tx, row, queue, row[10], row[11]);
    return limits?.global === true || row[12] !== null ? { ...job, isLimited: true } : job;
  });
}
