import pg from "pg";
import { expect, inject, it } from "vitest";
import { postgresStore, type PostgresStoreOptions } from "../../src/postgres/index.ts";
import { newJob, openWorld } from "./postgres-world.ts";

const refused: readonly (readonly [string, unknown, RegExp])[] = [
  ["neither url nor pool", {}, /a url or a pool/],
  ["both url and pool", { url: "postgres://h/d", pool: new pg.Pool() }, /a url or a pool/],
  ["a URL of another kind", "mysql://ada:s3cr3t@h/d", /begins with postgres:\/\//],
  ["a URL that cannot be read", "postgres://ada:s3cr3t@h:port/d", /cannot read its URL/],
  ["a pool of another kind", { pool: {} }, /Pool of the package pg/],
  ["an option that does not exist", { url: "postgres://h/d", max: 3 }, /no option "max"/],
  ["an empty schema", { url: "postgres://h/d", schema: "" }, /schema must be a name/],
  ["a schema of the system", { url: "postgres://h/d", schema: "pg_forge" }, /schema must be a name/],
  ["a schema too long for a channel", { url: "postgres://h/d", schema: "ü".repeat(21) }, /schema must be a name/],
];

for (const [what, options, message] of refused) {
  it(`refuses ${what}, without a word of the password`, () => {
    const make = (): unknown => postgresStore(options as PostgresStoreOptions);
    expect(make).toThrow(
      expect.objectContaining({ code: "BAD_REQUEST", message: expect.stringMatching(message) as string }),
    );
    expect(make).toThrow(expect.not.objectContaining({ message: expect.stringContaining("s3cr3t") as string }));
  });
}

it("names the database without the password", () => {
  const store = postgresStore("postgres://ada:s3cr3t@db.example:6543/jobs?application_name=x");
  expect(store.address).toBe("postgres://ada@db.example:6543/jobs");
});

it("names the database of a pool", () => {
  const pool = new pg.Pool({ host: "db.example", port: 6543, user: "ada", password: "s3cr3t", database: "jobs" });
  expect(postgresStore({ pool }).address).toBe("postgres://ada@db.example:6543/jobs");
});

it("leaves a pool that was passed in open", async () => {
  await using world = await openWorld(inject("postgres")[18]);
  const pool = world.openPool();
  const store = world.open({ pool });
  await store.jobs.insert({ jobs: [newJob()] });
  await store.close();
  expect((await pool.query<{ n: number }>("SELECT count(*)::int AS n FROM forge_jobs")).rows).toEqual([{ n: 1 }]);
});

it("works in a schema whose name needs quotes, beside another in the same database", async () => {
  await using world = await openWorld(inject("postgres")[18]);
  const odd = world.open({ schema: 'Forge "jobs"' });
  await odd.migrate();
  const job = newJob();
  await odd.jobs.insert({ jobs: [job] });
  expect(await odd.jobs.get({ ids: [job.id] })).toHaveLength(1);
  expect(await world.store.jobs.get({ ids: [job.id] })).toEqual([]);
  expect(await world.sql('SELECT id FROM "Forge ""jobs""".forge_jobs')).toEqual([{ id: job.id }]);
});
