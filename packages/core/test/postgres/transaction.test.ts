import pg from "pg";
import { expect, inject, it } from "vitest";
import { newJob, openWorld } from "./postgres-world.ts";

const server = inject("postgres")[18];

it("refuses a pool, and says what to pass", async () => {
  await using world = await openWorld(server);
  const pool = world.openPool();
  await expect(world.store.jobs.insert({ jobs: [newJob()], tx: pool })).rejects.toMatchObject({
    code: "BAD_REQUEST",
    message: expect.stringMatching(/^tx takes .* a pg Client or PoolClient after BEGIN.*; a pool runs/) as string,
  });
});

it("refuses a client on which no transaction is open, and one that has ended", async () => {
  await using world = await openWorld(server);
  const client = new pg.Client({ connectionString: world.url });
  await client.connect();
  for (const before of ["SELECT 1", "BEGIN; COMMIT"]) {
    await client.query(before);
    await expect(world.store.jobs.insert({ jobs: [newJob()], tx: client })).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining("no transaction is open") as string,
    });
  }
  await client.end();
});

it("takes anything that runs a text with values as pg does", async () => {
  await using world = await openWorld(server);
  const client = new pg.Client({ connectionString: world.url });
  await client.connect();
  await client.query("BEGIN");
  const wrapped = { query: (text: string, values: unknown[]) => client.query(text, values) };
  const key = { scope: "s", key: "k", hold: { kind: "window", ms: 60_000 } } as const;
  const jobs = [newJob({ due: { atMs: 1_000 } }), newJob({ keys: [key] }), newJob({ keys: [key], priority: "low" })];
  expect(await world.store.jobs.insert({ jobs, tx: wrapped })).toEqual([
    { id: jobs[0]!.id, created: true },
    { id: jobs[1]!.id, created: true },
    { id: jobs[1]!.id, created: false },
  ]);
  await client.query("COMMIT");
  expect(await world.store.jobs.get({ ids: jobs.map(({ id }) => id) })).toHaveLength(2);
  await client.end();
});

it("does not try again inside a caller's transaction, and keeps the driver's error as the cause", async () => {
  await using world = await openWorld(server);
  const client = new pg.Client({ connectionString: world.url });
  await client.connect();
  await client.query("BEGIN");
  await expect(client.query("SELECT 1 / 0")).rejects.toThrow("division by zero");
  const failure = world.store.jobs.insert({ jobs: [newJob()], tx: client });
  await expect(failure).rejects.toMatchObject({ code: "INTERNAL", cause: { code: "25P02" } });
  await client.query("ROLLBACK");
  await client.end();
});

it("refuses what it does not know by its name, and names all that it takes", async () => {
  await using world = await openWorld(server);
  const strangers = [null, 7, "BEGIN", new Map(), {}, () => {}, { query: () => Promise.resolve("no rows") }];
  const names = ["null", "a number", "a string", "a Map", "an object", "a function", "no rows: an object"];
  for (const [n, tx] of strangers.entries()) {
    const refused = world.store.jobs.insert({ jobs: [newJob()], tx });
    await expect(refused).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringMatching(
        new RegExp(`PoolClient.*Drizzle.*Kysely.*Knex.*postgres.js.*Prisma.*${names[n]}\\.$`),
      ) as string,
    });
  }
  expect(await world.sql("SELECT id FROM forge_jobs")).toEqual([]);
});
