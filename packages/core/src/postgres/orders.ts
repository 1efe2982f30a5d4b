import type { QueueSettings, WorkerOrders } from "../store.ts";
import type { Database, Tables } from "./database.ts";
import type { Statement } from "./session.ts";

type OrdersRow = [
  version: number,
  draining: boolean,
  drainingBy: string | null,
  name: string | null,
  pausedAt: number | null,
  pausedBy: string | null,
  concurrency: number | null,
  globalConcurrency: number | null,
  backoffEnabled: boolean | null,
  backoffBaseSeconds: number | null,
  backoffMaxSeconds: number | null,
  changedAt: number,
  changedBy: string | null,
];

/** A CTE that counts one more change. Its row lock makes changes commit in the order of their versions. */
export function nextVersion({ meta }: Tables): string {
  return `version AS (
    UPDATE ${meta} SET value = (value::int4 + 1)::text WHERE name = 'orders_version' RETURNING value::int4 AS no
  )`;
}

/** Makes the reader of what workers are to heed: one statement, so that version and settings belong together. */
export function createOrders(database: Database): (workerId: string | null) => Promise<WorkerOrders> {
  const { schema, tables } = database;
  const read: Statement = {
    name: `${schema}.orders`,
    text: `SELECT
        (SELECT value::int4 FROM ${tables.meta} WHERE name = 'orders_version'),
        w.id IS NOT NULL, w.draining_by,
        q.name, (date_part('epoch', q.paused_at) * 1e3)::int8, q.paused_by, q.concurrency, q.global_concurrency,
        q.backoff_enabled, q.backoff_base_seconds, q.backoff_max_seconds,
        (date_part('epoch', q.changed_at) * 1e3)::int8, q.changed_by
      FROM (VALUES (1)) AS one
      LEFT JOIN ${tables.workers} AS w ON w.id = $1 AND w.draining_at IS NOT NULL
      LEFT JOIN ${tables.queues} AS q ON true ORDER BY q.name`,
  };
  return async (workerId) => {
    const rows = await database.run<OrdersRow>(read, [workerId]);
    const [version, draining, drainingBy] = rows[0] ?? [0, false, null];
    return { version, draining, drainingBy, queues: rows.flatMap(settingsOf) };
  };
}

function settingsOf([
  ,
  ,
  ,
  name,
  pausedAt,
  pausedBy,
  concurrency,
  globalConcurrency,
  ...rest
]: OrdersRow): QueueSettings[] {
  const [backoffEnabled, backoffBaseSeconds, backoffMaxSeconds, changedAt, changedBy] = rest;
  if (name === null) return [];
  const backoff = { backoffEnabled, backoffBaseSeconds, backoffMaxSeconds };
  return [{ name, pausedAt, pausedBy, concurrency, globalConcurrency, ...backoff, changedAt, changedBy }];
}
