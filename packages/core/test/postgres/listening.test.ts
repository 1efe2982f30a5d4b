import { once } from "node:events";
import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { expect, inject, it, vi } from "vitest";
import { startPostgres } from "../../../../test/support/postgres.ts";
import { until } from "../../../../test/support/until.ts";
import type { Store } from "../../src/store.ts";
import { openPooler } from "./pooler.ts";
import { claim, type Heard, listen, newJob, newJobs, openWorld, registerWorker, runUpdate } from "./postgres-world.ts";

const server = inject("postgres")[18];

async function live(store: Store): Promise<Heard> {
  const heard = listen(store);
  await until(() => heard.words.includes("live"), { what: "notifications" });
  return heard;
}

const heardOf = ({ words }: Heard, word: string): Promise<unknown> =>
  until(() => words.includes(word), { what: `"${word}"` });

it("looks at everything once it hears, and says then that it does", async () => {
  await using world = await openWorld(server);
  expect((await live(world.store)).words).toEqual(["available any", "moved any", "live"]);
});

it("tells a listener that comes later at once that it hears", async () => {
  await using world = await openWorld(server);
  await live(world.store);
  const later = listen(world.store);
  await heardOf(later, "live");
  expect(later.words).toEqual(["live"]);
});

it("hears what others move from the first listener on that wants to, and cancel requests without one", async () => {
  await using world = await openWorld(server);
  const words: string[] = [];
  world.store.changes.subscribe({
    onAvailable: () => {},
    onCancelRequests: (hints) =>
      words.push(hints === "any" ? "cancel any" : `cancel ${hints.map(({ id }) => id).join()}`),
    onLive: () => void words.push("live"),
  });
  await until(() => words.includes("live"), { what: "notifications" });
  const listening = await world.sql(
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE '%forge_job_updates%' AND pid <> pg_backend_pid()",
  );
  expect(listening).toEqual([{ n: 0 }]);
  const other = world.open();
  const workerId = await registerWorker(other);
  await other.jobs.insert({ jobs: newJobs(2) });
  const [run, second] = await claim(other, workerId);
  await other.jobs.update({ updates: [runUpdate(run!, { started: true }), runUpdate(second!, { started: true })] });
  await other.jobs.cancel({ ids: [run!.id], reason: "enough" });
  await until(() => words.includes(`cancel ${run!.id}`), { what: "the request" });
  expect(words).toEqual(["cancel any", "live", `cancel ${run!.id}`]);
  const heard = await live(world.store);
  expect(heard.words).toEqual(["moved any", "live"]);
  await other.jobs.update({ updates: [runUpdate(second!, { progress: 1 })] });
  await heardOf(heard, `foreign moved ${second!.id} 4`);
});

it("hears its own changes once, and not again from the database", async () => {
  await using world = await openWorld(server);
  const [own, other] = [await live(world.store), await live(world.open())];
  await world.store.jobs.insert({ jobs: [newJob({ queue: "one" })] });
  await heardOf(other, "available one");
  // Sent after it on another connection, so an echo of the first would have arrived.
  await world.sql("SELECT pg_notify('forge_jobs_available', 'two')");
  await heardOf(own, "available two");
  expect(own.words.filter((word) => word === "available one")).toHaveLength(1);
});

it("hears of every job of a large claim", async () => {
  await using world = await openWorld(server);
  const workerId = await registerWorker(world.store);
  await world.store.jobs.insert({ jobs: newJobs(500) });
  const other = await live(world.open());
  const runs = await claim(world.store, workerId, 500);
  expect(runs).toHaveLength(500);
  for (const { id, revision } of runs) await heardOf(other, `foreign moved ${id} ${revision}`);
});

