import type { StepRecord, StepWrite, StepWriteResult } from "../store.ts";
import { consume } from "./signals.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

const STEP = `key, kind, status, ord, seq, attempt, output, error, error_name AS errorName, public_error AS publicError,
  due_at AS dueAt, child_id AS childId, has_undo AS hasUndo, started_at AS startedAt, ended_at AS endedAt`;

interface StepRow extends Omit<StepRecord, "failure" | "hasUndo"> {
  readonly error: string | null;
  readonly errorName: string | null;
  readonly publicError: string | null;
  readonly hasUndo: number;
}

function stepRecord({ error, errorName, publicError, hasUndo, ...row }: StepRow): StepRecord {
  const failure = error === null ? null : { error, errorName, publicError: publicError! };
  return { ...row, failure, hasUndo: hasUndo === 1 };
}

const RUN = `
  SELECT rowid, status, revision FROM forge_live
  WHERE id = ? AND claim_no = ? AND status IN ('claimed', 'running', 'cancel_requested')`;

interface RunRow {
  readonly rowid: number;
  readonly status: string;
  readonly revision: number;
}

const FIND = `SELECT ${STEP} FROM forge_steps WHERE run_id = ? AND key = ?`;

// What is decided once stands: when it began, how long it waits; only a new attempt waits for a time of its own, and one that
// was put off and is put off again.
const WRITE = `
  INSERT INTO forge_steps (run_id, key, kind, status, ord, seq, attempt, has_undo, started_at, ended_at, due_at, child_id,
    error, error_name, public_error, output)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (run_id, key) DO UPDATE SET
    status = excluded.status, seq = excluded.seq, has_undo = excluded.has_undo, ended_at = excluded.ended_at,
    due_at = iif(
      kind IN ('step', 'undo')
        AND (excluded.attempt > attempt OR excluded.due_at IS NOT NULL AND due_at <= excluded.started_at),
      excluded.due_at, coalesce(due_at, excluded.due_at)),
    attempt = excluded.attempt, child_id = coalesce(excluded.child_id, child_id), error = excluded.error,
    error_name = excluded.error_name, public_error = excluded.public_error, output = excluded.output
  RETURNING ${STEP}`;

const COMPENSATE = `UPDATE forge_steps SET status = 'compensated' WHERE run_id = ? AND key = ? RETURNING ${STEP}`;

const MOVE = "UPDATE forge_live SET revision = revision + 1 WHERE rowid = ?";

/** Records steps one after the other, so that what is said twice of one meets itself. */
export function record(tx: WriteTx, writes: readonly StepWrite[]): StepWriteResult[] {
  const changed = new Map<number, { id: string; revision: number }>();
  const results = writes.map((write): StepWriteResult => {
    const { id, claimNo } = write.run;
    const run = tx.sql.get<RunRow>(RUN, id, claimNo);
    if (run === undefined) return { kind: "stale" };
    const cancelRequested = run.status === "cancel_requested";
    const before = tx.sql.get<StepRow>(FIND, id, write.key);
    if (before !== undefined && stands(before, write)) {
      return { kind: "adopted", step: stepRecord(before), cancelRequested };
    }
    const row =
      before !== undefined && before.status !== "running"
        ? tx.sql.get<StepRow>(COMPENSATE, id, write.key)!
        : tx.sql.get<StepRow>(WRITE, ...valuesOf(write, tx.now))!;
    if (write.signal !== null) consume(tx, { runId: id, ...write.signal }, write.key);
    changed.set(run.rowid, { id, revision: run.revision + 1 });
    return { kind: "written", step: stepRecord(row), cancelRequested };
  });
  for (const [rowid, hint] of changed) {
    tx.sql.run(MOVE, rowid);
    tx.moved.push(hint);
  }
  return results;
}

/** Whether what is recorded of a step is further on than what is said of it. */
function stands(before: StepRow, { status, attempt }: StepWrite): boolean {
  if (before.status === "running") return attempt < before.attempt;
  return !(before.status === "completed" && status === "compensated");
}

function valuesOf(write: StepWrite, now: number): (string | number | null)[] {
  const { run, key, kind, status, ord, seq, attempt, hasUndo, due, childId, failure, output } = write;
  const dueAt = due === null ? null : "atMs" in due ? due.atMs : now + due.inMs;
  const instants = [now, status === "running" ? null : now, dueAt];
  const error = [failure?.error ?? null, failure?.errorName ?? null, failure?.publicError ?? null];
  return [run.id, key, kind, status, ord, seq, attempt, hasUndo ? 1 : 0, ...instants, childId, ...error, output];
}

const READ = `
  SELECT run_id AS runId, ${STEP}
  FROM (SELECT value AS id FROM json_each(?)) wanted CROSS JOIN forge_steps ON run_id = wanted.id ORDER BY ord`;

/** The recorded steps of runs, in the order in which they were asked for. */
export function readSteps(sql: Statements, ids: readonly string[]): Map<string, StepRecord[]> {
  const rows = sql.all<StepRow & { readonly runId: string }>(READ, JSON.stringify(ids));
  const steps = new Map<string, StepRecord[]>();
  for (const { runId, ...row } of rows) {
    const own = steps.get(runId);
    if (own === undefined) steps.set(runId, [stepRecord(row)]);
    else own.push(stepRecord(row));
  }
  return steps;
}
