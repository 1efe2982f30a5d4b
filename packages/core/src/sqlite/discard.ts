import type { DiscardResult } from "../store.ts";
import { rememberActOnEnded } from "./history.ts";
import type { WriteTx } from "./write-queue.ts";

const FIND = "SELECT rowid, status, revision, discarded_at AS discardedAt FROM forge_ended WHERE id = ?";

const DISCARD = "UPDATE forge_ended SET status = 'failed', discarded_at = ?, revision = revision + 1 WHERE rowid = ?";

/** Declares failures nobody's business. */
export function discard(
  tx: WriteTx,
  { ids, by }: { readonly ids: readonly string[]; readonly by?: string },
): DiscardResult[] {
  return ids.map((id) => {
    const row = tx.sql.get<{ rowid: number; status: string; revision: number; discardedAt: number | null }>(FIND, id);
    if (row === undefined) {
      return tx.sql.get("SELECT 1 FROM forge_live WHERE id = ?", id) === undefined ? "not_found" : "not_failed";
    }
    if (row.status !== "failed" && row.status !== "dead_letter") return "not_failed";
    if (row.discardedAt !== null) return "discarded";
    rememberActOnEnded(tx, { id, rowid: row.rowid }, "discard", { by });
    tx.sql.run(DISCARD, tx.now, row.rowid);
    tx.moved.push({ id, revision: row.revision + 1 });
    return "discarded";
  });
}
