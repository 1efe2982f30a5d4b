import type { SQLInputValue } from "node:sqlite";
import type {
  ChildEnd,
  JobRecord,
  JobStateRecord,
  NewJob,
  ParentRun,
  RunMemo,
  RunRecord,
  RunState,
  RunStateRecord,
  StepRecord,
  Undoing,
} from "../store.ts";
import { jobRecord, RECORD_COLUMNS, type RecordRow, STATE_COLUMNS, stateRecord } from "./job-rows.ts";
import { pendingSignals } from "./signals.ts";
import type { Statements } from "./statements.ts";
import { readSteps } from "./steps.ts";
import type { WriteTx } from "./write-queue.ts";

/** Writes what a run of a workflow has besides its row. */
export function startRun({ sql, now }: WriteTx, id: string, { timeoutMs, declared }: NonNullable<NewJob["run"]>): void {
  sql.run(
    "INSERT INTO forge_runs (id, timeout_at, declared) VALUES (?, ?, ?)",
    id,
    timeoutMs === null ? null : now + timeoutMs,
    declared === null ? null : JSON.stringify(declared),
  );
}

interface UndoRow {
  readonly undoError: string | null;
  readonly undoErrorName: string | null;
  readonly undoPublicError: string | null;
  readonly endsAs: Undoing["endsAs"] | null;
}

const UNDO = `undo_error AS undoError, undo_error_name AS undoErrorName, undo_public_error AS undoPublicError,
  ends_as AS endsAs`;

function undoingOf({ undoError, undoErrorName, undoPublicError, endsAs }: UndoRow): Undoing | null {
  if (endsAs === null) return null;
  return { failure: { error: undoError!, errorName: undoErrorName, publicError: undoPublicError! }, endsAs };
}

interface HeadRow extends UndoRow {
  readonly id: string;
  readonly wakes: number;
  readonly timeoutAt: number | null;
}

const HEADS = `
  SELECT r.id, coalesce(l.wakes, 0) AS wakes, r.timeout_at AS timeoutAt, ${UNDO}
  FROM json_each(?) wanted CROSS JOIN forge_runs r ON r.id = wanted.value LEFT JOIN forge_live l ON l.id = r.id`;

/** Reads what is recorded of runs. The wake-ups first: what comes after this statement raises them, so suspending finds out. */
export function load(sql: Statements, ids: readonly string[], now: number): RunMemo[] {
  const heads = sql.all<HeadRow>(HEADS, JSON.stringify([...new Set(ids)]));
  const known = heads.map(({ id }) => id);
  const steps = readSteps(sql, known);
  const signals = pendingSignals(sql, known);
  return heads.map(({ id, wakes, timeoutAt, ...row }) => {
    const own = steps.get(id) ?? [];
    const told = { steps: own, signals: signals.get(id) ?? [], ended: endedChildren(sql, own) };
    return { id, wakes, now, timeoutAt, undoing: undoingOf(row), ...told };
  });
}

interface EndRow {
  readonly id: string;
  readonly isUndone: number | null;
  readonly status: Exclude<ChildEnd["status"], "compensated" | "deleted"> | null;
  readonly output: string | null;
  readonly error: string | null;
  readonly errorName: string | null;
  readonly publicError: string | null;
}

const ENDS = `
  SELECT wanted.value AS id, r.is_undone AS isUndone, e.status, e.output, e.error, e.public_error AS publicError, (
    SELECT error_name FROM forge_history h WHERE h.job_id = e.id AND event IN ('error', 'death')
    ORDER BY revision DESC LIMIT 1
  ) AS errorName
  FROM json_each(?) wanted LEFT JOIN forge_ended e ON e.id = wanted.value LEFT JOIN forge_runs r ON r.id = wanted.value
  WHERE NOT EXISTS (SELECT 1 FROM forge_live WHERE id = wanted.value)`;

/** How the children have ended for which steps wait. */
function endedChildren(sql: Statements, steps: readonly StepRecord[]): ChildEnd[] {
  const awaited = steps.flatMap(({ status, childId }) => (status === "running" && childId !== null ? [childId] : []));
  if (awaited.length === 0) return [];
  return sql.all<EndRow>(ENDS, JSON.stringify(awaited)).map(({ id, isUndone, status, output, ...row }) => {
    const { error, errorName, publicError } = row;
    const failed = status === "failed" || status === "dead_letter";
    const failure = error === null ? null : { error, errorName: failed ? errorName : null, publicError: publicError! };
    return { id, status: failed && isUndone === 1 ? "compensated" : (status ?? "deleted"), output, failure };
  });
}

