import type { RunError } from "../store.ts";
import { end, reasonOf } from "./ended-rows.ts";
import type { WriteTx } from "./write-queue.ts";

export interface RescueArgs {
  readonly workerId: string;
  readonly because: "lease" | "gone";
  readonly maxDeaths: number;
  readonly death: RunError;
}

const RETIRE_DEAD = `
  UPDATE forge_workers SET retired_at = ?
  WHERE id = ? AND retired_at IS NULL AND lease_until <= ?`;

interface LostRow {
  rowid: number;
  id: string;
  status: string;
  queue: string;
  deaths: number;
  revision: number;
  cancelReason: string | null;
}

const LOST = `
  SELECT rowid, id, status, queue, deaths, revision, cancel_reason AS cancelReason
  FROM forge_live WHERE worker_id = ?`;

const GIVE_BACK = `
  UPDATE forge_live
  SET status = 'pending', ready_at = ?, scheduled_at = ?, worker_id = NULL, attempts = attempts - 1, deaths = ?,
    revision = revision + 1
  WHERE rowid = ?`;

/** The transaction's lock stands for the worker's row lock: nobody renews or retires the worker meanwhile. */
export function rescue(tx: WriteTx, { workerId, because, maxDeaths, death }: RescueArgs): string[] | null {
  const endedBy = because === "gone" ? Number.MAX_SAFE_INTEGER : tx.now;
  if (tx.sql.run(RETIRE_DEAD, tx.now, workerId, endedBy) === 0) return null;
  const rows = tx.sql.all<LostRow>(LOST, workerId);
  for (const { rowid, id, status, queue, deaths, revision, cancelReason } of rows) {
    const died = deaths + (status === "running" ? 1 : 0);
    if (status === "cancel_requested") end(tx, rowid, "cancelled", reasonOf(cancelReason!), true);
    else if (status === "running" && died >= maxDeaths) end(tx, rowid, "dead_letter", death, true);
    else {
      tx.sql.run(GIVE_BACK, tx.now, tx.now, died, rowid);
      tx.available.add(queue);
    }
    tx.moved.push({ id, revision: revision + 1 });
  }
  return rows.map(({ id }) => id);
}
