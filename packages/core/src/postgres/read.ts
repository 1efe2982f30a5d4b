import type { StoredJobStatus } from "@forge-jobs/protocol";
import { type JobRecord, type JobStateRecord, type JobVerbs, PRIORITIES, type Priority } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import { byId } from "./by-id.ts";
import type { Database } from "./database.ts";
import { unforeseen } from "./unforeseen-limit.ts";

/** What the live path reads of a row, as statements answer it. */
export type StateRow = [
  id: string,
  type: string,
  owner: string | null,
  status: StoredJobStatus,
  progress: number | null,
  message: string | null,
  output: string | null,
  publicError: string | null,
  revision: number,
];

/** A whole row as statements answer it. */
export type WholeRow = [
  ...StateRow,
  queue: string,
  priority: number,
  input: string,
  error: string | null,
  parentId: string | null,
  attempts: number,
  maxAttempts: number,
  ...instants: (number | null)[],
];

/** The statuses of rows that a worker holds, which the index over workers finds without reading the others. */
const HELD: readonly StoredJobStatus[] = ["claimed", "running", "cancel_requested"];
const LIVE: readonly StoredJobStatus[] = ["pending", "retry", ...HELD];

/** The columns of a `StateRow`. */
export const stateColumns = (isEnded: boolean): string =>
  `id, job_type, owner, status, progress, message, ${isEnded ? "output::text" : "NULL::text"}, public_error, revision`;

const instant = (column: string): string => `round(date_part('epoch', ${column}) * 1000)`;

/** The columns of a `WholeRow`. */
export const wholeColumns = (isEnded: boolean): string => `${stateColumns(isEnded)},
  queue, priority, input::text, error, parent_id, attempts, max_attempts,
  ${instant("created_at")}, ${instant("scheduled_at")}, ${instant("claimed_at")}, ${instant("started_at")},
  ${isEnded ? instant("completed_at") : "NULL::float8"}, ${isEnded ? instant("failed_at") : "NULL::float8"},
  ${instant("cancel_requested_at")}, ${isEnded ? instant("cancelled_at") : "NULL::float8"},
  ${isEnded ? instant("discarded_at") : "NULL::float8"}`;

/** Makes the verbs that read jobs. */
export function createRead(database: Database): Pick<JobVerbs, "states" | "get" | "list"> {
  const { live, ended, children } = database.tables;
  const states = byId(database.tables, { live: stateColumns(false), ended: stateColumns(true) });
  const whole = byId(database.tables, { live: wholeColumns(false), ended: wholeColumns(true) });

  return {
    async states({ ids }) {
      if (ids.length === 0) return [];
      return (await database.run<StateRow>({ text: states }, [binaryArrays.uuid(ids)])).map(stateRecord);
    },

    async get({ ids }) {
      if (ids.length === 0) return [];
      return (await database.run<WholeRow>({ text: whole }, [binaryArrays.uuid(ids)])).map(jobRecord);
    },

    async list({ status, type, queue, owner, parent, before, limit }) {
      const values: unknown[] = [limit];
      // Runs of workflows are none.
      const filters = ["strpos(job_type, '@') < 1"];
      for (const [condition, value] of [
        ["status =", status],
        ["job_type =", type],
        ["queue =", queue],
        ["owner =", owner],
        ["parent_id =", parent],
        ["id <", before],
      ] as const) {
        if (value !== undefined) filters.push(`${condition} $${values.push(value)}`);
      }
      if (parent !== undefined) {
        // No index knows a row's parent.
        filters.push(
          `id = ANY (ARRAY(SELECT child_id FROM ${children} WHERE parent_id = $${values.indexOf(parent) + 1}))`,
        );
      }
      const page = (table: string, isEnded: boolean, further: readonly string[]): string => `(
        SELECT ${wholeColumns(isEnded)} FROM ${table} ${where([...filters, ...further])} ORDER BY ${table}.id DESC LIMIT ${unforeseen("$1")}
      )`;
      const pages = [
        ...(status === undefined || LIVE.includes(status)
          ? [page(live, false, status !== undefined && HELD.includes(status) ? ["worker_id IS NOT NULL"] : [])]
          : []),
        ...(status === undefined || !LIVE.includes(status) ? [page(ended, true, [])] : []),
      ];
      const text = pages.length === 1 ? pages.join() : `${pages.join(" UNION ALL ")} ORDER BY 1 DESC LIMIT $1`;
      return (await database.run<WholeRow>({ text }, values)).map(jobRecord);
    },
  };
}

function where(filters: readonly string[]): string {
  return filters.length === 0 ? "" : `WHERE ${filters.join(" AND ")}`;
}

export function stateRecord(row: StateRow | WholeRow): JobStateRecord {
  const [id, type, owner, status, progress, message, output, publicError, revision] = row;
  return { id, type, owner, status, progress, message, output, publicError, revision };
}

export function jobRecord(row: WholeRow): JobRecord {
  const [, , , , , , , , , queue, priority, input, error, parentId, attempts, maxAttempts, ...instants] = row;
  const [createdAt, scheduledAt, claimedAt, startedAt, completedAt, failedAt, cancelRequestedAt, cancelledAt] =
    instants;
  const discardedAt = instants[8];
  return {
    ...stateRecord(row),
    queue,
    priority: PRIORITIES[priority] as Priority,
    input,
    error,
    parentId,
    attempts,
    maxAttempts,
    createdAt: createdAt as number,
    scheduledAt: scheduledAt as number,
    claimedAt: claimedAt ?? null,
    startedAt: startedAt ?? null,
    completedAt: completedAt ?? null,
    failedAt: failedAt ?? null,
    cancelRequestedAt: cancelRequestedAt ?? null,
    cancelledAt: cancelledAt ?? null,
    discardedAt: discardedAt ?? null,
  };
}
