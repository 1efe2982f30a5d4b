import type { SettleInResult } from "../store.ts";
import { update } from "./update.ts";
import type { WriteTx } from "./write-queue.ts";

/** Ends a running job as completed, in the caller's transaction. */
export function settleIn(
  tx: WriteTx,
  { id, claimNo, output }: { readonly id: string; readonly claimNo: number; readonly output: string | null },
): SettleInResult {
  const said = { id, claimNo, started: true, progress: undefined, message: undefined };
  const [answer] = update(tx, [{ ...said, outcome: { kind: "completed", output } }]);
  if (answer?.result !== "applied") return "stale";
  // It also recognises a run that was settled before, and has then written nothing.
  return tx.moved.length > 0 ? "completed" : "already";
}
