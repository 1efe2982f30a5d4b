import { expect, inject, it } from "vitest";
import { until } from "../../../../test/support/until.ts";
import type { NewJob } from "../../src/store.ts";
import { LIBRARIES, type OpenLibrary } from "../support/libraries.ts";
import { claim, listen, newJob, openWorld, type PostgresWorld, registerWorker } from "./postgres-world.ts";

interface LibraryWorld extends PostgresWorld {
  readonly library: OpenLibrary;
  /** The ids of the orders that were committed. */
  orders(): Promise<number[]>;
}

async function open(name: string): Promise<LibraryWorld> {
  const world = await openWorld(inject("postgres")[18]);
  await world.sql("CREATE TABLE orders (id int PRIMARY KEY, item text NOT NULL)");
  const library = LIBRARIES[name]!(`${world.url}?application_name=library`);
  return {
    ...world,
    library,
    orders: async () => (await world.sql<{ id: number }>("SELECT id FROM orders ORDER BY id")).map(({ id }) => id),
    [Symbol.asyncDispose]: async () => {
      await library.close();
      // Not all of them wait for their connections to end, and one that the dropped database cuts would end the process.
      const sessions =
        "SELECT FROM pg_stat_activity WHERE application_name = 'library' AND datname = current_database()";
      await until(async () => (await world.sql(sessions)).length === 0, { what: "the library's sessions to end" });
      await world[Symbol.asyncDispose]();
    },
  };
}

const key = (name: string): NewJob["keys"][number] => ({
  scope: 'scope "with" {quotes}',
  key: name,
  hold: { kind: "job", afterCompletionMs: 0 },
});

const INPUT = JSON.stringify({ text: 'quotes " \\ { } , NULL é🙂 \n', n: 1.5, nothing: null, list: [1, "2", []] });

const rolledBack = new Error("rolled back by the test");

