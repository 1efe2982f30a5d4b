import { expect } from "./expect.ts";
import { readJob, readState } from "./one-job.ts";
import { loadRun, recordStep, runningRun, stepWrite } from "./one-run.ts";
import { Recorder } from "./recorder.ts";
import { DONE, stepOf } from "./steps.suite.ts";
import type { Suite } from "./suite.ts";

/** Steps that are recorded inside a transaction of the user's. */
export const recordInSuite: Suite = {
  topic: "record-in",
  cases: [
    {
      name: "a step recorded in a transaction is there once that commits, and not before",
      async run({ store, other, begin }) {
        const run = await runningRun(store);
        const before = await readState(store, run.id);
        const { tx, commit } = await begin();
        const result = await store.workflows.recordIn({ write: stepWrite(run, DONE), tx });
        expect(result).toMatchObject({ kind: "written", cancelRequested: false, step: DONE });
        expect((await loadRun(other, run.id)).steps).toEqual([]);
        expect(await readState(other, run.id)).toEqual(before);
        await commit();
        expect((await loadRun(other, run.id)).steps).toEqual([stepOf(result)]);
        expect((await readState(other, run.id)).revision).toBe(before.revision + 1);
        expect(await recordStep(store, run, DONE)).toEqual({ ...result, kind: "adopted" });
      },
    },
    {
      name: "of a step whose transaction rolls back nothing is left, and it is recorded anew",
      async run({ store, begin }) {
        const run = await runningRun(store);
        const before = await readJob(store, run.id);
        const { tx, rollback } = await begin();
        expect(await store.workflows.recordIn({ write: stepWrite(run, DONE), tx })).toMatchObject({ kind: "written" });
        await rollback();
        expect(await readJob(store, run.id)).toEqual(before);
        expect((await loadRun(store, run.id)).steps).toEqual([]);
        expect(await recordStep(store, run, { ...DONE, output: "2" })).toMatchObject({ kind: "written" });
      },
    },
    {
      name: "in a transaction a recorded end is adopted, and a stale run records nothing",
      async run({ store, begin }) {
        const run = await runningRun(store);
        const done = await recordStep(store, run, DONE);
        const before = await readJob(store, run.id);
        const { tx, commit } = await begin();
        const again = stepWrite(run, { ...DONE, output: "2" });
        expect(await store.workflows.recordIn({ write: again, tx })).toEqual({ ...done, kind: "adopted" });
        const stale = stepWrite({ id: run.id, claimNo: run.claimNo + 1 }, { key: "b" });
        expect(await store.workflows.recordIn({ write: stale, tx })).toEqual({ kind: "stale" });
        await commit();
        expect(await readJob(store, run.id)).toEqual(before);
      },
    },
    {
      name: "nothing is heard of a step in a transaction until that commits",
      needs: ["notifications"],
      async run({ store, begin }) {
        const run = await runningRun(store);
        const { revision } = await readState(store, run.id);
        const own = await Recorder.live(store);
        const { tx, commit } = await begin();
        await store.workflows.recordIn({ write: stepWrite(run, DONE), tx });
        const any = !store.capabilities.namedHints;
        expect(own.hasMoved(run.id, revision + 1, { any })).toBe(false);
        await commit();
        await own.until("the step", () => own.hasMoved(run.id, revision + 1, { any }));
      },
    },
    {
      name: "while the transaction is open its run is held, and its neighbours are not",
      needs: ["concurrentWriters"],
      async run({ store, begin }) {
        const [run, neighbour] = [await runningRun(store), await runningRun(store)];
        const { tx, commit } = await begin();
        await store.workflows.recordIn({ write: stepWrite(run, DONE), tx });
        const writes = [stepWrite(run, { key: "b", ord: 2 }), stepWrite(neighbour)];
        expect(await store.workflows.record({ writes })).toMatchObject([{ kind: "held" }, { kind: "written" }]);
        await commit();
        expect(await store.workflows.record({ writes: writes.slice(0, 1) })).toMatchObject([{ kind: "written" }]);
      },
    },
  ],
};
