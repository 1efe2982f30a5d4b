import { postgresStore } from "@forge-jobs/core/postgres";
import { createForge } from "@forge-jobs/core";
import { expect, inject, test } from "vitest";
import { createDatabase } from "../../../test/support/database.ts";
import { startPostgres } from "../../../test/support/postgres.ts";
import { puppet } from "./support/puppet.ts";
import { openWorld } from "./support/world.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

test.for([15, 18] as const)("PostgreSQL %s: a job that another process runs is watched to its end", async (version) => {
  await using database = await createDatabase(inject("postgres")[version]);
  const work = puppet();
  await using world = await openWorld({
    jobs: [work.job],
    worker: false,
    store: () => postgresStore(database.url),
    gateway: { backstop: "60s" },
  });
  const worker = createForge({ store: postgresStore(database.url), jobs: [work.job], logger: silent });
  await worker.start();
  try {
    const { jobId } = (await world.call("/rpc/puppet", { body: { args: { n: 1 } } })).data as { jobId: string };
    const stream = await world.stream(`/events?v=1&job=${jobId}`);
    const run = await work.run(jobId);
    for (let n = 10; n < 100; n += 10) {
      run.ctx.progress(n);
      await stream.next("job", ({ progress }) => progress === n);
    }
    run.finish({ count: 2 });
    expect(await stream.next("job", ({ status }) => status === "completed")).toMatchObject({ output: { count: 2 } });
    const revisions = stream.states(jobId).map(({ revision }) => revision);
    expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
    expect(world.app.forgeGateway.stats().backstopFinds).toBe(0);
  } finally {
    await worker.stop({ timeout: "0ms" });
  }
});

test("while PostgreSQL is gone streams stay open and stale, requests answer UNAVAILABLE, and both recover", async () => {
  await using server = await startPostgres(18, { settings: { fsync: "off" } });
  const database = await createDatabase(server.url);
  const work = puppet();
  await using world = await openWorld({
    jobs: [work.job],
    store: () => postgresStore(database.url),
    gateway: { backstop: "60s", poll: "200ms" },
    timings: { recoverMs: 50 },
  });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  await stream.next("job", ({ status }) => status === "running");

  await server.shutdown("immediate");
  expect(await stream.next("status")).toEqual({ stale: true });
  const requests = [
    ["/rpc/puppet", { body: { args: 1 } }],
    [`/jobs/${jobId}`, {}],
    [`/jobs/${jobId}/cancel`, { body: {} }],
    [`/events?v=1&job=${jobId}`, {}],
    ["/poll", { body: { watch: [{ id: jobId, revision: 0 }] } }],
    ["/ready", {}],
  ] as const;
  const answers = await Promise.all(
    requests.map(async ([path, options]) => [path, await world.call(path, options)] as const),
  );
  for (const [path, { status, headers, result, text }] of answers) {
    expect([path, status, result]).toMatchObject([
      path,
      503,
      { success: false, error: { code: "UNAVAILABLE", retryAfterMs: expect.any(Number) } },
    ]);
    expect(headers.get("retry-after")).toMatch(/^\d+$/);
    expect(text).not.toMatch(/127\.0\.0\.1|ECONN|terminat|postgres/i);
  }
  expect((await world.call("/health")).status).toBe(200);
  const idle = await world.stream();
  expect(await idle.next("status")).toEqual({ stale: true });
  run.finish("while it was gone");

  await server.start();
  expect(await stream.next("status")).toEqual({ stale: false });
  expect(await idle.next("status")).toEqual({ stale: false });
  expect(await stream.next("job", ({ status }) => status === "completed")).toMatchObject({
    output: "while it was gone",
  });
  expect((await world.call("/ready")).status).toBe(200);
  expect(stream.events.filter(({ event }) => event === "goaway")).toEqual([]);
}, 60_000);
