import { expect, test } from "vitest";
import { sqliteStore } from "../../src/sqlite/index.ts";
import { insertJob, known } from "./sqlite-world.ts";

test("a store in memory works and is its own", async () => {
  const [store, other] = [sqliteStore(":memory:"), sqliteStore(":memory:")];
  await Promise.all([store.migrate(), other.migrate()]);
  const job = await insertJob(store);
  expect(await known(store, [job])).toEqual([job.id]);
  expect(await known(other, [job])).toEqual([]);
  const worker = { host: "h", bootId: "b", pidNamespace: "n", pid: 1, processStart: "s" };
  await store.workers.register({ workerId: "w", leaseMs: 60_000, process: worker });
  const claim = { workerId: "w", queue: "default", types: ["t"], limit: 10, oldestFirst: false };
  expect(await store.jobs.claim(claim)).toMatchObject([{ id: job.id }]);
  expect(await store.workers.beat({ workerId: "w", leaseMs: 60_000 })).toMatchObject({ rows: [{ id: job.id }] });
  expect(await store.jobs.list({ limit: 10 })).toHaveLength(1);
  await store.ping();
  expect((await store.identity()).epoch).not.toBe((await other.identity()).epoch);
  await Promise.all([store.close(), other.close()]);
});
