import type { SettleInResult } from "../store.ts";
import { update } from "./update.ts";
import type { WriteTx } from "./write-queue.ts";

const PARENT = "SELECT parent_id AS parentId FROM forge_live WHERE id = ?";

/** Ends a running job as completed, in the caller's transaction. */
export function settleIn(
  tx: WriteTx,
  { id, claimNo, output }: { readonly id: string; readonly claimNo: number; readonly output: string | null },
): SettleInResult {
  // The call is that of the handler, which knows nothing of a run that waits for it.
  const parentId = tx.sql.get<{ parentId: string | null }>(PARENT, id)?.parentId ?? null;
  const said = { id, claimNo, started: true, progress: undefined, message: undefined };
  const [answer] = update(tx, [
    { ...said, ...(parentId !== null && { wakes: parentId }), outcome: { kind: "completed", output } },
  ]);
  if (answer?.result !== "applied") return "stale";
  // It also recognises a run that was settled before, and has then written nothing.
  return tx.moved.length > 0 ? "completed" : "already";
}
