import type { HeldRow, ProcessIdentity, WorkerRecord } from "../store.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

/** A retired worker's row is kept for so long, in case a claim of it is still on its way. */
const RETIRED_FOR_MS = 24 * 3_600_000;

const REGISTER = `
  INSERT INTO forge_workers (id, lease_until, registered_at, pid, host, boot_id, pid_namespace, process_start)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;

export function register(
  { sql, now }: WriteTx,
  { workerId, leaseMs, process }: { workerId: string; leaseMs: number; process: ProcessIdentity },
): void {
  const { pid, host, bootId, pidNamespace, processStart } = process;
  sql.run("DELETE FROM forge_workers WHERE retired_at < ?", now - RETIRED_FOR_MS);
  sql.run(REGISTER, workerId, now + leaseMs, now, pid, host, bootId, pidNamespace, processStart);
}

const HELD =
  "SELECT id, claim_no AS claimNo, status = 'cancel_requested' AS cancelRequested FROM forge_live WHERE worker_id = ?";

export function beat({ sql, now }: WriteTx, workerId: string, leaseMs: number): { alive: boolean; rows: HeldRow[] } {
  const renewed = sql.run(
    "UPDATE forge_workers SET lease_until = ? WHERE id = ? AND retired_at IS NULL",
    now + leaseMs,
    workerId,
  );
  const rows = sql.all<{ id: string; claimNo: number; cancelRequested: number }>(HELD, workerId);
  return {
    alive: renewed === 1,
    rows: rows.map(({ id, claimNo, cancelRequested }) => ({ id, claimNo, cancelRequested: cancelRequested === 1 })),
  };
}

const LIST = `
  SELECT id, host, boot_id AS bootId, pid_namespace AS pidNamespace, pid, process_start AS processStart,
    lease_until - ? AS leaseLeftMs
  FROM forge_workers WHERE retired_at IS NULL ORDER BY id`;

export function listWorkers(sql: Statements, now: number): WorkerRecord[] {
  return sql.all<WorkerRecord>(LIST, now).map((row) => ({ ...row }));
}

// One that holds rows stays listed, so that somebody rescues them.
const RETIRE_IDLE = `
  UPDATE forge_workers SET retired_at = ?
  WHERE id = ? AND retired_at IS NULL AND NOT EXISTS (SELECT 1 FROM forge_live WHERE worker_id = forge_workers.id)`;

export function retire({ sql, now }: WriteTx, workerId: string): void {
  sql.run(RETIRE_IDLE, now, workerId);
}
