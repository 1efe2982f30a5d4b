import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { Outcome, RunUpdate, RunUpdateResult } from "../store.ts";
import { complete, endCancelled, endCompensated, endDiscarded, endFailed, UNDONE } from "./ended-rows.ts";
import { rememberFailure } from "./history.ts";
import type { Statements } from "./statements.ts";
import { suspend } from "./suspend.ts";
import { wake } from "./wake.ts";
import type { WriteTx } from "./write-queue.ts";

type FoundRow = readonly [
  /** Which update this is the row of. */
  place: number,
  rowid: number,
  status: StoredJobStatus,
  claimNo: number,
  revision: number,
];

const FIND = `
  SELECT said.key, live.rowid, status, claim_no, revision
  FROM json_each(?) said CROSS JOIN forge_live live ON live.id = said.value`;

/** What a row is while a worker has it. */
const HELD: readonly StoredJobStatus[] = ["claimed", "running", "cancel_requested"];

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
  WHERE rowid = ? RETURNING queue`;

const GIVE_BACK = `
  UPDATE forge_live
  SET status = 'pending', ready_at = ?, scheduled_at = ?, worker_no = NULL, deaths = 0, attempts = attempts - 1,
    revision = revision + 1
  WHERE rowid = ? RETURNING queue`;

/**
 * Writes what runs have to say. Reads all rows first, so that the ones that completed, nearly all of a busy batch, move in
 * two statements and not in two each.
 */
export function update(tx: WriteTx, updates: readonly RunUpdate[]): RunUpdateResult[] {
  const rows = new Map<number, FoundRow>();
  for (const row of tx.sql.tuples<FoundRow>(FIND, JSON.stringify(updates.map(({ id }) => id)))) rows.set(row[0], row);
  const outputs: Record<number, string | null> = {};
  const toWake = new Set<string>();
  const results = updates.map((said, place): RunUpdateResult => {
    const { id, claimNo, outcome } = said;
    const row = rows.get(place);
    if (row === undefined || row[3] !== claimNo || !HELD.includes(row[2])) {
      const result = isSettledBySame(tx.sql, said, row) ? "applied" : "stale";
      return { id, result, cancelRequested: false };
    }
    const [, rowid, status, , revision] = row;
    const spoke = say(tx, rowid, status, said);
    if (outcome?.kind === "completed") outputs[rowid] = outcome.output;
    else if (outcome !== null) settle(tx, { id, rowid, status }, outcome);
    if (said.wakes !== undefined && ends(outcome, status)) toWake.add(said.wakes);
    if (outcome !== null && said.frees !== undefined) tx.available.add(said.frees);
    if (spoke || outcome !== null) tx.moved.push({ id, revision: revision + 1 });
    return { id, result: "applied", cancelRequested: outcome === null && status === "cancel_requested" };
  });
  complete(tx, outputs);
  // Last, so that a run which was put away by the same batch is woken, and its hint names what it is after both.
  for (const id of toWake) wake(tx, id);
  return results;
}

/** Whether an outcome ends the job of a row with this status. */
function ends(outcome: Outcome | null, status: StoredJobStatus): boolean {
  if (outcome === null) return false;
  return status === "cancel_requested" || !["retry", "given_back", "suspended"].includes(outcome.kind);
}

/** Writes start, progress and message; answers whether it wrote. The outcome's statement, if one follows, counts the revision. */
function say(
  { sql, now }: WriteTx,
  rowid: number,
  status: StoredJobStatus,
  { started, progress, message, outcome }: RunUpdate,
): boolean {
  const counted = outcome === null ? 1 : 0;
  const speaks = progress !== undefined || message !== undefined;
  if (started && status === "claimed") {
    // A completion merges the start by itself.
    if (outcome?.kind === "completed" && !speaks) return false;
    sql.run(START, now, progress ?? null, message ?? null, counted, rowid);
    return true;
  }
  if (speaks) {
    const given = (value: unknown): number => (value === undefined ? 0 : 1);
    sql.run(SAY, given(progress), progress ?? null, given(message), message ?? null, counted, rowid);
  }
  return speaks;
}

function settle(
  tx: WriteTx,
  { id, rowid, status }: { readonly id: string; readonly rowid: number; readonly status: StoredJobStatus },
  outcome: Exclude<Outcome, { kind: "completed" }>,
): void {
  if (status === "cancel_requested") {
    endCancelled(tx, rowid);
    if (outcome.kind === "compensated") tx.sql.run(UNDONE, id);
    return;
  }
  if ("error" in outcome) rememberFailure(tx, { id, rowid }, "error", outcome);
  switch (outcome.kind) {
    case "retry": {
      const dueAt = tx.now + outcome.delayMs;
      tellOf(tx, tx.sql.get(RETRY, dueAt, dueAt, outcome.error, outcome.publicError, rowid));
      break;
    }
    case "given_back": {
      const dueAt = tx.now + outcome.delayMs;
      tellOf(tx, tx.sql.get(GIVE_BACK, dueAt, dueAt, rowid));
      break;
    }
    case "failed":
    case "dead_letter":
      endFailed(tx, rowid, outcome.kind, outcome);
      break;
    case "discarded":
      endDiscarded(tx, rowid, outcome);
      break;
    case "suspended":
      suspend(tx, rowid, outcome);
      break;
    case "compensated":
      endCompensated(tx, { id, rowid }, outcome);
  }
}

function tellOf({ available }: WriteTx, row: { queue: string } | undefined): void {
  if (row !== undefined) available.add(row.queue);
}

interface EndedRow {
  status: StoredJobStatus;
  claimNo: number;
}

const FIND_ENDED = "SELECT status, claim_no AS claimNo FROM forge_ended WHERE id = ?";

const LEFT_BEHIND: Readonly<Record<Outcome["kind"], readonly StoredJobStatus[]>> = {
  completed: ["completed"],
  retry: ["retry", "cancelled"],
  failed: ["failed", "dead_letter", "cancelled"],
  dead_letter: ["dead_letter", "cancelled"],
  discarded: ["failed", "cancelled"],
  given_back: ["pending", "cancelled"],
  suspended: ["pending", "cancelled"],
  compensated: ["failed", "dead_letter", "cancelled"],
};

/** Whether the row lies as an earlier send of the same outcome leaves it. */
function isSettledBySame(sql: Statements, { id, claimNo, outcome }: RunUpdate, row: FoundRow | undefined): boolean {
  if (outcome === null) return false;
  const found = row === undefined ? sql.get<EndedRow>(FIND_ENDED, id) : { status: row[2], claimNo: row[3] };
  return found?.claimNo === claimNo && LEFT_BEHIND[outcome.kind].includes(found.status);
}
