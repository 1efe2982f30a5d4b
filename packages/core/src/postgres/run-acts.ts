import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { RunActVerbs, TurnResult } from "../store.ts";
import { cancelWithin } from "./cancel.ts";
import type { Database, Tables } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { remembering } from "./history.ts";
import type { Session, Statement } from "./session.ts";
import { isRun, wakeById } from "./wake.ts";
import { movedOf, queuesOf, WRITTEN, type WrittenRow } from "./written-row.ts";

const MS = "interval '1 millisecond'";

/** Makes the verbs for what people do to runs. */
export function createRunActs(database: Database, hints: HintSink): RunActVerbs {
  const { lock, known, canUndo, turn, findStep, skip, unblock, wakeToUndo, wakeToGoOn } = actStatements(
    database.tables,
  );
  const cancel = cancelWithin(database);

  /** Does something to a run whose row is locked, and tells of what was written. */
  async function act<Result>(
    id: string,
    work: (session: Session, status: StoredJobStatus) => Promise<{ result: Result; moved: readonly WrittenRow[] }>,
  ): Promise<Result | "settled" | "not_found"> {
    const { result, moved } = await database.transaction<{
      result: Result | "settled" | "not_found";
      moved: readonly WrittenRow[];
    }>(async (session) => {
      const [run] = await session.run<[status: StoredJobStatus]>(lock, [id]);
      if (run !== undefined) return work(session, run[0]);
      const isKnown = (await session.run(known, [id])).length > 0;
      return { result: isKnown ? "settled" : "not_found", moved: [] };
    });
    hints.available(queuesOf(moved));
    hints.moved(moved.map(movedOf));
    return result;
  }

  return {
    turn: ({ id, why, by }) =>
      act<TurnResult>(id, async (session, status) => {
        if (status === "cancel_requested") return { result: "requested", moved: [] };
        const { error, errorName, publicError } = why;
        // What a worker has begun is written a moment later, so one that somebody has may have done something.
        if (status === "pending" && (await session.run(canUndo, [id])).length === 0) {
          const { answers, moved } = await cancel(session, {
            ids: [id],
            reason: error,
            ...(by !== undefined && { by }),
          });
          return { result: answers.get(id)!, moved };
        }
        const turned = await session.run(turn, [id, error, errorName, publicError]);
        const values = [id, database.offsetMs, by ?? null, error];
        return { result: "turned", moved: turned.length === 0 ? [] : await session.run(wakeToUndo, values) };
      }),

    skip: ({ id, key, output, by }) =>
      act(id, async (session) => {
        const [step] = await session.run<[status: string]>(findStep, [id, key]);
        if (step !== undefined && step[0] !== "running") return { result: "ended", moved: [] };
        const kind = key.startsWith("~") ? "undo" : "step";
        await session.run(skip, [id, key, kind, output, database.offsetMs]);
        await session.run(unblock, [id]);
        const moved = await session.run<WrittenRow>(wakeToGoOn, [id, database.offsetMs, by ?? null, key]);
        return { result: "skipped", moved };
      }),
  };
}

type ActStatement =
  | "lock"
  | "known"
  | "canUndo"
  | "turn"
  | "findStep"
  | "skip"
  | "unblock"
  | "wakeToUndo"
  | "wakeToGoOn";

function actStatements(tables: Tables): Readonly<Record<ActStatement, Statement>> {
  const { live, runs, steps } = tables;
  const wakeAndRemember = (event: "cancel" | "skip"): Statement => ({
    text: `WITH woken AS (${wakeById(tables, "ARRAY[$1::uuid]", 2)}), ${remembering(tables, {
      from: `woken, LATERAL (SELECT attempts, worker_id FROM ${live} WHERE id = woken.id LIMIT 1) AS before,
        (SELECT statement_timestamp() + $2::float8 * ${MS} AS now) AS clock`,
      event,
      id: "woken.id",
      revision: "woken.revision",
      attempt: "before.attempts",
      workerId: "before.worker_id",
      by: "$3::text",
      reason: "$4::text",
    })}
      SELECT ${WRITTEN}, queue FROM woken`,
  });
  return {
    lock: { text: `SELECT l.status FROM ${live} AS l WHERE l.id = $1::uuid AND ${isRun("l")} FOR UPDATE` },
    known: { text: `SELECT id FROM ${runs} WHERE id = $1::uuid` },
    canUndo: {
      text: `SELECT run_id FROM ${steps}
        WHERE run_id = $1::uuid AND has_undo AND status IN ('running', 'completed') LIMIT 1`,
    },
    // Why it was turned round first stands.
    turn: {
      text: `UPDATE ${runs} SET undo_error = $2::text, undo_error_name = $3::text, undo_public_error = $4::text,
          ends_as = 'failed'
        WHERE id = $1::uuid AND ends_as IS NULL RETURNING id`,
    },
    findStep: { text: `SELECT status FROM ${steps} WHERE run_id = $1::uuid AND key = $2::text` },
    // A step that never began is the last one that was asked for.
    skip: {
      text: `INSERT INTO ${steps} (run_id, key, kind, status, ord, seq, attempt, has_undo, started_at, ended_at, output)
        SELECT $1::uuid, $2::text, $3::text, 'completed', coalesce(max(ord), 0) + 1, coalesce(max(seq), 0) + 1, 1, false,
          min(now), min(now), $4::json
        FROM (SELECT statement_timestamp() + $5::float8 * ${MS} AS now) AS clock
        LEFT JOIN ${steps} AS s ON s.run_id = $1::uuid
        ON CONFLICT (run_id, key) DO UPDATE SET
          status = 'completed', seq = excluded.seq, ended_at = excluded.ended_at, output = excluded.output, error = NULL,
          error_name = NULL, public_error = NULL`,
    },
    unblock: { text: `UPDATE ${runs} SET blocked = NULL WHERE id = $1::uuid` },
    wakeToUndo: wakeAndRemember("cancel"),
    wakeToGoOn: wakeAndRemember("skip"),
  };
}
