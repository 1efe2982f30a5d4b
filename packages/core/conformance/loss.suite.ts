import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { insertJob, keyClaim, newJob, readJob, updateJob } from "./one-job.ts";
import { heldRows, registerWorker } from "./one-worker.ts";
import type { Suite } from "./suite.ts";
import { power, type World } from "./world.ts";

const UNDER_WAY = 40;

const CUTS = 3;

/** Starts many calls, cuts the connections under them some times, and answers what became of each call. */
async function cutDuring<T>(world: World, calls: readonly (() => Promise<T>)[]): Promise<PromiseSettledResult<T>[]> {
  const cut = await power(world, "cutConnections")();
  // Connections are there already, so that the first cut meets statements.
  await Promise.all(calls.map(() => world.store.ping()));
  const under = Promise.allSettled(calls.map((call) => call()));
  for (let n = 0; n < CUTS; n++) await cut();
  const results = await under;
  for (const result of results) {
    if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "UNAVAILABLE" });
  }
  return results;
}

/** Connections that break while statements are under way, so that nobody knows whether they were done. */
export const lossSuite: Suite = {
  topic: "loss",
  cases: [
    {
      name: "a store goes on by itself after its connections were cut",
      needs: ["cutConnections"],
      async run(world) {
        const { id } = await insertJob(world.store);
        await cutDuring(world, []);
        const [first] = await Promise.allSettled([world.store.ping()]);
        if (first.status === "rejected") expect(first.reason).toMatchObject({ code: "UNAVAILABLE" });
        expect((await readJob(world.store, id)).status).toBe("pending");
      },
    },
    {
      name: "inserts that were under way are done once, or refused with UNAVAILABLE and not half done",
      needs: ["cutConnections"],
      async run(world) {
        const { store } = world;
        const batches = Array.from({ length: UNDER_WAY }, (_, n) => [
          newJob(),
          newJob({ keys: [keyClaim(`key ${n}`)] }),
        ]);
        const results = await cutDuring(
          world,
          batches.map((jobs) => () => store.jobs.insert({ jobs })),
        );
        for (const [n, jobs] of batches.entries()) {
          const ids = jobs.map(({ id }) => id);
          const found = (await store.jobs.states({ ids })).length;
          const result = results[n]!;
          if (result.status === "rejected") expect([0, ids.length]).toContain(found);
          else {
            expect(result.value).toEqual(ids.map((id) => ({ id, created: true })));
            expect(found).toBe(ids.length);
          }
        }
      },
    },
    {
      name: "outcomes that were under way settle once, some when they are sent again",
      needs: ["cutConnections"],
      async run(world) {
        const { store } = world;
        const jobs = await Promise.all(Array.from({ length: UNDER_WAY }, () => jobIn(store, "running")));
        const { revision: before } = await readJob(store, jobs[0]!.id);
        const settle = jobs.map((job) => () => updateJob(store, job, { outcome: OUTCOMES.completed }));
        await cutDuring(world, settle);
        for (const [n, { id }] of jobs.entries()) {
          expect(await settle[n]!()).toMatchObject({ result: "applied" });
          expect(await readJob(store, id)).toMatchObject({ status: "completed", revision: before + 1 });
        }
      },
    },
    {
      name: "jobs whose claim lost its answer are among the rows of the worker's next beat",
      needs: ["cutConnections"],
      async run(world) {
        const { store } = world;
        const jobs = Array.from({ length: UNDER_WAY }, () => newJob({ type: "t" }));
        await store.jobs.insert({ jobs });
        const workerId = await registerWorker(store);
        const claim = { workerId, queue: "default", types: ["t"], limit: 1, oldestFirst: false };
        const results = await cutDuring(
          world,
          jobs.map(() => () => store.jobs.claim(claim)),
        );
        const taken = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
        const held = new Set((await heldRows(store, workerId)).map(({ id }) => id));
        for (const { id } of taken) expect(held).toContain(id);
        for (const { id, status } of await store.jobs.states({ ids: jobs.map((job) => job.id) })) {
          expect(status).toBe(held.has(id) ? "claimed" : "pending");
        }
      },
    },
  ],
};
