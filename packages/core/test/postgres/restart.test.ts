import { expect, it } from "vitest";
import { startPostgres } from "../../../../test/support/postgres.ts";
import { until } from "../../../../test/support/until.ts";
import { postgresStore } from "../../src/postgres/index.ts";
import { claim, COMPLETED, newJobs, openWorld, registerWorker, runUpdate } from "./postgres-world.ts";

it("goes on by itself through restarts under load, and settles every job once", async () => {
  await using postgres = await startPostgres(15, { settings: { fsync: "off" } });
  await using world = await openWorld(postgres.url);
  const { store } = world;
  const workerId = await registerWorker(store);
  const jobs = newJobs(600);
  const patiently = <T>(work: () => Promise<T>): Promise<T> =>
    until(async () => ({ value: await work() }), { what: "the server", within: 15_000 }).then(({ value }) => value);
  const settled: string[] = [];
  const inserting = (async () => {
    for (let n = 0; n < jobs.length; n += 20) {
      const batch = jobs.slice(n, n + 20);
      const results = await store.jobs.insert({ jobs: batch });
      expect(results).toEqual(batch.map(({ id }) => ({ id, created: true })));
    }
  })();
  const working = until(
    async () => {
      const runs = await patiently(() => claim(store, workerId, 7));
      // What the table says is this worker's counts, since the answer of a claim may have been lost.
      const held =
        runs.length > 0 ? runs : (await patiently(() => store.workers.beat({ workerId, leaseMs: 60_000 }))).rows;
      const updates = held.map((run) => runUpdate(run, COMPLETED));
      for (const { id, result } of await patiently(() => store.jobs.update({ updates }))) {
        if (result === "applied") settled.push(id);
      }
      return settled.length >= jobs.length;
    },
    { what: "all jobs to be settled", within: 30_000, every: 1 },
  );
  for (const mode of ["fast", "immediate"] as const) {
    const before = settled.length;
    await until(() => settled.length > before + 20, { what: "some work" });
    await postgres.restart(mode);
  }
  await Promise.all([inserting, working]);
  expect(settled.toSorted()).toEqual(jobs.map(({ id }) => id).toSorted());
  const [{ ended }] = (await store.jobs
    .list({ status: "completed", limit: 1_000 })
    .then((list) => [{ ended: list.length }])) as [{ ended: number }];
  expect(ended).toBe(jobs.length);
});

it("says UNAVAILABLE with the address while the server is down, and when to ask again", async () => {
  await using postgres = await startPostgres(18, { settings: { fsync: "off" } });
  await using world = await openWorld(postgres.url);
  await postgres.shutdown();
  const refusal = { code: "UNAVAILABLE", message: expect.stringContaining(world.store.address) as string };
  await expect(world.store.ping()).rejects.toMatchObject({ ...refusal, retryAfterMs: expect.any(Number) as number });
  await postgres.start();
  await world.store.ping();
});

it("says at its start that the server is down, without a word of the password", async () => {
  const store = postgresStore("postgres://ada:s3cr3t@127.0.0.1:1/jobs");
  const failure = store.migrate();
  await expect(failure).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining("ada@127.0.0.1:1/jobs") as string,
  });
  await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining("s3cr3t") as string });
  await store.close();
});

it("tells a wrong password and a missing database from a server that is down", async () => {
  await using postgres = await startPostgres(18, { settings: { fsync: "off" } });
  const url = new URL(postgres.url);
  url.pathname = "/no_such_database";
  const store = postgresStore(url.href);
  const began = performance.now();
  await expect(store.ping()).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringContaining("refuses this role or database (SQLSTATE 3D000)") as string,
  });
  // Nothing that waiting could mend.
  expect(performance.now() - began).toBeLessThan(2_000);
  await store.close();
});
