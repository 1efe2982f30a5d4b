import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { Outcome, RunUpdate, RunUpdateResult } from "../store.ts";
import { complete, end, reasonOf } from "./ended-rows.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

type LiveTuple = readonly [
  id: string,
  rowid: number,
  status: StoredJobStatus,
  claimNo: number,
  revision: number,
  queue: string,
  cancelReason: string | null,
  isHeld: number,
];

interface LiveRow {
  readonly rowid: number;
  readonly status: StoredJobStatus;
  readonly claimNo: number;
  readonly revision: number;
  readonly queue: string;
  readonly cancelReason: string | null;
  readonly isHeld: boolean;
}

const FIND = `
  SELECT l.id, l.rowid, status, claim_no, revision, queue, cancel_reason, worker_no IS NOT NULL
  FROM json_each(?) j CROSS JOIN forge_live l ON l.id = j.value`;

const START = `
  UPDATE forge_live
  SET status = 'running', started_at = ?, progress = ?, message = ?, error = NULL, public_error = NULL, revision = revision + ?
  WHERE rowid = ?`;

const SAY = `
  UPDATE forge_live
  SET progress = iif(?, ?, progress), message = iif(?, ?, message), revision = revision + ?
  WHERE rowid = ?`;

const RETRY = `
  UPDATE forge_live
  SET status = 'retry', ready_at = ?, scheduled_at = ?, worker_no = NULL, deaths = 0, error = ?, public_error = ?,
    revision = revision + 1
  WHERE rowid = ?`;

const GIVE_BACK = `
  UPDATE forge_live
  SET status = 'pending', ready_at = ?, scheduled_at = ?, worker_no = NULL, deaths = 0, attempts = attempts - 1,
    revision = revision + 1
  WHERE rowid = ?`;

/**
 * Writes what runs have to say. Reads all rows first, so that the ones that completed, nearly all of a busy batch, move in
 * two statements and not in two each.
 */
export function update(tx: WriteTx, updates: readonly RunUpdate[]): RunUpdateResult[] {
  const rows = findRows(tx.sql, updates);
  const outputs: Record<number, string | null> = {};
  const results = updates.map((said): RunUpdateResult => {
    const { id, outcome } = said;
    const row = rows.get(id);
    if (row === undefined || !row.isHeld || row.claimNo !== said.claimNo) {
      const result = isSettledBySame(tx.sql, said, row) ? "applied" : "stale";
      return { id, result, cancelRequested: false };
    }
    const changed = say(tx, row, said);
    if (outcome !== null) {
      rows.delete(id);
      if (outcome.kind === "completed") outputs[row.rowid] = outcome.output;
      else settle(tx, row, outcome);
    }
    if (changed || outcome !== null) tx.moved.push({ id, revision: row.revision + 1 });
    return { id, result: "applied", cancelRequested: outcome === null && row.status === "cancel_requested" };
  });
  complete(tx, outputs);
  return results;
}

function findRows(sql: Statements, updates: readonly RunUpdate[]): Map<string, LiveRow> {
  const tuples = sql.tuples<LiveTuple>(FIND, JSON.stringify(updates.map(({ id }) => id)));
  return new Map(
    tuples.map(([id, rowid, status, claimNo, revision, queue, cancelReason, isHeld]) => [
      id,
      { rowid, status, claimNo, revision, queue, cancelReason, isHeld: isHeld === 1 },
    ]),
  );
}

/** Writes start, progress and message; answers whether it wrote. The outcome's statement, if one follows, counts the revision. */
function say({ sql, now }: WriteTx, row: LiveRow, { started, progress, message, outcome }: RunUpdate): boolean {
  const counted = outcome === null ? 1 : 0;
  const speaks = progress !== undefined || message !== undefined;
  if (started && row.status === "claimed") {
    // A completion merges the start by itself.
    if (outcome?.kind === "completed" && !speaks) return false;
    sql.run(START, now, progress ?? null, message ?? null, counted, row.rowid);
    return true;
  }
  if (speaks) {
    const given = (value: unknown): number => (value === undefined ? 0 : 1);
    sql.run(SAY, given(progress), progress ?? null, given(message), message ?? null, counted, row.rowid);
  }
  return speaks;
}

function settle(tx: WriteTx, row: LiveRow, outcome: Exclude<Outcome, { kind: "completed" }>): void {
  const { rowid, queue } = row;
  if (row.status === "cancel_requested") {
    end(tx, rowid, "cancelled", reasonOf(row.cancelReason!));
    return;
  }
  switch (outcome.kind) {
    case "retry": {
      const dueAt = tx.now + outcome.delayMs;
      tx.sql.run(RETRY, dueAt, dueAt, outcome.error, outcome.publicError, rowid);
      tx.available.add(queue);
      break;
    }
    case "given_back": {
      const dueAt = tx.now + outcome.delayMs;
      tx.sql.run(GIVE_BACK, dueAt, dueAt, rowid);
      tx.available.add(queue);
      break;
    }
    case "failed":
    case "dead_letter":
      end(tx, rowid, outcome.kind, outcome);
  }
}

const LEFT_BEHIND: Readonly<Record<Outcome["kind"], readonly StoredJobStatus[]>> = {
  completed: ["completed"],
  retry: ["retry", "cancelled"],
  failed: ["failed", "dead_letter", "cancelled"],
  dead_letter: ["dead_letter", "cancelled"],
  given_back: ["pending", "cancelled"],
};

/** Whether the row lies as an earlier send of the same outcome leaves it. */
function isSettledBySame(sql: Statements, { id, claimNo, outcome }: RunUpdate, row: LiveRow | undefined): boolean {
  if (outcome === null) return false;
  const found =
    row ??
    sql.get<Pick<LiveRow, "status" | "claimNo">>(
      "SELECT status, claim_no AS claimNo FROM forge_ended WHERE id = ?",
      id,
    );
  return found?.claimNo === claimNo && LEFT_BEHIND[outcome.kind].includes(found.status);
}
