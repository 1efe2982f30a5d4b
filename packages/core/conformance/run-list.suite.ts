import { expect } from "./expect.ts";
import type { RunQuery, Store } from "@forge-jobs/core";
import { OUTCOMES } from "./job-in.ts";
import { cancelJob, insertJob, newJob, updateJob } from "./one-job.ts";
import { childOf, insertRun, newRun, recordStep, runningRun, sleepingRun } from "./one-run.ts";
import type { Suite } from "./suite.ts";
import { advance } from "./world.ts";

const HOUR_MS = 3_600_000;

const idsOf = async (store: Store, query: Partial<RunQuery> = {}): Promise<string[]> =>
  (await store.workflows.list({ unserved: [], limit: 100, ...query })).map(({ id }) => id);

/** Lists of runs: filters, and pages that neither lose nor repeat a run. */
export const runListSuite: Suite = {
  topic: "run list",
  cases: [
    {
      name: "runs are found, and no jobs, the newest first, alive and ended in one order",
      async run({ store }) {
        expect(await idsOf(store)).toEqual([]);
        const made: string[] = [];
        for (const isEnded of [false, true, false, true]) {
          await insertJob(store);
          const run = await runningRun(store);
          if (isEnded) await updateJob(store, run, { outcome: OUTCOMES.completed });
          made.push(run.id);
        }
        expect(await idsOf(store)).toEqual(made.toReversed());
        expect(await store.workflows.list({ unserved: [], limit: 1 })).toEqual([{ id: made[3], isUnserved: false }]);
      },
    },
    {
      name: "pages neither lose nor repeat a run, though runs end and begin between them",
      async run({ store }) {
        const runs = [];
        for (let n = 0; n < 7; n++) runs.push(await runningRun(store));
        const found: string[] = [];
        for (;;) {
          const before = found.at(-1);
          const page = await idsOf(store, { limit: 2, ...(before !== undefined && { before }) });
          found.push(...page);
          if (page.length < 2) break;
          await insertRun(store);
          await updateJob(
            store,
            runs.find(({ id }) => id === page[1])!,
            { outcome: OUTCOMES.completed },
          );
        }
        expect(found).toEqual(runs.map(({ id }) => id).toReversed());
      },
    },
    {
      name: "each filter lets pass what it says, and all of them together",
      async run({ store }) {
        const one = await insertRun(store, { type: "ship@1", owner: "ada" });
        const two = await insertRun(store, { type: "ship@12", owner: "bob" });
        const three = await insertRun(store, { type: "ship_more@1", owner: "ada" });
        const parent = await runningRun(store);
        const child = await childOf(store, parent, newRun());
        await childOf(store, parent);
        expect(await idsOf(store, { workflow: "ship" })).toEqual([two.id, one.id]);
        expect(await idsOf(store, { workflow: "ship", version: 1 })).toEqual([one.id]);
        expect(await idsOf(store, { version: 12 })).toEqual([two.id]);
        expect(await idsOf(store, { owner: "ada" })).toEqual([three.id, one.id]);
        expect(await idsOf(store, { parent: parent.id })).toEqual([child.id]);
        const all = { workflow: "ship", version: 12, owner: "bob", status: "created" } as const;
        expect(await idsOf(store, all)).toEqual([two.id]);
        expect(await idsOf(store, { ...all, before: two.id })).toEqual([]);
        expect(await idsOf(store, { parent: newJob().id })).toEqual([]);
      },
    },
    {
      name: "runs are found by the status that people see",
      async run({ store }) {
        const undoing = await runningRun(store);
        await recordStep(store, undoing, { status: "completed", seq: 1, hasUndo: true });
        const why = { error: "no", errorName: null, publicError: "no" };
        expect(await store.workflows.turn({ id: undoing.id, why })).toBe("turned");
        const cancelled = await insertRun(store);
        await cancelJob(store, cancelled.id);
        const ended = [];
        for (const kind of ["completed", "failed", "compensated"] as const) {
          const run = await runningRun(store);
          await updateJob(store, run, { outcome: OUTCOMES[kind] });
          ended.push(run);
        }
        const found = {
          created: await insertRun(store),
          running: await runningRun(store),
          waiting: await sleepingRun(store, { waitingFor: "paid" }),
          compensating: undoing,
          completed: ended[0]!,
          failed: ended[1]!,
          compensated: ended[2]!,
          cancelled,
        };
        for (const [status, { id }] of Object.entries(found)) {
          expect(await idsOf(store, { status: status as keyof typeof found })).toEqual([id]);
        }
      },
    },
    {
      name: "blocked are runs that say so, and those that are due and unserved, until they end",
      async run(world) {
        const { store } = world;
        const stuck = await runningRun(store);
        await store.workflows.block({ run: { id: stuck.id, claimNo: stuck.claimNo }, why: "no undo" });
        const due = await insertRun(store, { type: "ship@3", queue: "q" });
        const later = await insertRun(store, { type: "ship@3", queue: "q", due: { delayMs: HOUR_MS } });
        await insertRun(store, { type: "ship@4", queue: "q" });
        await insertRun(store, { type: "ship@3" });
        const held = await runningRun(store, { type: "ship@5", queue: "q" });
        const unserved = ["ship@3", "ship@5"].map((type) => ({ queue: "q", type }));
        const list = (): Promise<unknown> => store.workflows.list({ blocked: true, unserved, limit: 10 });
        expect(await list()).toEqual([
          { id: due.id, isUnserved: true },
          { id: stuck.id, isUnserved: false },
        ]);
        const all = await store.workflows.list({ unserved, limit: 10 });
        expect(all.flatMap(({ id, isUnserved }) => (isUnserved ? [id] : []))).toEqual([due.id]);
        expect(all.map(({ id }) => id)).toContain(held.id);
        expect(await idsOf(store, { blocked: true })).toEqual([stuck.id]);
        advance(world, 2 * HOUR_MS);
        await updateJob(store, stuck, { outcome: OUTCOMES.failed });
        expect(await list()).toEqual([
          { id: later.id, isUnserved: true },
          { id: due.id, isUnserved: true },
        ]);
      },
    },
  ],
};
