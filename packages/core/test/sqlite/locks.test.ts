import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { insertJob, known, newJob, sqliteWorld } from "./sqlite-world.ts";

test("a transaction of this thread, open across an await, delays writes and blocks nothing", async () => {
  await using world = await sqliteWorld();
  const { store } = world;
  const before = await insertJob(store);
  const handle = world.openHandle();
  handle.exec("BEGIN IMMEDIATE");
  const job = newJob();
  let isWritten = false;
  const written = store.jobs.insert({ jobs: [job] }).then(() => (isWritten = true));
  // Timers fire one after the other; a write that waits inside SQLite would hold each of them up for as long.
  for (let ticks = 0; ticks < 20; ticks++) await sleep(2);
  expect(isWritten).toBe(false);
  expect(await known(store, [before, job])).toEqual([before.id]);
  handle.exec("COMMIT");
  await written;
  expect(await known(store, [job])).toEqual([job.id]);
});

test("a store is opened, and reads, while a transaction is open", async () => {
  await using world = await sqliteWorld();
  const job = await insertJob(world.store);
  const handle = world.openHandle();
  handle.exec("BEGIN IMMEDIATE");
  const other = world.openStore();
  await other.checkSchema();
  expect(await known(other, [job])).toEqual([job.id]);
  handle.exec("ROLLBACK");
});

test("writes that met a lock keep their order", async () => {
  await using world = await sqliteWorld();
  const { store } = world;
  const job = await insertJob(store);
  const handle = world.openHandle();
  handle.exec("BEGIN IMMEDIATE");
  const cancelled = store.jobs.cancel({ ids: [job.id], reason: "first" });
  // Real time is meant: the first has met the lock, and waits to try again.
  await sleep(20);
  const retried = store.jobs.retry({ ids: [job.id] });
  handle.exec("COMMIT");
  expect(await cancelled).toEqual(["cancelled"]);
  expect(await retried).toEqual(["retried"]);
});

test("a lock that is never let go is an error after 5 s, and only for the calls that met it so long ago", async () => {
  await using world = await sqliteWorld();
  const { store } = world;
  const handle = world.openHandle();
  handle.exec("BEGIN IMMEDIATE");
  const early = store.jobs.insert({ jobs: [newJob()] });
  const late = sleep(2_500).then(() => store.jobs.insert({ jobs: [newJob()] }));
  await expect(early).rejects.toMatchObject({ code: "UNAVAILABLE", retryAfterMs: expect.any(Number) });
  handle.exec("COMMIT");
  expect(await late).toMatchObject([{ created: true }]);
});
