import type { JobVerbs, RunUpdate } from "../store.ts";
import { literalArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { callersSession } from "./transaction.ts";
import { updateStatements } from "./update-statements.ts";
import { endValues } from "./update.ts";
import { movedOf, type WrittenRow } from "./written-row.ts";

/** Makes the verb `settleIn`. */
export function createSettleIn(database: Database, hints: HintSink): JobVerbs["settleIn"] {
  const { live, ended } = database.tables;
  const { end } = updateStatements(database.tables);
  // A statement of its own, since the row may be locked by a flush that is under way: only a new snapshot shows the version
  // that this waited for. It stays locked until the caller's transaction ends, and flushes pass over it meanwhile.
  const lock = {
    text: `SELECT id FROM ${live}
      WHERE id = $1::uuid AND claim_no = $2::int4 AND status IN ('claimed', 'running', 'cancel_requested') FOR UPDATE`,
  };
  const settled = {
    text: `SELECT id FROM ${ended} WHERE id = $1::uuid AND claim_no = $2::int4 AND status = 'completed'`,
  };

  return async ({ id, claimNo, output, tx, frees }) => {
    const session = await callersSession(tx, database);
    const fence = [id, claimNo];
    if ((await session.run(lock, fence)).length === 0) {
      return (await session.run(settled, fence)).length > 0 ? "already" : "stale";
    }
    const update: RunUpdate = {
      id,
      claimNo,
      started: true,
      progress: undefined,
      message: undefined,
      outcome: { kind: "completed", output },
    };
    const written = await session.run<WrittenRow>(end, endValues([update], database.offsetMs, literalArrays));
    await hints.movedInsideTransaction(session, written.map(movedOf), frees === undefined ? [] : [frees]);
    return "completed";
  };
}
