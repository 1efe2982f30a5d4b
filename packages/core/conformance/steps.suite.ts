import { JOB_STATUSES, type StoredJobStatus } from "@forge-jobs/protocol";
import type { StepRecord, StepWrite, StepWriteResult } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn } from "./job-in.ts";
import { readJob, readState, updateJob } from "./one-job.ts";
import { type HeldRun, loadRun, newRun, recordStep, runningRun, stepWrite } from "./one-run.ts";
import { Recorder } from "./recorder.ts";
import type { Case, Suite } from "./suite.ts";
import { advance, power } from "./world.ts";

const HELD: readonly StoredJobStatus[] = ["claimed", "running", "cancel_requested"];

/** The step that a write came to. */
export function stepOf(result: StepWriteResult): StepRecord {
  if (!("step" in result)) throw new Error(`No step: ${result.kind}`);
  return result.step;
}

/** A step that has ended well. */
export const DONE: Partial<StepWrite> = { status: "completed", seq: 1, output: '{"id":7}' };
const FAILED: Partial<StepWrite> = {
  status: "failed",
  seq: 1,
  failure: { error: "Error: declined\n at x", errorName: "Declined", publicError: "Declined" },
};
const SKIPPED: Partial<StepWrite> = { status: "skipped", seq: 1 };

const held = (status: StoredJobStatus): Case => ({
  name: `a run that is ${status} records steps, and is told whether somebody cancels it`,
  async run({ store }) {
    const run = await jobIn(store, status, newRun());
    const cancelRequested = status === "cancel_requested";
    expect(await recordStep(store, run)).toMatchObject({ kind: "written", cancelRequested });
    expect(await recordStep(store, run, DONE)).toMatchObject({ kind: "written", cancelRequested });
    expect(await recordStep(store, run, DONE)).toMatchObject({ kind: "adopted", cancelRequested });
    expect((await readState(store, run.id)).status).toBe(status);
  },
});

const unheld = (status: StoredJobStatus): Case => ({
  name: `a run that is ${status} records nothing`,
  async run({ store }) {
    const run = await jobIn(store, status, newRun());
    const before = await readJob(store, run.id);
    expect(await recordStep(store, run, DONE)).toEqual({ kind: "stale" });
    expect(await readJob(store, run.id)).toEqual(before);
    expect((await loadRun(store, run.id)).steps).toEqual([]);
  },
});

const stands = (says: Partial<StepWrite>): Case => ({
  name: `a step that is ${says.status} stays so whatever is said of it later`,
  async run({ store }) {
    const run = await runningRun(store);
    const done = await recordStep(store, run, says);
    const { revision } = await readState(store, run.id);
    const later = [
      says,
      {},
      { attempt: 2 },
      { ...DONE, output: "8", seq: 9 },
      { ...FAILED, seq: 2 },
      { ...SKIPPED, seq: 2 },
    ];
    for (const one of later) expect(await recordStep(store, run, one)).toEqual({ ...done, kind: "adopted" });
    if (says.status !== "completed") {
      expect(await recordStep(store, run, { status: "compensated" })).toEqual({ ...done, kind: "adopted" });
    }
    expect((await readState(store, run.id)).revision).toBe(revision);
  },
});

