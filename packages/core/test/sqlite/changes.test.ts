import { expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import type { Store } from "../../src/store.ts";
import { insertJob, newJob, sqliteWorld } from "./sqlite-world.ts";

/** Counts what a store tells: hints by name, and `any`. */
function listen(store: Store): { named: number; any: number; live: boolean[]; stop: () => void } {
  const heard = { named: 0, any: 0, live: [] as boolean[], stop: () => {} };
  heard.stop = store.changes.subscribe({
    onMoved: (hints, origin) => {
      expect(origin).toBe(hints === "any" ? "foreign" : "own");
      if (hints === "any") heard.any++;
      else heard.named += hints.length;
    },
    onAvailable: () => {},
    onLive: (live) => heard.live.push(live),
  });
  return heard;
}

test("own commits are told by name and never as any", async () => {
  await using world = await sqliteWorld();
  const heard = listen(world.store);
  const others = listen(world.openStore());
  for (let n = 1; n <= 5; n++) {
    await insertJob(world.store);
    // By then this store has polled too.
    await until(() => others.any >= n, { what: "a change that is foreign to the other store" });
  }
  world.openHandle().exec("UPDATE forge_live SET message = 'from outside'");
  await until(() => heard.any > 0, { what: "a foreign change" });
  expect(heard).toMatchObject({ named: 5, any: 1, live: [true] });
});

test("an insert in the application's transaction is told once that commits", async () => {
  await using world = await sqliteWorld();
  const heard = listen(world.store);
  const handle = world.openHandle();
  handle.exec("BEGIN IMMEDIATE");
  await world.store.jobs.insert({ jobs: [newJob()], tx: handle });
  expect(heard).toMatchObject({ named: 0, any: 0 });
  handle.exec("COMMIT");
  await until(() => heard.any > 0, { what: "a foreign change" });
  expect(heard.named).toBe(0);
});

test("what happened while nobody listened is not told later", async () => {
  await using world = await sqliteWorld();
  listen(world.store).stop();
  await insertJob(world.openStore());
  const heard = listen(world.store);
  await insertJob(world.store);
  expect(heard.any).toBe(0);
  world.openHandle().exec("UPDATE forge_live SET message = 'from outside'");
  await until(() => heard.any > 0, { what: "a foreign change" });
  expect(heard).toMatchObject({ named: 1, any: 1 });
});
