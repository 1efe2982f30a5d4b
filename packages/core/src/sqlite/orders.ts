import type { QueueSettings, WorkerOrders } from "../store.ts";
import { readMeta, writeMeta } from "./meta.ts";
import type { Statements } from "./statements.ts";

const VERSION = "orders_version";

/** The version of what workers are to heed. */
export function ordersVersion(sql: Statements): number {
  return Number(readMeta(sql, VERSION) ?? 0);
}

/** Counts one more change. */
export function nextVersion(sql: Statements): number {
  const version = ordersVersion(sql) + 1;
  writeMeta(sql, VERSION, String(version));
  return version;
}

const SETTINGS = `
  SELECT name, paused_at AS pausedAt, paused_by AS pausedBy, concurrency, global_concurrency AS globalConcurrency,
    backoff_enabled AS backoffEnabled, backoff_base_seconds AS backoffBaseSeconds, backoff_max_seconds AS backoffMaxSeconds,
    changed_at AS changedAt, changed_by AS changedBy
  FROM forge_queues ORDER BY name`;

type SettingsRow = Omit<QueueSettings, "backoffEnabled"> & { readonly backoffEnabled: number | null };

export function queueSettings(sql: Statements): QueueSettings[] {
  return sql.all<SettingsRow>(SETTINGS).map((row) => ({
    ...row,
    backoffEnabled: row.backoffEnabled === null ? null : row.backoffEnabled === 1,
  }));
}

const DRAINING = "SELECT draining_by AS by FROM forge_workers WHERE id = ? AND draining_at IS NOT NULL";

/** Reads the version first: what is read after it is no older, so that a worker never claims to heed what it has not read. */
export function readOrders(sql: Statements, workerId: string): WorkerOrders {
  const version = ordersVersion(sql);
  const draining = sql.get<{ by: string | null }>(DRAINING, workerId);
  const { by: drainingBy = null } = draining ?? {};
  return { version, draining: draining !== undefined, drainingBy, queues: queueSettings(sql) };
}
