import type { WorkerRecord, WorkerServes, WorkerVerbs } from "../store.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { createOrders, nextVersion } from "./orders.ts";
import { createRescue } from "./rescue.ts";
import { unforeseen } from "./unforeseen-limit.ts";

type WorkerRow = [
  id: string,
  host: string,
  bootId: string,
  pidNamespace: string,
  pid: number,
  processStart: string,
  leaseLeftMs: number,
  leaseMs: number | null,
  label: string | null,
  serves: string | null,
  draining: boolean,
  drainingBy: string | null,
  heeded: number,
];

/** The worker's own row, once for every row that it holds; a worker that holds none has one with nulls. */
type BeatRow = [id: string | null, claimNo: number, cancelRequested: boolean];

const MS = "interval '1 millisecond'";

/** Makes the verbs over worker processes. */
export function createWorkers(database: Database, hints: HintSink): WorkerVerbs {
  const { schema, tables } = database;
  const orders = createOrders(database);
  const now = (offset: string): string => `(statement_timestamp() + ${offset}::float8 * ${MS})`;
  const register = {
    name: `${schema}.worker_register`,
    // Retired workers stay for a day, for whoever asks what happened.
    text: `WITH old AS (DELETE FROM ${tables.workers} WHERE retired_at < ${now("$8")} - interval '1 day')
      INSERT INTO ${tables.workers} AS w (id, host, boot_id, pid_namespace, pid, process_start, registered_at, lease_until, label, serves, lease_ms)
      VALUES ($1, $2, $3, $4, $5, $6, ${now("$8")}, ${now("$8")} + $7::float8 * ${MS}, $9, $10, $7::float8)
      ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until WHERE w.retired_at IS NULL`,
  };
  // Asks for an order, by a condition that does not make it pointless, and for a limit that is none, so that the planner
  // takes a plain index scan: that marks the entries of ended rows as it passes over them. A bitmap scan does not, and each
  // beat would pass over all that ended since the last vacuum.
  const beat = {
    text: `WITH me AS (
        UPDATE ${tables.workers} SET lease_until = ${now("$3")} + $2::float8 * ${MS}
        WHERE id = $1 AND retired_at IS NULL RETURNING id
      )
      SELECT l.id, l.claim_no, l.status = 'cancel_requested' FROM me LEFT JOIN LATERAL (
        SELECT id, claim_no, status FROM ${tables.live} WHERE worker_id BETWEEN $1 AND $1
        ORDER BY worker_id LIMIT ${unforeseen("NULL")}
      ) AS l ON true`,
  };
  const list = {
    text: `SELECT id, host, boot_id, pid_namespace, pid, process_start, date_part('epoch', lease_until - ${now("$1")}) * 1e3,
        lease_ms, label, serves, draining_at IS NOT NULL, draining_by, heeded
      FROM ${tables.workers} WHERE retired_at IS NULL ORDER BY id`,
  };
  const retire = {
    text: `UPDATE ${tables.workers} SET retired_at = ${now("$2")} WHERE id = $1 AND retired_at IS NULL
      AND NOT EXISTS (SELECT FROM ${tables.live} WHERE worker_id = $1 AND worker_id IS NOT NULL)`,
  };
  const heed = {
    name: `${schema}.worker_heed`,
    text: `UPDATE ${tables.workers} SET heeded = greatest(heeded, $2::int4) WHERE id = $1 AND retired_at IS NULL`,
  };
  const drain = {
    text: `WITH ${nextVersion(tables)}
      UPDATE ${tables.workers} SET draining_at = coalesce(draining_at, ${now("$2")}),
        draining_by = CASE WHEN draining_at IS NULL THEN $3::text ELSE draining_by END FROM version
      WHERE id = $1 AND retired_at IS NULL RETURNING version.no`,
  };
  // Worker by worker through the index over holders, in its order, for the reason that the beat has.
  const running = {
    text: `SELECT w.id, held.queue, count(*) FROM ${tables.workers} AS w, LATERAL (
        SELECT l.queue FROM ${tables.live} AS l
        WHERE l.worker_id BETWEEN w.id AND w.id AND l.status IN ('running', 'cancel_requested')
        ORDER BY l.worker_id LIMIT ${unforeseen("NULL")}
      ) AS held
      WHERE w.retired_at IS NULL GROUP BY w.id, held.queue`,
  };

  return {
    async register({ workerId, leaseMs, process, label, serves }) {
      const { host, bootId, pidNamespace, pid, processStart } = process;
      const said = [label ?? null, serves === undefined ? null : JSON.stringify(serves)];
      const values = [workerId, host, bootId, pidNamespace, pid, processStart, leaseMs, database.offsetMs, ...said];
      await database.run(register, values);
    },

    async beat({ workerId, leaseMs }) {
      const rows = await database.run<BeatRow>(beat, [workerId, leaseMs, database.offsetMs]);
      return {
        alive: rows.length > 0,
        rows: rows.flatMap(([id, claimNo, cancelRequested]) => (id === null ? [] : [{ id, claimNo, cancelRequested }])),
      };
    },

    async list() {
      const rows = await database.run<WorkerRow>(list, [database.offsetMs]);
      return rows.map(workerRecord);
    },

    async retire({ workerId }) {
      await database.run(retire, [workerId, database.offsetMs]);
    },

    orders: ({ workerId }) => orders(workerId),

    async heed({ workerId, version }) {
      await database.run(heed, [workerId, version]);
    },

    async drain({ workerId, by = null }) {
      const [row] = await database.run<[number]>(drain, [workerId, database.offsetMs, by]);
      hints.orders();
      return row?.[0] ?? null;
    },

    async running() {
      const rows = await database.run<[string, string, number]>(running, []);
      return rows.map(([workerId, queue, count]) => ({ workerId, queue, running: count }));
    },

    rescue: createRescue(database, hints),
  };
}

function workerRecord(row: WorkerRow): WorkerRecord {
  const [id, host, bootId, pidNamespace, pid, processStart, leaseLeftMs, leaseMs, label, serves, ...rest] = row;
  const [draining, drainingBy, heeded] = rest;
  const process = { host, bootId, pidNamespace, pid, processStart };
  const said = { label, serves: serves === null ? null : (JSON.parse(serves) as WorkerServes) };
  return { id, ...process, leaseLeftMs, leaseMs, ...said, draining, drainingBy, heeded };
}