for (const name of Object.keys(LIBRARIES)) {
  it(`${name}: what was inserted in a transaction is there once that committed, and others hear of it then`, async () => {
    await using world = await open(name);
    const heard = listen(world.open());
    await until(() => heard.words.includes("live"), { what: "hints of other processes" });
    const alone = newJob({ type: "alone", input: INPUT, owner: 'ada "l"', overrides: '{"timeoutMs":5}' });
    const keyed = newJob({ type: "keyed", input: INPUT, keys: [key("k")] });
    const batch = [
      newJob({ type: "b", input: INPUT, priority: "high", due: { delayMs: 86_400_000.5 } }),
      newJob({ type: "b", input: "null", owner: "o", keys: [key("k2")], due: { atMs: 1_900_000_000_000 } }),
    ];
    await world.library.transaction(async ({ tx, insertOrder }) => {
      await insertOrder(1);
      expect(await world.store.jobs.insert({ jobs: [alone], tx })).toEqual([{ id: alone.id, created: true }]);
      expect(await world.store.jobs.insert({ jobs: [keyed], tx })).toEqual([{ id: keyed.id, created: true }]);
      expect(await world.store.jobs.insert({ jobs: [newJob({ keys: [key("k")] })], tx })).toEqual([
        { id: keyed.id, created: false },
      ]);
      await world.store.jobs.insert({ jobs: batch, tx });
      await insertOrder(2);
      expect(await world.store.jobs.get({ ids: [alone.id, keyed.id] })).toEqual([]);
      expect(heard.words.filter((word) => word.includes(alone.id))).toEqual([]);
    });
    expect(await world.orders()).toEqual([1, 2]);
    const jobs = [alone, keyed, ...batch];
    const stored = new Map((await world.store.jobs.get({ ids: jobs.map(({ id }) => id) })).map((job) => [job.id, job]));
    for (const { id, type, input, owner, priority } of jobs) {
      expect(stored.get(id)).toMatchObject({ type, input, owner, priority, status: "pending" });
    }
    expect(stored.get(batch[1]!.id)?.scheduledAt).toBe(1_900_000_000_000);
    const waits = stored.get(batch[0]!.id)!;
    expect(waits.scheduledAt - waits.createdAt).toBeGreaterThanOrEqual(86_399_999);
    const [overridden] = await world.sql("SELECT overrides, keys FROM forge_live WHERE id = $1", [alone.id]);
    expect(overridden).toEqual({ overrides: '{"timeoutMs":5}', keys: null });
    const [held] = await world.sql("SELECT keys FROM forge_live WHERE id = $1", [keyed.id]);
    expect(held).toEqual({ keys: [{ scope: 'scope "with" {quotes}', key: "k", keepMs: 0 }] });
    await until(() => heard.words.includes(`foreign moved ${alone.id} 1`), { what: "word of the new job" });
    await until(() => heard.words.includes("available default"), { what: "word of its queue" });
  });

  it(`${name}: what was inserted in a transaction that rolled back never was, nor its key`, async () => {
    await using world = await open(name);
    const heard = listen(world.open());
    await until(() => heard.words.includes("live"), { what: "hints of other processes" });
    const job = newJob({ keys: [key("k")] });
    const failed = world.library.transaction(async ({ tx, insertOrder }) => {
      await insertOrder(1);
      await world.store.jobs.insert({ jobs: [job], tx });
      await world.store.jobs.insert({ jobs: [newJob()], tx });
      throw rolledBack;
    });
    await expect(failed).rejects.toBe(rolledBack);
    expect(await world.orders()).toEqual([]);
    expect(await world.sql("SELECT id FROM forge_jobs")).toEqual([]);
    expect(await world.sql("SELECT key FROM forge_keys")).toEqual([]);
    const next = newJob({ keys: [key("k")] });
    expect(await world.store.jobs.insert({ jobs: [next] })).toEqual([{ id: next.id, created: true }]);
    await until(() => heard.words.includes("available default"), { what: "word of the next job" });
    expect(heard.words.filter((word) => word.includes(job.id))).toEqual([]);
  });

  it(`${name}: a job is settled in a transaction exactly if that commits`, async () => {
    await using world = await open(name);
    const heard = listen(world.open());
    await until(() => heard.words.includes("live"), { what: "hints of other processes" });
    const job = newJob();
    await world.store.jobs.insert({ jobs: [job] });
    const [run] = await claim(world.store, await registerWorker(world.store));
    const { id, claimNo, revision } = run!;
    const failed = world.library.transaction(async ({ tx, insertOrder }) => {
      await insertOrder(1);
      expect(await world.store.jobs.settleIn({ id, claimNo, output: INPUT, tx })).toBe("completed");
      throw rolledBack;
    });
    await expect(failed).rejects.toBe(rolledBack);
    expect(await world.store.jobs.states({ ids: [id] })).toMatchObject([{ status: "claimed", revision }]);
    await world.library.transaction(async ({ tx, insertOrder }) => {
      await insertOrder(2);
      expect(await world.store.jobs.settleIn({ id, claimNo: claimNo + 1, output: INPUT, tx })).toBe("stale");
      expect(await world.store.jobs.settleIn({ id, claimNo, output: INPUT, tx })).toBe("completed");
      expect(await world.store.jobs.settleIn({ id, claimNo, output: INPUT, tx })).toBe("already");
    });
    expect(await world.store.jobs.get({ ids: [id] })).toMatchObject([{ status: "completed", output: INPUT }]);
    expect(await world.orders()).toEqual([2]);
    await until(() => heard.words.includes(`foreign moved ${id} ${revision + 1}`), { what: "word of the settled job" });
  });

  it(`${name}: its own object without a transaction is refused before anything is stored`, async () => {
    await using world = await open(name);
    const refused = world.store.jobs.insert({ jobs: [newJob({ keys: [key("k")] })], tx: world.library.outside });
    await expect(refused).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringMatching(
        /^tx takes an open transaction: a pg Client or PoolClient after BEGIN, /,
      ) as string,
    });
    expect(await world.sql("SELECT id FROM forge_jobs")).toEqual([]);
    expect(await world.sql("SELECT key FROM forge_keys")).toEqual([]);
  });

  it(`${name}: a transaction that is over by then is refused, so a dispatch that nobody awaited stores nothing`, async () => {
    await using world = await open(name);
    let late: unknown;
    await world.library.transaction(({ tx }) => Promise.resolve((late = tx)));
    const error: unknown = await world.store.jobs
      .insert({ jobs: [newJob()], tx: late })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: "ForgeError",
      code: expect.stringMatching(/^(BAD_REQUEST|UNAVAILABLE)$/) as string,
    });
    expect(await world.sql("SELECT id FROM forge_jobs")).toEqual([]);
  });

  it(`${name}: what the database refuses is told by its SQLSTATE, with the library's error as the cause`, async () => {
    await using world = await open(name);
    const job = newJob();
    await world.store.jobs.insert({ jobs: [job] });
    const failed = world.library.transaction(({ tx }) => world.store.jobs.insert({ jobs: [job], tx }));
    await expect(failed).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining("SQLSTATE 23505") as string,
      cause: expect.any(Error) as Error,
    });
  });
}
