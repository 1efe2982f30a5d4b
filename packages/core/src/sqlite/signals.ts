import type { NewSignal, PendingSignal, SignalResult } from "../store.ts";
import type { Statements } from "./statements.ts";
import { wake } from "./wake.ts";
import type { WriteTx } from "./write-queue.ts";

const IS_LIVE = "SELECT 1 FROM forge_live WHERE id = ? AND instr(job_type, '@') > 0";

const GIVE = `
  INSERT INTO forge_signals (run_id, name, signal_id, payload, sent_at, sent_by) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT DO NOTHING`;

const IS_GIVEN = "SELECT 1 FROM forge_signals WHERE run_id = ? AND name = ? AND signal_id = ?";

/** Gives signals to runs, one after the other, and wakes each run once. */
export function signal(tx: WriteTx, signals: readonly NewSignal[]): SignalResult[] {
  const given = new Set<string>();
  const results = signals.map((one): SignalResult => {
    const { runId, name, signalId, payload, by = null } = one;
    if (tx.sql.get(IS_LIVE, runId) === undefined) return whyRefused(tx.sql, one);
    if (tx.sql.run(GIVE, runId, name, signalId, payload, tx.now, by) === 0) return "duplicate";
    given.add(runId);
    return "accepted";
  });
  for (const id of given) wake(tx, id);
  return results;
}

function whyRefused(sql: Statements, { runId, name, signalId }: NewSignal): SignalResult {
  // Whoever sends again what a run has had is told so, also when that has ended since.
  if (sql.get(IS_GIVEN, runId, name, signalId) !== undefined) return "duplicate";
  return sql.get("SELECT 1 FROM forge_runs WHERE id = ?", runId) === undefined ? "not_found" : "settled";
}

const CONSUME = `
  UPDATE forge_signals SET step_key = ? WHERE run_id = ? AND name = ? AND signal_id = ? AND step_key IS NULL`;

/** Notes which step a signal is. */
export function consume(
  { sql }: WriteTx,
  { runId, name, signalId }: { readonly runId: string; readonly name: string; readonly signalId: string },
  stepKey: string,
): void {
  sql.run(CONSUME, stepKey, runId, name, signalId);
}

const PENDING = `
  SELECT run_id AS runId, name, signal_id AS signalId, payload
  FROM json_each(?) wanted CROSS JOIN forge_signals ON run_id = wanted.value WHERE step_key IS NULL ORDER BY seq`;

/** Signals that no step has consumed, in the order in which they came. */
export function pendingSignals(sql: Statements, ids: readonly string[]): Map<string, PendingSignal[]> {
  const rows = sql.all<PendingSignal & { readonly runId: string }>(PENDING, JSON.stringify(ids));
  const ofRuns = Map.groupBy(rows, ({ runId }) => runId);
  return new Map(
    [...ofRuns].map(([id, own]) => [id, own.map(({ name, signalId, payload }) => ({ name, signalId, payload }))]),
  );
}
