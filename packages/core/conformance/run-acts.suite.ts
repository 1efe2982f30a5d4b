import { expect } from "./expect.ts";
import type { StepError } from "@forge-jobs/core";
import { OUTCOMES } from "./job-in.ts";
import { cancelJob, insertJob, newJob, readJob, updateJob } from "./one-job.ts";
import { childOf, insertRun, loadRun, readRun, recordStep, runningRun, startRun, suspendRun } from "./one-run.ts";
import { Recorder } from "./recorder.ts";
import type { Suite } from "./suite.ts";

const WHY: StepError = { error: "not wanted", errorName: null, publicError: "not wanted" };

/** What people do to runs of workflows, whoever has them. */
export const runActsSuite: Suite = {
  topic: "run acts",
  cases: [
    {
      name: "a run that has done something is turned round and woken, asleep or held, and the history says who wanted it",
      needs: ["notifications"],
      async run({ store, other }) {
        for (const isAsleep of [true, false]) {
          const run = await runningRun(store);
          await recordStep(store, run, { status: "completed", seq: 1, hasUndo: true });
          if (isAsleep) await suspendRun(store, run, { waitingFor: "paid" });
          const { wakes } = await loadRun(store, run.id);
          const { revision } = await readRun(store, run.id);
          const heard = await Recorder.live(other);
          expect(await store.workflows.turn({ id: run.id, why: WHY, by: "ada" })).toBe("turned");
          await heard.until("moved", () =>
            heard.hasMoved(run.id, revision + 1, { any: !other.capabilities.namedHints }),
          );
          heard.unsubscribe();
          const read = await readRun(other, run.id);
          expect(read).toMatchObject({ revision: revision + 1, undoing: { failure: WHY }, isUndone: false });
          expect(await loadRun(store, run.id)).toMatchObject({ wakes: wakes + 1, undoing: { failure: WHY } });
          const [entry] = await store.history.read({ jobIds: [run.id] });
          expect(entry).toMatchObject({ event: "cancel", by: "ada", reason: "not wanted", revision: revision + 1 });
          // Once more changes nothing.
          const why = { ...WHY, error: "again" };
          expect(await store.workflows.turn({ id: run.id, why })).toBe("turned");
          expect(await readRun(store, run.id)).toEqual(read);
          if (isAsleep) expect((await startRun(store, run)).id).toBe(run.id);
        }
      },
    },
    {
      name: "a run that sleeps and has done nothing to undo is cancelled, its children with it; one that is held is turned",
      async run({ store }) {
        const fresh = await insertRun(store);
        const asleep = await runningRun(store);
        await recordStep(store, asleep, { key: "note", status: "completed", seq: 1 });
        const child = await childOf(store, asleep);
        await suspendRun(store, asleep);
        for (const { id } of [fresh, asleep]) {
          expect(await store.workflows.turn({ id, why: WHY })).toBe("cancelled");
          expect(await readRun(store, id)).toMatchObject({ status: "cancelled", error: "not wanted", undoing: null });
        }
        expect((await readJob(store, child.id)).status).toBe("cancelled");
        const held = await runningRun(store);
        expect(await store.workflows.turn({ id: held.id, why: WHY })).toBe("turned");
      },
    },
    {
      name: "a step that is under way may be one to undo",
      async run({ store }) {
        const run = await runningRun(store);
        await recordStep(store, run, { hasUndo: true });
        await suspendRun(store, run);
        expect(await store.workflows.turn({ id: run.id, why: WHY })).toBe("turned");
      },
    },
    {
      name: "nothing is turned or skipped of runs that are being cancelled or have ended, of jobs, and of unknown ids",
      async run({ store }) {
        const ended = await runningRun(store);
        await updateJob(store, ended, { outcome: OUTCOMES.completed });
        const cancelled = await runningRun(store);
        await cancelJob(store, cancelled.id);
        expect(await store.workflows.turn({ id: cancelled.id, why: WHY })).toBe("requested");
        expect((await loadRun(store, cancelled.id)).undoing).toBe(null);
        const job = await insertJob(store);
        const before = await readJob(store, job.id);
        for (const [id, answer] of [
          [ended.id, "settled"],
          [job.id, "not_found"],
          [newJob().id, "not_found"],
        ] as const) {
          expect(await store.workflows.turn({ id, why: WHY })).toBe(answer);
          expect(await store.workflows.skip({ id, key: "a", output: null })).toBe(answer);
        }
        expect(await readJob(store, job.id)).toEqual(before);
        expect(await readRun(store, ended.id)).toMatchObject({ status: "completed", steps: [] });
      },
    },
    {
      name: "a person records the end of a step that is under way or never began, which unblocks the run and wakes it",
      async run({ store, other }) {
        const run = await runningRun(store);
        const fence = { id: run.id, claimNo: run.claimNo };
        await recordStep(store, run, { key: "done", status: "completed", seq: 1, output: "1" });
        const failure = { error: "no", errorName: null, publicError: "no" };
        await recordStep(store, run, { key: "open", ord: 2, attempt: 3, failure, hasUndo: true });
        await store.workflows.block({ run: fence, why: "stuck" });
        await suspendRun(store, run);
        const { revision, steps } = await readRun(store, run.id);
        const { wakes } = await loadRun(store, run.id);
        expect(await store.workflows.skip({ id: run.id, key: "open", output: '{"n":2}', by: "ada" })).toBe("skipped");
        expect(await store.workflows.skip({ id: run.id, key: "new", output: null })).toBe("skipped");
        expect(await store.workflows.skip({ id: run.id, key: "~done", output: null })).toBe("skipped");
        for (const key of ["done", "open", "new"]) {
          expect(await store.workflows.skip({ id: run.id, key, output: "9" })).toBe("ended");
        }
        const read = await readRun(other, run.id);
        expect(read).toMatchObject({ blocked: null, revision: revision + 3 });
        const end = { status: "completed", failure: null } as const;
        expect(read.steps).toMatchObject([
          steps[0]!,
          { ...end, key: "open", kind: "step", ord: 2, seq: 2, attempt: 3, hasUndo: true },
          { ...end, key: "new", kind: "step", ord: 3, seq: 3, attempt: 1, output: null, hasUndo: false },
          { ...end, key: "~done", kind: "undo", ord: 4, seq: 4 },
        ]);
        expect(JSON.parse(read.steps[1]!.output!)).toEqual({ n: 2 });
        expect(read.steps[1]!.startedAt).toBe(steps[1]!.startedAt);
        for (const { endedAt } of read.steps) expect(endedAt).not.toBe(null);
        expect((await loadRun(store, run.id)).wakes).toBe(wakes + 3);
        expect(await store.history.read({ jobIds: [run.id] })).toMatchObject([
          { event: "skip", by: "ada", reason: "open", revision: revision + 1 },
          { event: "skip", by: null, reason: "new" },
          { event: "skip", by: null, reason: "~done" },
        ]);
        expect((await startRun(store, run)).id).toBe(run.id);
      },
    },
    {
      name: "what a worker says of a step that a person has recorded is put aside",
      async run({ store }) {
        const run = await runningRun(store);
        await recordStep(store, run);
        expect(await store.workflows.skip({ id: run.id, key: "a", output: '"by hand"' })).toBe("skipped");
        const own = await recordStep(store, run, { status: "completed", seq: 1, output: '"own"' });
        expect(own).toMatchObject({ kind: "adopted", step: { status: "completed", output: '"by hand"' } });
      },
    },
  ],
};
