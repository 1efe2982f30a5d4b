import { expect, inject, it } from "vitest";
import { claim, COMPLETED, newJob, openWorld, registerWorker, runUpdate } from "./postgres-world.ts";

interface Prepared {
  readonly name: string;
}

async function liveOfAJob(store: Awaited<ReturnType<typeof openWorld>>["store"]): Promise<void> {
  const workerId = await registerWorker(store);
  const key = { scope: "s", key: "k", hold: { kind: "job", afterCompletionMs: 0 } } as const;
  const [job, keyed] = [newJob(), newJob({ keys: [key] })];
  await store.jobs.insert({ jobs: [job] });
  await store.jobs.insert({ jobs: [keyed] });
  expect(await store.jobs.insert({ jobs: [newJob({ keys: [key] })] })).toEqual([{ id: keyed.id, created: false }]);
  const runs = await claim(store, workerId);
  expect(runs).toHaveLength(2);
  await store.jobs.update({
    updates: [runUpdate(runs[0]!, { started: true, progress: 5 }), runUpdate(runs[1]!, COMPLETED)],
  });
  await store.jobs.cancel({ ids: [runs[0]!.id], reason: "enough" });
  expect((await store.workers.beat({ workerId, leaseMs: 1_000 })).rows).toHaveLength(1);
  const death = { error: "died", publicError: "died" };
  expect(await store.workers.rescue({ workerId, because: "gone", maxDeaths: 3, death })).toEqual([runs[0]!.id]);
  expect(await store.jobs.retry({ ids: [runs[0]!.id] })).toEqual(["retried"]);
  expect((await store.jobs.list({ limit: 10 })).map(({ status }) => status).toSorted()).toEqual([
    "completed",
    "pending",
  ]);
}

it("needs nothing of the session before: every statement may run on another connection", async () => {
  await using world = await openWorld(inject("postgres")[18]);
  const pool = world.openPool({ maxUses: 1 });
  const store = world.open({ pool, schema: "apart", preparedStatements: false });
  await store.migrate();
  await liveOfAJob(store);
});

it("leaves nothing in a session that a pooler hands to somebody else next", async () => {
  await using world = await openWorld(inject("postgres")[18]);
  const pool = world.openPool({ max: 1 });
  const session = async (): Promise<unknown> => {
    const { rows } = await pool.query(`SELECT
      (SELECT count(*)::int FROM pg_prepared_statements WHERE name <> '') AS prepared,
      (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
      current_setting('search_path') AS path, current_setting('lock_timeout') AS timeout`);
    return rows;
  };
  const before = await session();
  const store = world.open({ pool, schema: "apart", preparedStatements: false });
  await store.migrate();
  await liveOfAJob(store);
  expect(await session()).toEqual(before);
});

it("keeps only statements prepared whose plan does not depend on the tables", async () => {
  await using world = await openWorld(inject("postgres")[18]);
  const pool = world.openPool({ max: 1 });
  await liveOfAJob(world.open({ pool }));
  const { rows } = await pool.query<Prepared>("SELECT name FROM pg_prepared_statements WHERE name <> '' ORDER BY name");
  expect(rows.map(({ name }) => name)).toEqual([
    "public.insert_alike",
    "public.insert_with_key",
    "public.keys_add",
    "public.worker_register",
  ]);
});
