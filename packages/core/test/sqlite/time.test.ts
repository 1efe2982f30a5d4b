import { expect, test } from "vitest";
import type { Store } from "../../src/store.ts";
import { insertJob, sqliteWorld } from "./sqlite-world.ts";

const HOUR_MS = 3_600_000;

async function now(store: Store): Promise<number> {
  const { id } = await insertJob(store);
  return (await store.jobs.get({ ids: [id] }))[0]!.createdAt;
}

test("when the clock is set back, time goes on forwards", async () => {
  await using world = await sqliteWorld();
  const before = await now(world.store);
  world.clock.offsetMs -= HOUR_MS;
  const after = await now(world.store);
  expect(after).toBeGreaterThanOrEqual(before);
  expect(after).toBeLessThan(before + HOUR_MS / 2);
  const start = await now(world.store);
  const waited = performance.now();
  while (performance.now() - waited < 40) await now(world.store);
  // Half speed: delays still run out, and the host's clock catches up.
  expect((await now(world.store)) - start).toBeGreaterThanOrEqual(15);
});

test("when the clock is set back between two runs, time goes on from the last beat", async () => {
  await using world = await sqliteWorld();
  const worker = { host: "h", bootId: "b", pidNamespace: "n", pid: 1, processStart: "s" };
  await world.store.workers.register({ workerId: "w", leaseMs: 60_000, process: worker });
  await world.store.workers.beat({ workerId: "w", leaseMs: 60_000 });
  const before = await now(world.store);
  const restarted = world.openStore({ offsetMs: -HOUR_MS });
  await restarted.checkSchema();
  expect(await now(restarted)).toBeGreaterThan(before - HOUR_MS / 2);
});
