import type { HeldRow, ProcessIdentity, WorkerRecord } from "../store.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

/** The number that stands for a worker in its jobs' rows; undefined for one that is unknown or retired. */
export function workerNo(sql: Statements, workerId: string): number | undefined {
  return sql.get<{ no: number }>("SELECT no FROM forge_workers WHERE id = ?", workerId)?.no;
}

const REGISTER = `
  INSERT INTO forge_workers (id, lease_until, registered_at, pid, host, boot_id, pid_namespace, process_start)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;

export function register(
  { sql, now }: WriteTx,
  { workerId, leaseMs, process }: { workerId: string; leaseMs: number; process: ProcessIdentity },
): void {
  const { pid, host, bootId, pidNamespace, processStart } = process;
  sql.run(REGISTER, workerId, now + leaseMs, now, pid, host, bootId, pidNamespace, processStart);
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
    lease_until - ? AS leaseLeftMs
  FROM forge_workers ORDER BY id`;

export function listWorkers(sql: Statements, now: number): WorkerRecord[] {
  return sql.all<WorkerRecord>(LIST, now).map((row) => ({ ...row }));
}

// One that holds rows stays listed, so that somebody rescues them.
const RETIRE_IDLE = `
  DELETE FROM forge_workers
  WHERE id = ? AND NOT EXISTS (SELECT 1 FROM forge_live WHERE worker_no = forge_workers.no)`;

export function retire({ sql }: WriteTx, workerId: string): void {
  sql.run(RETIRE_IDLE, workerId);
}
