import type { DeleteResult } from "../store.ts";
import { rememberActOnEnded } from "./history.ts";
import { partWithKeys } from "./keys.ts";
import type { WriteTx } from "./write-queue.ts";

/** What a deletion has to know of an ended row. */
export interface EndedRow {
  readonly rowid: number;
  readonly id: string;
  readonly completedAt: number | null;
  readonly keys: string | null;
}

const FIND = "SELECT rowid, id, completed_at AS completedAt, keys FROM forge_ended WHERE id = ?";

/** Deletes settled jobs, and leaves a note of by whom. */
export function deleteJobs(
  tx: WriteTx,
  { ids, by }: { readonly ids: readonly string[]; readonly by?: string },
): DeleteResult[] {
  return ids.map((id) => {
    const row = tx.sql.get<EndedRow>(FIND, id);
    if (row === undefined) {
      return tx.sql.get("SELECT 1 FROM forge_live WHERE id = ?", id) === undefined ? "not_found" : "not_settled";
    }
    forgetHistory(tx, id);
    rememberActOnEnded(tx, row, "delete", { by });
    removeRow(tx, row);
    return "deleted";
  });
}

/** Deletes an ended row and all that is kept of its job. */
export function removeEnded(tx: WriteTx, row: EndedRow): void {
  forgetHistory(tx, row.id);
  removeRow(tx, row);
}

function forgetHistory({ sql }: WriteTx, id: string): void {
  sql.run("DELETE FROM forge_history WHERE job_id = ?", id);
}

function removeRow({ sql }: WriteTx, { rowid, id, completedAt, keys }: EndedRow): void {
  partWithKeys(sql, id, keys, completedAt);
  sql.run("DELETE FROM forge_saved WHERE job_id = ?", id);
  sql.run("DELETE FROM forge_logs WHERE job_id = ?", id);
  sql.run("DELETE FROM forge_children WHERE parent_id = ?", id);
  for (const table of ["runs WHERE id", "steps WHERE run_id", "signals WHERE run_id"]) {
    sql.run(`DELETE FROM forge_${table} = ?`, id);
  }
  sql.run("DELETE FROM forge_ended WHERE rowid = ?", rowid);
}
