import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { JobVerbs, Outcome, RunError, RunUpdate, RunUpdateResult, Suspension } from "../store.ts";
import { type Arrays, binaryArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { runStatements } from "./run-statements.ts";
import { HAS_MESSAGE, HAS_PROGRESS, STARTED, updateStatements } from "./update-statements.ts";
import { movedOf, queuesOf, type WrittenRow, writtenRow } from "./written-row.ts";

/** What the tables say of a row that no statement wrote. */
type FoundRow = [id: string, claimNo: number, status: StoredJobStatus, isHeld: boolean, wasAskedToStop: boolean];

/** Makes the verb `update`. */
export function createUpdate(database: Database, hints: HintSink): JobVerbs["update"] {
  const statements = updateStatements(database.tables);
  const ofRuns = runStatements(database.tables);

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

  /** Ends runs that were undone, and jobs for which runs wait; wakes those. */
  async function endOfRuns(updates: readonly RunUpdate[]): Promise<WrittenRow[]> {
    const ended: WrittenRow[] = [];
    for (const round of rounds(updates)) {
      const outcomes = round.map(({ outcome }) => outcome);
      const rows = await database.run<[...Required<WrittenRow>, isWoken: boolean]>(ofRuns.end, [
        ...endValues(round, database.offsetMs),
        errorNames(outcomes),
        binaryArrays.text(round.map(({ wakes }) => wakes ?? null)),
      ]);
      const written = rows.map(writtenRow);
      hints.available(queuesOf(written));
      hints.moved(written.map(movedOf));
      ended.push(...written.filter((_, n) => !rows[n]![6]));
    }
    return ended;
  }

  async function suspend(updates: readonly RunUpdate[]): Promise<WrittenRow[]> {
    if (updates.length === 0) return [];
    const suspensions = updates.map(({ outcome }) => outcome as Suspension);
    const rows = await database.run<WrittenRow>(ofRuns.suspend, [
      ...whatWasSaid(updates, database.offsetMs, binaryArrays),
      binaryArrays.int4(suspensions.map(({ wakes }) => wakes)),
      binaryArrays.float8(suspensions.map(({ dueAt }) => dueAt)),
      binaryArrays.text(suspensions.map(({ waitingFor }) => waitingFor)),
    ]);
    hints.available(queuesOf(rows));
    hints.moved(rows.map(movedOf));
    return rows;
  }

  /** Ends the jobs of any updates, whatever they say. */
  async function endAny(updates: readonly RunUpdate[]): Promise<WrittenRow[]> {
    const plain = await end(updates.filter((update) => !isOfRun(update)));
    return [...plain, ...(await endOfRuns(updates.filter(isOfRun)))];
  }

  async function find(updates: readonly RunUpdate[]): Promise<Map<string, FoundRow>> {
    if (updates.length === 0) return new Map();
    const rows = await database.run<FoundRow>(statements.find, [binaryArrays.uuid(updates.map(({ id }) => id))]);
    return new Map(rows.map((row) => [row[0], row]));
  }

  return async ({ updates }) => {
    const sorted = updates.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    // Their rows differ, so neither waits for the other, and the two commits share a flush to the disk.
    const parts = await Promise.all([
      end(sorted.filter((update) => isEnding(update) && !isOfRun(update))),
      live(sorted.filter((update) => !isEnding(update) && !isSuspension(update))),
      suspend(sorted.filter(isSuspension)),
    ]);
    const written = new Map(parts.flat().map((row) => [row[0], row]));
    // Behind the others, among whose rows may be those of the runs to wake.
    for (const row of await endOfRuns(sorted.filter((update) => isEnding(update) && isOfRun(update)))) {
      written.set(row[0], row);
    }
    const found = await find(sorted.filter(({ id }) => !written.has(id)));
    const toCancel = sorted.filter((update) => {
      const row = found.get(update.id);
      return update.outcome !== null && !isEnding(update) && row !== undefined && isHeldBy(row, update) && row[4];
    });
    for (const row of await endAny(toCancel)) written.set(row[0], row);
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
  return outcome !== null && outcome.kind !== "retry" && outcome.kind !== "given_back" && outcome.kind !== "suspended";
}

function isSuspension({ outcome }: RunUpdate): boolean {
  return outcome?.kind === "suspended";
}

/** Whether its end concerns a run of a workflow besides the row. */
function isOfRun({ outcome, wakes }: RunUpdate): boolean {
  return wakes !== undefined || outcome?.kind === "compensated";
}

/** A statement cannot end a run and wake it, so children of a run that ends with them come after it. */
function rounds(updates: readonly RunUpdate[]): RunUpdate[][] {
  const found: RunUpdate[][] = [];
  for (let left = updates; left.length > 0;) {
    const ids = new Set(left.map(({ id }) => id));
    const free = left.filter(({ wakes }) => wakes === undefined || !ids.has(wakes));
    const round = free.length > 0 ? free : left.slice(0, 1);
    found.push(round);
    left = left.filter((update) => !round.includes(update));
  }
  return found;
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
  if (kind === "given_back" || kind === "suspended") return status === "pending";
  if (kind === "discarded") return status === "failed";
  // The sweep may have moved a failed job on.
  return (
    status === kind || ((kind === "failed" || kind === "compensated") && ["failed", "dead_letter"].includes(status))
  );
}
