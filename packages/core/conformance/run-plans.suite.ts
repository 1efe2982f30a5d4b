import type { Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { claimJobs, runUpdate } from "./one-job.ts";
import { type HeldRun, loadRun, newRun, newSignal, sendSignal, stepWrite } from "./one-run.ts";
import { registerWorker } from "./one-worker.ts";
import type { Suite } from "./suite.ts";
import { power } from "./world.ts";

const OTHERS = 2_000;
const SOME = 50;
const BATCH = 1_000;

/** Runs of one workflow that a worker has started. */
async function startMany(store: Store, count: number): Promise<HeldRun[]> {
  const { type } = newRun();
  const workerId = await registerWorker(store);
  const runs: HeldRun[] = [];
  for (let left = count; left > 0; left -= BATCH) {
    await store.jobs.insert({ jobs: Array.from({ length: Math.min(left, BATCH) }, () => newRun({ type })) });
    const claimed = await claimJobs(store, { types: [type], limit: BATCH, workerId });
    await store.jobs.update({ updates: claimed.map((run) => runUpdate(run, { started: true })) });
    runs.push(...claimed.map((run) => ({ ...run, workerId })));
  }
  return runs;
}

async function recordMany(store: Store, runs: readonly HeldRun[], count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    await store.workflows.record({ writes: runs.map((run) => stepWrite(run, { key: `step ${n}`, ord: n + 1 })) });
  }
}

/** What verbs over runs cost: the rows they are about, whatever else lies in the tables. */
export const runPlansSuite: Suite = {
  topic: "run plans",
  cases: [
    {
      name: "loading a run of 1,000 steps reads each of them once, and no others",
      needs: ["probe"],
      async run(world) {
        const { store, reads, vacuum } = await power(world, "probe")();
        const [run] = await startMany(store, 1);
        await vacuum("steps");
        const writes = Array.from({ length: 1_000 }, (_, n) => stepWrite(run!, { key: `step ${n}`, ord: n + 1 }));
        await store.workflows.record({ writes });
        await recordMany(store, await startMany(store, 500), 4);
        for (const statistics of ["of the time before", "of now"]) {
          const load = async (): Promise<void> => expect((await loadRun(store, run!.id)).steps).toHaveLength(1_000);
          expect((await reads(load, "steps")).rows, `steps, statistics ${statistics}`).toBeLessThanOrEqual(1_000);
          expect((await reads(load)).rows, `rows, statistics ${statistics}`).toBeLessThanOrEqual(2);
          await vacuum("steps");
          await vacuum();
        }
      },
    },
    {
      name: "recording steps, signals, sleeps and ends of children read the rows they are about, and no others",
      needs: ["probe"],
      async run(world) {
        const { store, reads, vacuum } = await power(world, "probe")();
        // Statistics of an idle hour.
        for (const table of ["live", "steps", "signals"] as const) await vacuum(table);
        const others = await startMany(store, OTHERS);
        await recordMany(store, others, 2);
        await store.workflows.signal({ signals: others.map(({ id }) => newSignal(id)) });
        for (const statistics of ["of the time before", "of now"]) {
          const runs = await startMany(store, SOME);
          const children = await startMany(store, SOME);
          const signals = runs.map(({ id }) => newSignal(id));
          const write = (says: Parameters<typeof stepWrite>[1]) => () =>
            store.workflows.record({
              writes: runs.map((run, n) => {
                const { name, signalId } = signals[n]!;
                return stepWrite(run, { key: "event", kind: "event", signal: { name, signalId }, ...says });
              }),
            });
          const asleep = { kind: "suspended", wakes: 0, dueAt: null, waitingFor: "event" } as const;
          const ended = { kind: "completed", output: null } as const;
          const verbs: readonly (readonly [string, () => Promise<unknown>])[] = [
            ["a signal to each", () => store.workflows.signal({ signals })],
            ["a step of each", write({})],
            ["the end of a step of each", write({ status: "completed", seq: 1 })],
            ["an adopted step of each", write({ status: "completed", seq: 1 })],
            [
              "the end of a child of each",
              () =>
                store.jobs.update({
                  updates: children.map((run, n) => runUpdate(run, { outcome: ended, wakes: runs[n]!.id })),
                }),
            ],
            ["states of all", () => store.workflows.states({ ids: runs.map(({ id }) => id) })],
            [
              "a sleep of each",
              () => store.jobs.update({ updates: runs.map((run) => runUpdate(run, { outcome: asleep })) }),
            ],
            ["another signal to each", () => store.workflows.signal({ signals: runs.map(({ id }) => newSignal(id)) })],
          ];
          for (const [name, verb] of verbs) {
            // Of each run, and of its child: a look, a lock and a write.
            expect((await reads(verb)).rows, `${name}, statistics ${statistics}`).toBeLessThanOrEqual(6 * SOME);
          }
          const [run] = runs;
          const one = await reads(() => sendSignal(store, run!.id));
          expect(one.rows, `one signal, statistics ${statistics}`).toBeLessThanOrEqual(3);
          const known = await reads(() => store.workflows.signal({ signals }), "signals");
          expect(known.rows, `known signals, statistics ${statistics}`).toBeLessThanOrEqual(4 * SOME);
          expect((await reads(write({ key: "late" }), "steps")).rows).toBeLessThanOrEqual(3 * SOME);
          for (const table of ["live", "steps", "signals"] as const) await vacuum(table);
        }
      },
    },
  ],
};
