import type { JobVerbs, RunUpdate } from "../store.ts";
import { literalArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { callersSession } from "./transaction.ts";
import { updateStatements } from "./update-statements.ts";
import { endValues } from "./update.ts";
import { isRun, wakeById } from "./wake.ts";
import { movedOf, type WrittenRow } from "./written-row.ts";

/** Makes the verb `settleIn`. */
export function createSettleIn(database: Database, hints: HintSink): JobVerbs["settleIn"] {
  const { live, ended } = database.tables;
  const { end } = updateStatements(database.tables);
  // A statement of its own, since the row may be locked by a flush that is under way: only a new snapshot shows the version
  // that this waited for. It stays locked until the caller's transaction ends, and flushes pass over it meanwhile.
  // The row of a run that waits for the job comes first, as in a cancellation of that run.
  const lock = {
    text: `WITH awaiting AS MATERIALIZED (
        SELECT run.id FROM ${live} AS run
        WHERE run.id = (SELECT parent_id FROM ${live} WHERE id = $1::uuid AND claim_no = $2::int4) AND ${isRun("run")} FOR UPDATE
      )
      SELECT l.id, (SELECT id FROM awaiting) AS awaited_by FROM ${live} AS l
      WHERE l.id = $1::uuid AND l.claim_no = $2::int4 AND l.status IN ('claimed', 'running', 'cancel_requested')
        AND (SELECT count(*) FROM awaiting) >= 0
      FOR UPDATE`,
  };
  const wake = { text: wakeById(database.tables, "ARRAY[$1::uuid]", 2) };
  const settled = {
    text: `SELECT id FROM ${ended} WHERE id = $1::uuid AND claim_no = $2::int4 AND status = 'completed'`,
  };

  return async ({ id, claimNo, output, tx, frees }) => {
    const session = await callersSession(tx, database);
    const fence = [id, claimNo];
    const [locked] = await session.run<[id: string, awaitedBy: string | null]>(lock, fence);
    if (locked === undefined) {
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
    // The call is that of the handler, which knows nothing of a run that waits for its job.
    if (locked[1] !== null) {
      const woken = await session.run<WrittenRow>(wake, [locked[1], database.offsetMs]);
      await hints.insideTransaction(session, [], woken);
    }
    return "completed";
  };
}