/** What runs record of their steps. */
export const stepsSuite: Suite = {
  topic: "steps",
  cases: [
    {
      name: "a step is recorded as it was said, and read back the same, by every store",
      async run({ store, other }) {
        const run = await runningRun(store);
        const says: Partial<StepWrite> = {
          key: "item-7/charge#2",
          kind: "job",
          ord: 3,
          attempt: 2,
          due: { atMs: 1_900_000_000_123 },
          childId: run.id,
          hasUndo: true,
          failure: FAILED.failure!,
        };
        const result = await recordStep(store, run, says);
        expect(result).toMatchObject({ kind: "written", cancelRequested: false });
        const step = stepOf(result);
        expect(step).toEqual({
          key: "item-7/charge#2",
          kind: "job",
          status: "running",
          ord: 3,
          seq: null,
          attempt: 2,
          output: null,
          failure: says.failure,
          dueAt: 1_900_000_000_123,
          childId: run.id,
          hasUndo: true,
          startedAt: expect.any(Number),
          endedAt: null,
        });
        for (const one of [store, other]) expect((await loadRun(one, run.id)).steps).toEqual([step]);
      },
    },
    {
      name: "outputs and errors come back to the letter",
      async run({ store }) {
        const run = await runningRun(store);
        const output = '{ "text":"quotes \\" \\\\ { } , NULL é🙂", "n":1.0, "big":12345678901234567890 }';
        await recordStep(store, run, { ...DONE, output });
        const failure = { error: 'a "b" \\ {c}, NULL 🙂\n', errorName: null, publicError: "é" };
        await recordStep(store, run, { key: "b", ord: 2, ...FAILED, seq: 2, failure });
        const [a, b] = (await loadRun(store, run.id)).steps;
        expect([a!.output, b!.failure]).toEqual([output, failure]);
      },
    },
    ...HELD.map(held),
    ...JOB_STATUSES.filter((status) => !HELD.includes(status)).map(unheld),
    {
      name: "another claim's number records nothing, before and after",
      async run({ store }) {
        const run = await runningRun(store);
        for (const claimNo of [run.claimNo - 1, run.claimNo + 1]) {
          expect(await recordStep(store, { id: run.id, claimNo }, DONE)).toEqual({ kind: "stale" });
        }
        const memo = await loadRun(store, run.id);
        expect(memo.steps).toEqual([]);
        expect((await readState(store, run.id)).revision).toBe(run.revision + 1);
      },
    },
    {
      name: "a step that ends keeps its start, its wait and its child, and says when it ended",
      async run(world) {
        const { store } = world;
        const run = await runningRun(store);
        const begun = stepOf(
          await recordStep(store, run, { kind: "job", childId: run.id, due: { inMs: 60_000 }, hasUndo: true }),
        );
        advance(world, 5_000);
        const done = stepOf(await recordStep(store, run, { kind: "job", ...DONE }));
        expect(done).toMatchObject({ ...DONE, childId: run.id, startedAt: begun.startedAt, dueAt: begun.dueAt });
        expect(done.hasUndo).toBe(false);
        expect(done.endedAt! - begun.startedAt).toBeGreaterThanOrEqual(5_000);
      },
    },
    ...[DONE, FAILED, SKIPPED].map(stands),
    {
      name: "a completed step becomes compensated, which changes nothing else of it, and stays so",
      async run({ store }) {
        const run = await runningRun(store);
        const done = await recordStep(store, run, { ...DONE, hasUndo: true });
        const { revision } = await readState(store, run.id);
        const undone = await recordStep(store, run, { status: "compensated", seq: 5, ord: 9, output: "1" });
        expect(undone).toEqual({ ...done, step: { ...stepOf(done), status: "compensated" } });
        expect((await readState(store, run.id)).revision).toBe(revision + 1);
        for (const says of [DONE, FAILED, {}, { status: "compensated" } as const]) {
          expect(await recordStep(store, run, says)).toEqual({ ...undone, kind: "adopted" });
        }
      },
    },
    {
      name: "an attempt that is over says nothing of the next one",
      async run({ store }) {
        const run = await runningRun(store);
        const second = await recordStep(store, run, { attempt: 2, failure: FAILED.failure! });
        for (const says of [{}, DONE, FAILED]) {
          expect(await recordStep(store, run, says)).toEqual({ ...second, kind: "adopted" });
        }
        expect(await recordStep(store, run, { ...DONE, attempt: 2 })).toMatchObject({
          kind: "written",
          step: { status: "completed", attempt: 2, failure: null },
        });
      },
    },
    {
      name: "how long a wait lasts is decided once, by the store's clock; only a new attempt waits for a time of its own",
      async run(world) {
        const { store } = world;
        const run = await runningRun(store);
        const { now } = await loadRun(store, run.id);
        const due = { inMs: 60_000 };
        const slept = stepOf(await recordStep(store, run, { kind: "sleep", due }));
        expect(slept.dueAt).toBeGreaterThanOrEqual(now + 60_000);
        expect(slept.dueAt).toBe(slept.startedAt + 60_000);
        advance(world, 10_000);
        for (const kind of ["sleep", "event"] as const) {
          const again = await recordStep(store, run, { kind, due, attempt: kind === "sleep" ? 1 : 2 });
          expect(stepOf(again).dueAt).toBe(slept.dueAt);
        }
        const step: Partial<StepWrite> = { key: "b", ord: 2 };
        const first = stepOf(await recordStep(store, run, { ...step, due }));
        advance(world, 10_000);
        expect(stepOf(await recordStep(store, run, { ...step, due })).dueAt).toBe(first.dueAt);
        const second = stepOf(await recordStep(store, run, { ...step, attempt: 2, due }));
        expect(second.dueAt! - first.dueAt!).toBeGreaterThanOrEqual(10_000);
        expect(stepOf(await recordStep(store, run, { ...step, attempt: 3 })).dueAt).toBeNull();
      },
    },
    {
      name: "an attempt that was put off, and is put off again once that is over, waits anew; a wait that is over stays so",
      async run(world) {
        const { store } = world;
        const run = await runningRun(store);
        const due = { inMs: 60_000 };
        for (const kind of ["step", "undo", "sleep", "event"] as const) {
          const says: Partial<StepWrite> = { key: kind, kind, due };
          const first = stepOf(await recordStep(store, run, says)).dueAt!;
          advance(world, 61_000);
          expect(stepOf(await recordStep(store, run, { ...says, due: null })).dueAt).toBe(first);
          const again = stepOf(await recordStep(store, run, says)).dueAt!;
          if (kind === "sleep" || kind === "event") expect(again).toBe(first);
          else expect(again - first).toBeGreaterThanOrEqual(61_000);
        }
      },
    },
    {
      name: "a batch is answered in its order, and raises the revision of each run once",
      async run({ store }) {
        const runs = [await runningRun(store), await runningRun(store), await runningRun(store)];
        const [one, two, three] = runs as [HeldRun, HeldRun, HeldRun];
        const earlier = await recordStep(store, three, DONE);
        const revisions = async (): Promise<number[]> =>
          Promise.all(runs.map(async ({ id }) => (await readState(store, id)).revision));
        const before = await revisions();
        const results = await store.workflows.record({
          writes: [
            stepWrite(two, { key: "b", ord: 2 }),
            stepWrite(one, { key: "a", ...DONE }),
            stepWrite({ id: one.id, claimNo: one.claimNo + 1 }, { key: "stale" }),
            stepWrite({ id: newRun().id, claimNo: 1 }, { key: "unknown" }),
            stepWrite(two, { key: "a" }),
            stepWrite(three, DONE),
          ],
        });
        expect(results.map((result) => ("step" in result ? [result.kind, result.step.key] : result.kind))).toEqual([
          ["written", "b"],
          ["written", "a"],
          "stale",
          "stale",
          ["written", "a"],
          ["adopted", "a"],
        ]);
        expect(results[5]).toEqual({ ...earlier, kind: "adopted" });
        expect((await loadRun(store, two.id)).steps.map(({ key }) => key)).toEqual(["a", "b"]);
        expect(await revisions()).toEqual([before[0]! + 1, before[1]! + 1, before[2]!]);
      },
    },
    {
      name: "a batch may say of one step that it began and that it ended",
      async run({ store }) {
        const run = await runningRun(store);
        const results = await store.workflows.record({
          writes: [stepWrite(run), stepWrite(run, DONE), stepWrite(run, { key: "b", ord: 2 }), stepWrite(run, FAILED)],
        });
        expect(results).toMatchObject([
          { kind: "written", step: { status: "running" } },
          { kind: "written", step: { status: "completed" } },
          { kind: "written" },
          { kind: "adopted", step: { status: "completed" } },
        ]);
      },
    },
    {
      name: "a batch that is sent again is adopted whole, and an empty one is nothing",
      async run({ store, other }) {
        const run = await runningRun(store);
        const writes = ["a", "b", "c"].map((key, n) => stepWrite(run, { key, ord: n + 1, ...DONE, seq: n + 1 }));
        const first = await store.workflows.record({ writes });
        const again = await other.workflows.record({ writes });
        expect(again).toEqual(first.map((result) => ({ ...result, kind: "adopted" })));
        expect(await store.workflows.record({ writes: [] })).toEqual([]);
      },
    },
    {
      name: "500 steps of 50 runs in one batch, and one batch of 500 steps of a run, are all recorded in their order",
      async run({ store }) {
        const runs: HeldRun[] = [];
        for (let n = 0; n < 50; n++) runs.push(await runningRun(store));
        const keys = Array.from({ length: 10 }, (_, n) => `step ${n}`);
        const writes = keys.flatMap((key, n) =>
          runs.map((run) => stepWrite(run, { key, ord: n + 1, ...DONE, seq: n + 1, output: `"${run.id} ${key}"` })),
        );
        const results = await store.workflows.record({ writes });
        expect(results.map((result) => stepOf(result).output)).toEqual(writes.map(({ output }) => output));
        const memos = await store.workflows.load({ ids: runs.map(({ id }) => id) });
        expect(memos).toHaveLength(50);
        for (const memo of memos)
          expect(memo.steps.map(({ output }) => output)).toEqual(keys.map((key) => `"${memo.id} ${key}"`));
        const many = Array.from({ length: 500 }, (_, n) => stepWrite(runs[0]!, { key: `more ${n}`, ord: 1_000 - n }));
        await store.workflows.record({ writes: many });
        const { steps } = await loadRun(store, runs[0]!.id);
        expect(steps.slice(10).map(({ key }) => key)).toEqual(many.map(({ key }) => key).toReversed());
      },
    },
    {
      name: "a step is heard of with the revision that its run has, after it is recorded, and an adopted one is not",
      needs: ["notifications"],
      async run({ store, other }) {
        const run = await runningRun(store);
        const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
        await recordStep(store, run, DONE);
        const { revision } = await readState(store, run.id);
        await own.until("moved", () => own.hasMoved(run.id, revision));
        const any = !other.capabilities.namedHints;
        await foreign.until("moved", () => foreign.hasMoved(run.id, revision, { any }));
        await recordStep(store, run, DONE);
        await updateJob(store, run, { message: "behind it" });
        await own.until("the next", () => own.hasMoved(run.id, revision + 1));
        expect(own.revisionsOf(run.id)).toEqual([revision, revision + 1]);
      },
    },
    {
      name: "a run whose row somebody has locked is held, the others are recorded, and it is recorded later",
      needs: ["lockRow"],
      async run(world) {
        const { store } = world;
        const [locked, free] = [await runningRun(store), await runningRun(store)];
        const release = await power(world, "lockRow")(locked.id);
        const writes = [stepWrite(locked, DONE), stepWrite(free, DONE)];
        expect(await store.workflows.record({ writes })).toMatchObject([{ kind: "held" }, { kind: "written" }]);
        expect((await loadRun(store, locked.id)).steps).toEqual([]);
        await release();
        expect(await store.workflows.record({ writes })).toMatchObject([{ kind: "written" }, { kind: "adopted" }]);
      },
    },
    {
      name: "batches over the same runs at once, in opposite orders, all come through and raise each revision",
      async run({ store, other }) {
        const runs: HeldRun[] = [];
        for (let n = 0; n < 8; n++) runs.push(await runningRun(store));
        const rounds = 12;
        const send = async (through: typeof store, order: typeof runs, name: string): Promise<void> => {
          for (let round = 0; round < rounds; round++) {
            let writes = order.map((run) => stepWrite(run, { key: `${name} ${round}`, ...DONE }));
            while (writes.length > 0) {
              const results = await through.workflows.record({ writes });
              for (const { kind } of results) expect(["written", "held"]).toContain(kind);
              writes = writes.filter((_, n) => results[n]!.kind === "held");
            }
          }
        };
        const before = await store.jobs.states({ ids: runs.map(({ id }) => id) });
        await Promise.all([send(store, runs, "a"), send(other, runs.toReversed(), "b")]);
        for (const { id, revision } of before) {
          expect((await loadRun(store, id)).steps).toHaveLength(2 * rounds);
          expect((await readState(store, id)).revision).toBe(revision + 2 * rounds);
        }
      },
    },
  ],
};
