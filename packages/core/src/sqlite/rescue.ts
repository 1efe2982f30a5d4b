import type { RunError } from "../store.ts";
import { endCancelled, endFailed } from "./ended-rows.ts";
import { rememberFailure } from "./history.ts";
import { wake } from "./wake.ts";
import type { WriteTx } from "./write-queue.ts";

export interface RescueArgs {
  readonly workerId: string;
  readonly because: "lease" | "gone";
  readonly maxDeaths: number;
  readonly death: RunError;
}

const FIND = "SELECT no, lease_until AS leaseUntil FROM forge_workers WHERE id = ?";

interface LostRow {
  rowid: number;
  id: string;
  status: string;
  queue: string;
  deaths: number;
  revision: number;
  parentId: string | null;
}

const LOST = `
  SELECT rowid, id, status, queue, deaths, revision, parent_id AS parentId
  FROM forge_live WHERE worker_no = ?`;

const GIVE_BACK = `
  UPDATE forge_live
  SET status = 'pending', ready_at = ?, scheduled_at = ?, worker_no = NULL, attempts = attempts - 1, deaths = ?,
    revision = revision + 1
  WHERE rowid = ?`;

/** The transaction's lock stands for the worker's row lock: nobody renews or retires the worker meanwhile. */
export function rescue(tx: WriteTx, { workerId, because, maxDeaths, death }: RescueArgs): string[] | null {
  const worker = tx.sql.get<{ no: number; leaseUntil: number }>(FIND, workerId);
  if (worker === undefined || (because === "lease" && worker.leaseUntil > tx.now)) return null;
  const rows = tx.sql.all<LostRow>(LOST, worker.no);
  const bereft = new Set<string>();
  for (const { rowid, id, status, queue, deaths, revision, parentId } of rows) {
    const died = status === "running" ? Math.max(deaths, 0) + 1 : deaths || -1;
    const isLast = status === "running" && died >= maxDeaths;
    if (status === "running") rememberFailure(tx, { id, rowid }, "death", isLast ? death : {});
    if (status === "cancel_requested") endCancelled(tx, rowid, { uncounted: true });
    else if (isLast) endFailed(tx, rowid, "dead_letter", death, true);
    else tx.sql.run(GIVE_BACK, tx.now, tx.now, died, rowid);
    if (parentId !== null && (isLast || status === "cancel_requested")) bereft.add(parentId);
    // Also of a row that ended: where a limit counted it there is room now.
    tx.available.add(queue);
    tx.moved.push({ id, revision: revision + 1 });
  }
  for (const id of bereft) wake(tx, id);
  tx.sql.run("DELETE FROM forge_workers WHERE no = ?", worker.no);
  return rows.map(({ id }) => id);
}
