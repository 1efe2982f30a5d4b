import { expect, test } from "vitest";
import { insertJob, keyClaim, known, newJob, sqliteWorld } from "./sqlite-world.ts";

test("calls of one turn share a commit, and each gets its own answer", async () => {
  await using world = await sqliteWorld();
  const commits: number[] = [];
  world.store.changes.subscribe({
    onMoved: (hints) => commits.push(hints.length),
    onAvailable: () => {},
    onLive: () => {},
  });
  const jobs = Array.from({ length: 50 }, () => newJob());
  const answers = await Promise.all(
    jobs.map(async (job, n) => {
      // As calls come from code that awaits this and that.
      for (let step = 0; step < n; step++) await Promise.resolve();
      return world.store.jobs.insert({ jobs: [job] });
    }),
  );
  expect(answers.flat()).toEqual(jobs.map(({ id }) => ({ id, created: true })));
  // One, unless the machine takes the process away for longer than a slice lasts.
  expect(commits.reduce((sum, moved) => sum + moved, 0)).toBe(50);
  expect(commits.length).toBeLessThan(10);
});

test("a call that is refused leaves the other calls of its commit alone", async () => {
  await using world = await sqliteWorld();
  const { store } = world;
  const taken = await insertJob(store);
  const before = newJob();
  const after = newJob();
  const lost = newJob({ keys: [keyClaim("k")] });
  const heard: string[] = [];
  store.changes.subscribe({
    onMoved: (hints) => heard.push(...(hints === "any" ? ["any"] : hints.map(({ id }) => id))),
    onAvailable: () => {},
    onLive: () => {},
  });
  const results = await Promise.allSettled([
    store.jobs.insert({ jobs: [before] }),
    store.jobs.insert({ jobs: [lost, taken] }),
    store.jobs.insert({ jobs: [after] }),
    store.jobs.insert({ jobs: [newJob({ id: taken.id })] }),
    store.jobs.cancel({ ids: [taken.id], reason: "not wanted" }),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"]);
  expect(results[1]).toMatchObject({ reason: { code: "BAD_REQUEST" } });
  expect(await known(store, [before, lost, after])).toEqual([before.id, after.id].toSorted());
  // Each change is told once, and what was taken back is not told.
  expect(heard).toEqual([before.id, after.id, taken.id]);
  const next = newJob({ keys: [keyClaim("k")] });
  expect(await store.jobs.insert({ jobs: [next] })).toEqual([{ id: next.id, created: true }]);
});

test("a backlog is written in slices, between which other work goes on", async () => {
  await using world = await sqliteWorld();
  let commits = 0;
  world.store.changes.subscribe({ onMoved: () => commits++, onAvailable: () => {}, onLive: () => {} });
  const batches = Array.from({ length: 30 }, () => Array.from({ length: 1_000 }, () => newJob()));
  await Promise.all(batches.map((jobs) => world.store.jobs.insert({ jobs })));
  expect(commits).toBeGreaterThan(3);
});

test("closing answers what was asked before", async () => {
  await using world = await sqliteWorld();
  const other = world.openStore();
  const job = newJob();
  const inserted = other.jobs.insert({ jobs: [job] });
  await other.close();
  expect(await inserted).toEqual([{ id: job.id, created: true }]);
  expect(await known(world.store, [job])).toEqual([job.id]);
});
