import type { CancelResult } from "../store.ts";
import { endCancelled } from "./ended-rows.ts";
import { rememberAct } from "./history.ts";
import { wake } from "./wake.ts";
import type { WriteTx } from "./write-queue.ts";

interface LiveRow {
  rowid: number;
  status: string;
  queue: string;
  revision: number;
  parentId: string | null;
}

const FIND = "SELECT rowid, status, queue, revision, parent_id AS parentId FROM forge_live WHERE id = ?";

const FLAG = `
  UPDATE forge_live
  SET status = 'cancel_requested', cancel_requested_at = ?, cancel_reason = ?, revision = revision + 1
  WHERE rowid = ?`;

const CHILDREN = `
  SELECT live.id FROM forge_children c CROSS JOIN forge_live live ON live.id = c.child_id AND live.parent_id = c.parent_id
  WHERE c.parent_id = ?`;

interface Cancelling {
  readonly reason: string;
  readonly by?: string | undefined;
}

/** Ends jobs that no handler runs, flags the running ones, and does the same with their children. */
export function cancel(
  tx: WriteTx,
  { ids, reason, by }: { readonly ids: readonly string[]; readonly reason: string; readonly by?: string },
): CancelResult[] {
  return ids.map((id) => {
    const result = cancelOne(tx, id, { reason, by });
    if (result === "cancelled" || result === "requested") cancelChildren(tx, id, { reason, by });
    return result;
  });
}

/** Level by level, since a tree of jobs may be deeper than the stack. */
function cancelChildren(tx: WriteTx, id: string, how: Cancelling): void {
  const open = [id];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    for (const child of tx.sql.all<{ id: string }>(CHILDREN, parent)) {
      cancelOne(tx, child.id, how);
      open.push(child.id);
    }
  }
}

function cancelOne(tx: WriteTx, id: string, { reason, by }: Cancelling): CancelResult {
  const row = tx.sql.get<LiveRow>(FIND, id);
  if (row === undefined) {
    return tx.sql.get("SELECT 1 FROM forge_ended WHERE id = ?", id) === undefined ? "not_found" : "settled";
  }
  if (row.status === "cancel_requested") return "requested";
  tx.moved.push({ id, revision: row.revision + 1 });
  rememberAct(tx, { id, rowid: row.rowid }, "cancel", { by, reason });
  if (row.status === "running") {
    tx.sql.run(FLAG, tx.now, reason, row.rowid);
    return "requested";
  }
  endCancelled(tx, row.rowid, { reason });
  // A worker held it; where a limit counted it there is room now.
  if (row.status === "claimed") tx.available.add(row.queue);
  if (row.parentId !== null) wake(tx, row.parentId);
  return "cancelled";
}