it("takes a notification that names a job for a hint, whoever sent it, and passes over others", async () => {
  await using world = await openWorld(server);
  const heard = await live(world.store);
  const id = uuidv7();
  for (const payload of ["nonsense", "", JSON.stringify({ job_id: id, revision: 9, by: "a trigger" })]) {
    await world.sql("SELECT pg_notify('forge_job_updates', $1)", [payload]);
  }
  await heardOf(heard, `foreign moved ${id} 9`);
  expect(heard.words.filter((word) => word.includes("moved"))).toEqual(["moved any", `foreign moved ${id} 9`]);
});

it("takes an empty name of a queue for any queue", async () => {
  await using world = await openWorld(server);
  const heard = await live(world.store);
  const before = heard.words.length;
  await world.sql("SELECT pg_notify('forge_jobs_available', '')");
  await until(() => heard.words.length > before, { what: "a hint" });
  expect(heard.words.slice(before)).toEqual(["available any"]);
});

it("tells in a caller's transaction of its queues and jobs, in as many notifications as it takes", async () => {
  await using world = await openWorld(server);
  const heard = await live(world.store);
  const jobs = [...newJobs(300, { queue: "a" }), newJob({ queue: "b" })];
  const tx = new pg.Client({ connectionString: world.url });
  await tx.connect();
  await tx.query("BEGIN");
  await world.store.jobs.insert({ jobs, tx });
  await tx.query("COMMIT");
  for (const word of ["available a", "available b"]) await heardOf(heard, word);
  for (const { id } of jobs) await heardOf(heard, `foreign moved ${id} 1`);
  await tx.end();
});

it("does not hear of another schema in the same database", async () => {
  await using world = await openWorld(server);
  const apart = world.open({ schema: "apart" });
  await apart.migrate();
  const [here, there] = [await live(world.store), await live(apart)];
  await apart.jobs.insert({ jobs: [newJob({ queue: "there" })] });
  await world.store.jobs.insert({ jobs: [newJob({ queue: "here" })] });
  await world.sql("SELECT pg_notify('forge_jobs_available', 'last'), pg_notify('apart.forge_jobs_available', 'last')");
  await heardOf(here, "available last");
  await heardOf(there, "available last");
  expect(here.words).not.toContain("available there");
  expect(there.words).not.toContain("available here");
});

it("catches up after a restart of the server, and hears again", async () => {
  await using postgres = await startPostgres(18, { settings: { fsync: "off" } });
  await using world = await openWorld(postgres.url);
  const heard = await live(world.store);
  await postgres.restart("immediate");
  await until(() => heard.words.filter((word) => word === "live").length === 2, { what: "notifications again" });
  const lost = heard.words.indexOf("not live");
  expect(heard.words.slice(lost)).toEqual(["not live", "available any", "moved any", "live"]);
  const other = world.open();
  await other.jobs.insert({ jobs: [newJob({ queue: "afterwards" })] });
  await heardOf(heard, "available afterwards");
});

it("finds out that notifications do not come through, and says so once", async () => {
  await using world = await openWorld(server);
  await using pooler = await openPooler(world.url);
  const pool = world.openPool({ connectionString: pooler.url });
  const store = world.open({ pool, preparedStatements: false });
  const warned = once(process, "warning");
  const heard = listen(store);
  const [warning] = (await warned) as [Error & { code?: string }];
  expect(warning.code).toBe("FORGE_NO_NOTIFICATIONS");
  expect(heard.words).not.toContain("live");
  await store.jobs.insert({ jobs: [newJob({ queue: "own" })] });
  expect(heard.words).toContain("available own");
});

it("does not take a connection that is lost while it is tested for one that cannot hear", async () => {
  await using world = await openWorld(server);
  const pool = world.openPool();
  const connect = pool.connect.bind(pool);
  let losses = 0;
  pool.connect = (async () => {
    // The store lends a connection to send the test: by then the other one listens.
    const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND query LIKE 'LISTEN%'`;
    if (losses++ < 2) await world.sql(cut);
    return connect();
  }) as typeof pool.connect;
  const warnings = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  try {
    await live(world.open({ pool }));
    expect(warnings).not.toHaveBeenCalled();
  } finally {
    warnings.mockRestore();
  }
});
