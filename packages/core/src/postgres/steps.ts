import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { StepWrite, StepWriteResult, WorkflowVerbs } from "../store.ts";
import { type Arrays, binaryArrays, literalArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import type { HintSink, Moved } from "./hints.ts";
import type { Session } from "./session.ts";
import { stepRecord, type StepRow, stepStatements } from "./step-statements.ts";
import { callersSession } from "./transaction.ts";

type WrittenStep = [
  /** Which write of the batch it is, from 1. */
  n: number,
  wrote: boolean,
  runStatus: StoredJobStatus,
  /** Of the run's row; null where it was not written. */
  revision: number | null,
  progress: number | null,
  ...step: StepRow,
];

/** Makes the verbs that record steps. */
export function createSteps(database: Database, hints: HintSink): Pick<WorkflowVerbs, "record" | "recordIn"> {
  const { record, find, lock } = stepStatements(database.tables);

  async function recordDistinct(
    session: Session,
    writes: readonly StepWrite[],
    arrays: Arrays,
  ): Promise<{ results: (StepWriteResult | undefined)[]; moved: Moved[] }> {
    const rows = await session.run<WrittenStep>(record, valuesOf(writes, database.offsetMs, arrays));
    const results: (StepWriteResult | undefined)[] = writes.map(() => undefined);
    const moved = new Map<string, Moved>();
    for (const [n, wrote, status, revision, progress, ...row] of rows) {
      const cancelRequested = status === "cancel_requested";
      results[n - 1] = { kind: wrote ? "written" : "adopted", step: stepRecord(row), cancelRequested };
      if (revision !== null) moved.set(row[0], { id: row[0], revision, status, progress });
    }
    return { results, moved: [...moved.values()] };
  }

  /** Why nothing came of some writes. */
  async function refusals(writes: readonly StepWrite[]): Promise<StepWriteResult[]> {
    const ids = [...new Set(writes.map(({ run }) => run.id))];
    const found = await database.run<[id: string, claimNo: number]>(find, [binaryArrays.uuid(ids)]);
    const claims = new Map(found);
    return writes.map(({ run }) => ({ kind: claims.get(run.id) === run.claimNo ? "held" : "stale" }));
  }

  async function recordRound(writes: readonly StepWrite[]): Promise<StepWriteResult[]> {
    const { results, moved } = await database.retrying(() =>
      database.connected((session) => recordDistinct(session, writes, binaryArrays)),
    );
    hints.moved(moved);
    const missing = writes.filter((_, n) => results[n] === undefined);
    const why = missing.length === 0 ? [] : await refusals(missing);
    return results.map((result) => result ?? why.shift()!);
  }

  return {
    async record({ writes }) {
      const answers = new Map<StepWrite, StepWriteResult>();
      for (const round of rounds(writes)) {
        const results = await recordRound(round);
        for (const [n, write] of round.entries()) answers.set(write, results[n]!);
      }
      return writes.map((write) => answers.get(write)!);
    },

    async recordIn({ write, tx }) {
      const session = await callersSession(tx, database);
      // A statement of its own, since the row may be locked by a flush that is under way: only a new snapshot shows the version
      // that this waited for. It stays locked until the caller's transaction ends.
      const { id, claimNo } = write.run;
      if ((await session.run(lock, [id, claimNo])).length === 0) return { kind: "stale" };
      const { results, moved } = await recordDistinct(session, [write], literalArrays);
      if (moved.length > 0) await hints.movedInsideTransaction(session, moved, []);
      return results[0] ?? { kind: "held" };
    },
  };
}

/** One statement writes a row once, so what is said again of a step comes after it. */
function rounds(writes: readonly StepWrite[]): StepWrite[][] {
  const found: StepWrite[][] = [];
  const seen = new Map<string, number>();
  for (const write of writes) {
    const name = `${write.run.id} ${write.key}`;
    const round = seen.get(name) ?? 0;
    seen.set(name, round + 1);
    (found[round] ??= []).push(write);
  }
  return found;
}

function valuesOf(writes: readonly StepWrite[], offsetMs: number, arrays: Arrays): unknown[] {
  return [
    arrays.uuid(writes.map(({ run }) => run.id)),
    arrays.int4(writes.map(({ run }) => run.claimNo)),
    arrays.text(writes.map(({ key }) => key)),
    arrays.text(writes.map(({ kind }) => kind)),
    arrays.text(writes.map(({ status }) => status)),
    arrays.int4(writes.map(({ ord }) => ord)),
    arrays.float8(writes.map(({ seq }) => seq)),
    arrays.int4(writes.map(({ attempt }) => attempt)),
    arrays.int2(writes.map(({ hasUndo }) => (hasUndo ? 1 : 0))),
    arrays.float8(writes.map(({ due }) => (due !== null && "inMs" in due ? due.inMs : null))),
    arrays.float8(writes.map(({ due }) => (due !== null && "atMs" in due ? due.atMs : null))),
    arrays.text(writes.map(({ childId }) => childId)),
    arrays.json(writes.map(({ output }) => output)),
    arrays.text(writes.map(({ failure }) => failure?.error ?? null)),
    arrays.text(writes.map(({ failure }) => failure?.errorName ?? null)),
    arrays.text(writes.map(({ failure }) => failure?.publicError ?? null)),
    arrays.text(writes.map(({ signal }) => signal?.name ?? null)),
    arrays.text(writes.map(({ signal }) => signal?.signalId ?? null)),
    offsetMs,
  ];
}