const MOVE = `
  UPDATE forge_live SET revision = revision + 1
  WHERE id = ? AND claim_no = ? AND status IN ('claimed', 'running', 'cancel_requested') RETURNING revision`;

/** Changes what runs have besides their rows, each fenced. */
function changeRun(tx: WriteTx, { id, claimNo }: ParentRun, set: string, values: readonly SQLInputValue[]): boolean {
  const row = tx.sql.get<{ revision: number }>(MOVE, id, claimNo);
  if (row === undefined) return false;
  tx.sql.run(`UPDATE forge_runs SET ${set} WHERE id = ?`, ...values, id);
  tx.moved.push({ id, revision: row.revision });
  return true;
}

export function undo(tx: WriteTx, runs: readonly (ParentRun & Undoing)[]): boolean[] {
  return runs.map(({ failure: { error, errorName, publicError }, endsAs, ...run }) => {
    const set = "undo_error = ?, undo_error_name = ?, undo_public_error = ?, ends_as = ?";
    return changeRun(tx, run, set, [error, errorName, publicError, endsAs]);
  });
}

export function block(tx: WriteTx, run: ParentRun, why: string | null): boolean {
  return changeRun(tx, run, "blocked = ?", [why]);
}

interface RunRow extends UndoRow {
  readonly timeoutAt: number | null;
  readonly declared: string | null;
  readonly waitingFor: string | null;
  readonly isUndone: number;
  readonly blocked: string | null;
  readonly neverClaimed: number;
}

const RUN = `timeout_at AS timeoutAt, declared, iif(status = 'pending', waiting_for, NULL) AS waitingFor, ${UNDO},
  is_undone AS isUndone, blocked, claim_no = 0 AS neverClaimed`;

// Of both tables in one statement, so that a run that moves between them is seen once.
const byIds = ({ live, ended }: Readonly<Record<"live" | "ended", string>>): string => `
  SELECT ${live}, ${RUN} FROM forge_runs JOIN forge_live USING (id) WHERE id IN (SELECT value FROM json_each(?1))
  UNION ALL
  SELECT ${ended}, ${RUN} FROM forge_runs JOIN forge_ended USING (id) WHERE id IN (SELECT value FROM json_each(?1))`;

const STATES = byIds(STATE_COLUMNS);
const RECORDS = byIds(RECORD_COLUMNS);

/** A row of a job and what a run has besides it, taken apart. */
function parted<Row extends object>(row: Row & RunRow): { job: Row; run: Omit<RunState, "steps"> } {
  const {
    timeoutAt,
    declared,
    waitingFor,
    isUndone,
    blocked,
    undoError,
    undoErrorName,
    undoPublicError,
    endsAs,
    neverClaimed,
    ...job
  } = row;
  const undoing = undoingOf({ undoError, undoErrorName, undoPublicError, endsAs });
  const names = declared === null ? null : (JSON.parse(declared) as string[]);
  const flags = { neverClaimed: neverClaimed === 1, isUndone: isUndone === 1 };
  const run = { timeoutAt, declared: names, waitingFor, undoing, blocked, ...flags };
  return { job: job as unknown as Row, run };
}

/** The rows before the steps: steps that are newer than the revision beside them are told of once more, older ones would stay. */
function readRuns<Row extends { readonly id: string }, Job>(
  sql: Statements,
  ids: readonly string[],
  text: string,
  jobOf: (row: Row) => Job,
): (Job & RunState)[] {
  const rows = sql.all<Row & RunRow>(text, JSON.stringify(ids));
  const steps = readSteps(
    sql,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => {
    const { job, run } = parted<Row>(row);
    return { ...jobOf(job), ...run, steps: steps.get(row.id) ?? [] };
  });
}

export function readRunStates(sql: Statements, ids: readonly string[]): RunStateRecord[] {
  return readRuns<JobStateRecord, JobStateRecord>(sql, ids, STATES, stateRecord);
}

export function readRunRecords(sql: Statements, ids: readonly string[]): RunRecord[] {
  return readRuns<RecordRow, JobRecord>(sql, ids, RECORDS, jobRecord);
}
