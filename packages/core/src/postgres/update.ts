import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { JobVerbs, Outcome, RunError, RunUpdate, RunUpdateResult } from "../store.ts";
import { type Arrays, binaryArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { HAS_MESSAGE, HAS_PROGRESS, STARTED, updateStatements } from "./update-statements.ts";
import { movedOf, queuesOf, type WrittenRow } from "./written-row.ts";

/** What the tables say of a row that no statement wrote. */
type FoundRow = [id: string, claimNo: number, status: StoredJobStatus, isHeld: boolean, wasAskedToStop: boolean];

/** Makes the verb `update`. */
export function createUpdate(database: Database, hints: HintSink): JobVerbs["update"] {
  const statements = updateStatements(database.tables);

  async function end(updates: readonly RunUpdate[]): Promise<WrittenRow[]> {
    if (updates.length === 0) return [];
    const outcomes = updates.map(({ outcome }) => outcome);
    const fails = outcomes.some(isFailure);
    const rows = await database.run<WrittenRow>(fails ? statements.endFailing : statements.end, [
      ...endValues(updates, database.offsetMs),
      ...(fails ? [errorNames(outcomes)] : []),
    ]);
    hints.moved(rows.map(movedOf));
    return rows;
  }

  async function live(updates: readonly RunUpdate[]): Promise<WrittenRow[]> {
    if (updates.length === 0) return [];
    const outcomes = updates.map(({ outcome }) => outcome);
    const fails = outcomes.some(isFailure);
    const rows = await database.run<WrittenRow>(fails ? statements.liveFailing : statements.live, [
      ...whatWasSaid(updates, database.offsetMs, binaryArrays),
      binaryArrays.text(outcomes.map((outcome) => outcome && (outcome.kind === "retry" ? "retry" : "pending"))),
      binaryArrays.float8(
        outcomes.map((outcome) => (outcome !== null && "delayMs" in outcome ? outcome.delayMs : null)),
      ),
      ...errors(outcomes, binaryArrays),
      ...(fails ? [errorNames(outcomes)] : []),
    ]);
    hints.available(queuesOf(rows));
    hints.moved(rows.map(movedOf));
    return rows;
  }

  async function find(updates: readonly RunUpdate[]): Promise<Map<string, FoundRow>> {
    if (updates.length === 0) return new Map();
    const rows = await database.run<FoundRow>(statements.find, [binaryArrays.uuid(updates.map(({ id }) => id))]);
    return new Map(rows.map((row) => [row[0], row]));
  }

  return async ({ updates }) => {
    const sorted = updates.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    // Their rows differ, so neither waits for the other, and the two commits share a flush to the disk.
    const parts = await Promise.all([end(sorted.filter(isEnding)), live(sorted.filter((update) => !isEnding(update)))]);
    const written = new Map(parts.flat().map((row) => [row[0], row]));
    const found = await find(sorted.filter(({ id }) => !written.has(id)));
    const toCancel = sorted.filter((update) => {
      const row = found.get(update.id);
      return update.outcome !== null && !isEnding(update) && row !== undefined && isHeldBy(row, update) && row[4];
    });
    for (const row of await end(toCancel)) written.set(row[0], row);
    hints.available(freed(updates));
    return updates.map((update) => resultOf(update, written.get(update.id), found.get(update.id)));
  };
}

/** The queues in which outcomes made room under a limit. */
function freed(updates: readonly RunUpdate[]): Set<string> {
  return new Set(updates.flatMap(({ outcome, frees }) => (outcome === null ? [] : (frees ?? []))));
}

/** The values of the statement `end`. */
export function endValues(updates: readonly RunUpdate[], offsetMs: number, arrays: Arrays = binaryArrays): unknown[] {
  const outcomes = updates.map(({ outcome }) => outcome);
  return [
    ...whatWasSaid(updates, offsetMs, arrays),
    // The statement turns the others into cancellations, and gets them only of rows that were asked to stop.
    arrays.text(outcomes.map((outcome) => outcome?.kind ?? null)),
    arrays.json(outcomes.map((outcome) => (outcome?.kind === "completed" ? outcome.output : null))),
    ...errors(outcomes, arrays),
  ];
}

/** The values that both statements begin with. */
function whatWasSaid(updates: readonly RunUpdate[], offsetMs: number, arrays: Arrays): unknown[] {
  return [
    arrays.uuid(updates.map(({ id }) => id)),
    arrays.int4(updates.map(({ claimNo }) => claimNo)),
    arrays.int2(updates.map(flagsOf)),
    arrays.float8(updates.map(({ progress }) => progress ?? null)),
    arrays.text(updates.map(({ message }) => message ?? null)),
    offsetMs,
  ];
}

function flagsOf({ started, progress, message }: RunUpdate): number {
  return (
    (started ? STARTED : 0) | (progress === undefined ? 0 : HAS_PROGRESS) | (message === undefined ? 0 : HAS_MESSAGE)
  );
}

function errors(outcomes: readonly (Outcome | null)[], arrays: Arrays): unknown[] {
  return [
    arrays.text(outcomes.map((outcome) => (outcome !== null && "error" in outcome ? outcome.error : null))),
    arrays.text(outcomes.map((outcome) => (outcome !== null && "publicError" in outcome ? outcome.publicError : null))),
  ];
}

function errorNames(outcomes: readonly (Outcome | null)[]): unknown {
  return binaryArrays.text(outcomes.map((outcome) => (isFailure(outcome) ? (outcome.errorName ?? null) : null)));
}

function isFailure(outcome: Outcome | null): outcome is Extract<Outcome, RunError> {
  return outcome !== null && "error" in outcome;
}

function isEnding({ outcome }: RunUpdate): boolean {
  return outcome !== null && outcome.kind !== "retry" && outcome.kind !== "given_back";
}

function isHeldBy([, claimNo, , isHeld]: FoundRow, update: RunUpdate): boolean {
  return isHeld && claimNo === update.claimNo;
}

function resultOf(update: RunUpdate, written: WrittenRow | undefined, found: FoundRow | undefined): RunUpdateResult {
  const { id, claimNo, outcome } = update;
  // A batch may hold the words of a run that is over beside those of the run that has the row now.
  if (written?.[4] === claimNo) return { id, result: "applied", cancelRequested: written[2] === "cancel_requested" };
  if (found === undefined || found[1] !== claimNo) return { id, result: "stale", cancelRequested: false };
  if (isHeldBy(found, update)) return { id, result: "held", cancelRequested: found[4] };
  return { id, result: outcome !== null && isDoing(outcome, found) ? "applied" : "stale", cancelRequested: false };
}

/** Whether a row that its run no longer holds looks as this outcome leaves it: an earlier send has settled it. */
function isDoing({ kind }: Outcome, [, , status, , wasAskedToStop]: FoundRow): boolean {
  if (kind === "completed") return status === "completed";
  if (status === "cancelled") return wasAskedToStop;
  if (kind === "given_back") return status === "pending";
  if (kind === "discarded") return status === "failed";
  // The sweep may have moved a failed job on.
  return status === kind || (kind === "failed" && status === "dead_letter");
}
