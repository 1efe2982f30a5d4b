import type { CancelResult } from "../store.ts";
import { endCancelled } from "./ended-rows.ts";
import { rememberAct } from "./history.ts";
import type { WriteTx } from "./write-queue.ts";

interface LiveRow {
  rowid: number;
  status: string;
  revision: number;
}

const FIND = "SELECT rowid, status, revision FROM forge_live WHERE id = ?";

const FLAG = `
  UPDATE forge_live
  SET status = 'cancel_requested', cancel_requested_at = ?, cancel_reason = ?, revision = revision + 1
  WHERE rowid = ?`;

/** Ends jobs that no handler runs, and flags the running ones. */
export function cancel(
  tx: WriteTx,
  { ids, reason, by }: { readonly ids: readonly string[]; readonly reason: string; readonly by?: string },
): CancelResult[] {
  return ids.map((id) => {
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
    return "cancelled";
  });
}
