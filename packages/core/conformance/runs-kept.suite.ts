import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { readJob, updateJob } from "./one-job.ts";
import { busyRun, childOf, keptOf, loadRun, newRun, runningRun, startRun } from "./one-run.ts";
import type { Suite } from "./suite.ts";
import { advance } from "./world.ts";

const HOUR_MS = 3_600_000;

/** For how long runs are kept, and what is left of them. */
export const runsKeptSuite: Suite = {
  topic: "runs kept",
  cases: [
    {
      name: "a failed run is no dead letter: no sweep moves it, no list holds it, no search finds it",
      async run(world) {
        const { store } = world;
        const keep = JSON.stringify({ keep: { deadMs: 0 } });
        const runs = [await runningRun(store), await runningRun(store, { overrides: keep }), await runningRun(store)];
        const child = await runningRun(store);
        for (const run of [...runs.slice(0, 2), child]) {
          const wakes = run === child ? { wakes: runs[2]!.id } : {};
          await updateJob(store, run, { outcome: OUTCOMES.failed, ...wakes });
        }
        await updateJob(store, runs[2]!, { outcome: OUTCOMES.dead_letter });
        const job = await jobIn(store, "failed");
        advance(world, 1_000 * HOUR_MS);
        expect(await store.sweeps.deadLetter({ afterMs: HOUR_MS, limit: 100 })).toBe(1);
        for (const { id } of [...runs.slice(0, 2), child]) expect((await readJob(store, id)).status).toBe("failed");
        expect((await store.ended.deadLetters({ limit: 100 })).map(({ id }) => id)).toEqual([job.id]);
        expect((await store.ended.findDead({ limit: 100 })).ids).toEqual([job.id]);
      },
    },
    {
      name: "a deleted run leaves nothing behind, and its neighbours keep what is theirs",
      async run(world) {
        const { store } = world;
        const [run, neighbour] = [await busyRun(store), await busyRun(store)];
        for (const one of [run, neighbour]) await updateJob(store, one, { outcome: OUTCOMES.completed });
        expect(await store.ended.delete({ ids: [run.id, (await jobIn(store, "completed")).id] })).toEqual([
          "deleted",
          "deleted",
        ]);
        expect(await store.workflows.get({ ids: [run.id] })).toEqual([]);
        expect(await keptOf(world)).toEqual({ runs: 1, steps: 1, signals: 1 });
        await store.ended.delete({ ids: [neighbour.id] });
        expect(await keptOf(world)).toEqual({ runs: 0, steps: 0, signals: 0 });
      },
    },
    {
      name: "retention deletes with a run what it recorded, and spares the children of one that lives",
      async run(world) {
        const { store } = world;
        const [usual, own, alive] = [
          await busyRun(store),
          await busyRun(store, { overrides: JSON.stringify({ keep: { endedMs: HOUR_MS } }) }),
          await runningRun(store),
        ];
        const child = await startRun(store, await childOf(store, alive, newRun()));
        for (const run of [usual, own]) await updateJob(store, run, { outcome: OUTCOMES.completed });
        await updateJob(store, child, { outcome: OUTCOMES.completed, wakes: alive.id });
        advance(world, 2 * HOUR_MS);
        const upTo = "ffffffff-ffff-ffff-ffff-ffffffffffff";
        const sweep = { status: "completed", olderThanMs: HOUR_MS, upTo, limit: 100 } as const;
        expect((await store.sweeps.retain(sweep)).deleted).toBe(1);
        await store.sweeps.expired({ limit: 100 });
        expect((await keptOf(world)).runs).toBe(2);
        expect((await loadRun(store, alive.id)).ended).toMatchObject([{ id: child.id, status: "completed" }]);
        await updateJob(store, alive, { outcome: OUTCOMES.completed });
        advance(world, 2 * HOUR_MS);
        expect((await store.sweeps.retain(sweep)).deleted).toBe(2);
        expect(await keptOf(world)).toEqual({ runs: 0, steps: 0, signals: 0 });
      },
    },
  ],
};
