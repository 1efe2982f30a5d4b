import type { HeldRow, ProcessIdentity, RunningCount, WorkerRecord, WorkerServes } from "../store.ts";
import type { Statements } from "./statements.ts";
import { nextVersion } from "./orders.ts";
import type { WriteTx } from "./write-queue.ts";

/** The number that stands for a worker in its jobs' rows; undefined for one that is unknown or retired. */
function workerNo(sql: Statements, workerId: string): number | undefined {
  return sql.get<{ no: number }>("SELECT no FROM forge_workers WHERE id = ?", workerId)?.no;
}

/** The number of a worker that may take jobs; undefined for one that is unknown, retired, or drains. */
export function takerNo(sql: Statements, workerId: string): number | undefined {
  return sql.get<{ no: number }>("SELECT no FROM forge_workers WHERE id = ? AND draining_at IS NULL", workerId)?.no;
}

const REGISTER = `
  INSERT INTO forge_workers (id, lease_until, registered_at, pid, host, boot_id, pid_namespace, process_start, label, serves, lease_ms)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

interface RegisterArgs {
  readonly workerId: string;
  readonly leaseMs: number;
  readonly process: ProcessIdentity;
  readonly label?: string;
  readonly serves?: WorkerServes;
}

export function register({ sql, now }: WriteTx, { workerId, leaseMs, process, label, serves }: RegisterArgs): void {
  const { pid, host, bootId, pidNamespace, processStart } = process;
  const said = [label ?? null, serves === undefined ? null : JSON.stringify(serves)];
  sql.run(REGISTER, workerId, now + leaseMs, now, pid, host, bootId, pidNamespace, processStart, ...said, leaseMs);
}

const HELD =
  "SELECT id, claim_no AS claimNo, status = 'cancel_requested' AS cancelRequested FROM forge_live WHERE worker_no = ?";

export function beat({ sql, now }: WriteTx, workerId: string, leaseMs: number): { alive: boolean; rows: HeldRow[] } {
  const no = workerNo(sql, workerId);
  if (no === undefined) return { alive: false, rows: [] };
  sql.run("UPDATE forge_workers SET lease_until = ? WHERE no = ?", now + leaseMs, no);
  const rows = sql.all<{ id: string; claimNo: number; cancelRequested: number }>(HELD, no);
  return {
    alive: true,
    rows: rows.map(({ id, claimNo, cancelRequested }) => ({ id, claimNo, cancelRequested: cancelRequested === 1 })),
  };
}

const LIST = `
  SELECT id, host, boot_id AS bootId, pid_namespace AS pidNamespace, pid, process_start AS processStart,
    lease_until - ? AS leaseLeftMs, lease_ms AS leaseMs, label, serves, draining_at IS NOT NULL AS draining, draining_by AS drainingBy, heeded
  FROM forge_workers ORDER BY id`;

type WorkerRow = Omit<WorkerRecord, "serves" | "draining"> & {
  readonly serves: string | null;
  readonly draining: number;
};

export function listWorkers(sql: Statements, now: number): WorkerRecord[] {
  return sql.all<WorkerRow>(LIST, now).map((row) => ({
    ...row,
    serves: row.serves === null ? null : (JSON.parse(row.serves) as WorkerServes),
    draining: row.draining === 1,
  }));
}

const DRAIN = `
  UPDATE forge_workers
  SET draining_at = coalesce(draining_at, ?1), draining_by = CASE WHEN draining_at IS NULL THEN ?2 ELSE draining_by END
  WHERE id = ?3`;

export function drain({ sql, now }: WriteTx, workerId: string, by: string | null): number | null {
  return sql.run(DRAIN, now, by, workerId) === 0 ? null : nextVersion(sql);
}

export function heed({ sql }: WriteTx, workerId: string, version: number): void {
  sql.run("UPDATE forge_workers SET heeded = max(heeded, ?) WHERE id = ?", version, workerId);
}

const RUNNING = `
  SELECT worker.id AS workerId, held.queue
  FROM forge_workers worker CROSS JOIN forge_live held INDEXED BY forge_live_worker ON held.worker_no = worker.no
  WHERE held.status IN ('running', 'cancel_requested')`;

export function runningCounts(sql: Statements): RunningCount[] {
  const counts = new Map<string, RunningCount>();
  for (const { workerId, queue } of sql.all<{ workerId: string; queue: string }>(RUNNING)) {
    const key = `${workerId}\0${queue}`;
    counts.set(key, { workerId, queue, running: (counts.get(key)?.running ?? 0) + 1 });
  }
  return [...counts.values()];
}

// One that holds rows stays listed, so that somebody rescues them.
const RETIRE_IDLE = `
  DELETE FROM forge_workers
  WHERE id = ? AND NOT EXISTS (SELECT 1 FROM forge_live WHERE worker_no = forge_workers.no)`;

export function retire({ sql }: WriteTx, workerId: string): void {
  sql.run(RETIRE_IDLE, workerId);
}
