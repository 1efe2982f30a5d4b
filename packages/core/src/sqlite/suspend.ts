import type { Suspension } from "../store.ts";
import type { WriteTx } from "./write-queue.ts";

const IS_WOKEN = "coalesce(wakes, 0) <> ?1";
const DUE = `iif(${IS_WOKEN}, ?2, ?3)`;

const SUSPEND = `
  UPDATE forge_live
  SET status = 'pending', ready_at = ${DUE}, scheduled_at = coalesce(${DUE}, scheduled_at), worker_no = NULL, deaths = 0,
    attempts = attempts - 1, revision = revision + 1
  WHERE rowid = ?4
  RETURNING id, queue, ${IS_WOKEN} AS isWoken`;

/** Puts a run of a workflow away. Comparing and writing are one statement, so that no wake-up falls between them. */
export function suspend(tx: WriteTx, rowid: number, { wakes, dueAt, waitingFor }: Suspension): void {
  const row = tx.sql.get<{ id: string; queue: string; isWoken: number }>(SUSPEND, wakes, tx.now, dueAt, rowid)!;
  tx.sql.run("UPDATE forge_runs SET waiting_for = ? WHERE id = ?", row.isWoken === 1 ? null : waitingFor, row.id);
  if (row.isWoken === 1 || dueAt !== null) tx.available.add(row.queue);
}
