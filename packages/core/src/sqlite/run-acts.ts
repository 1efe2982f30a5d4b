import type { RunActVerbs, SkipResult, TurnResult } from "../store.ts";
import { cancel } from "./cancel.ts";
import { rememberAct } from "./history.ts";
import { wake } from "./wake.ts";
import type { WriteTx } from "./write-queue.ts";

const FIND = "SELECT rowid, status FROM forge_live WHERE id = ? AND instr(job_type, '@') > 0";

const CAN_UNDO = `
  SELECT 1 FROM forge_steps WHERE run_id = ? AND has_undo = 1 AND status IN ('running', 'completed') LIMIT 1`;

// Why it was turned round first stands.
const TURN = `
  UPDATE forge_runs SET undo_error = ?, undo_error_name = ?, undo_public_error = ?, ends_as = 'failed'
  WHERE id = ? AND ends_as IS NULL`;

interface LiveRun {
  readonly rowid: number;
  readonly status: string;
}

function whyNone({ sql }: WriteTx, id: string): "settled" | "not_found" {
  return sql.get("SELECT 1 FROM forge_runs WHERE id = ?", id) === undefined ? "not_found" : "settled";
}

/** Lets a run be undone. */
export function turn(tx: WriteTx, { id, why, by }: Parameters<RunActVerbs["turn"]>[0]): TurnResult {
  const run = tx.sql.get<LiveRun>(FIND, id);
  if (run === undefined) return whyNone(tx, id);
  if (run.status === "cancel_requested") return "requested";
  const { error, errorName, publicError } = why;
  // What a worker has begun is written a moment later, so one that somebody has may have done something.
  if (run.status === "pending" && tx.sql.get(CAN_UNDO, id) === undefined) {
    const [result] = cancel(tx, { ids: [id], reason: error, ...(by !== undefined && { by }) });
    return result!;
  }
  if (tx.sql.run(TURN, error, errorName, publicError, id) === 0) return "turned";
  rememberAct(tx, { id, rowid: run.rowid }, "cancel", { by, reason: error });
  wake(tx, id);
  return "turned";
}

const FIND_STEP = "SELECT status FROM forge_steps WHERE run_id = ? AND key = ?";

// A step that never began is the last one that was asked for.
const SKIP = `
  INSERT INTO forge_steps (run_id, key, kind, status, ord, seq, attempt, has_undo, started_at, ended_at, output)
  SELECT ?1, ?2, ?3, 'completed', coalesce(max(ord), 0) + 1, coalesce(max(seq), 0) + 1, 1, 0, ?4, ?4, ?5
  FROM forge_steps WHERE run_id = ?1
  ON CONFLICT (run_id, key) DO UPDATE SET
    status = 'completed', seq = excluded.seq, ended_at = excluded.ended_at, output = excluded.output, error = NULL,
    error_name = NULL, public_error = NULL`;

/** Records the end of a step for a run. */
export function skip(tx: WriteTx, { id, key, output, by }: Parameters<RunActVerbs["skip"]>[0]): SkipResult {
  const run = tx.sql.get<LiveRun>(FIND, id);
  if (run === undefined) return whyNone(tx, id);
  const step = tx.sql.get<{ status: string }>(FIND_STEP, id, key);
  if (step !== undefined && step.status !== "running") return "ended";
  tx.sql.run(SKIP, id, key, key.startsWith("~") ? "undo" : "step", tx.now, output);
  tx.sql.run("UPDATE forge_runs SET blocked = NULL WHERE id = ?", id);
  rememberAct(tx, { id, rowid: run.rowid }, "skip", { by, reason: key });
  wake(tx, id);
  return "skipped";
}
