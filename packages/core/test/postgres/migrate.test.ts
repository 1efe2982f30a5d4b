import pg from "pg";
import { expect, inject, it } from "vitest";
import { createDatabase } from "../../../../test/support/database.ts";
import { postgresStore } from "../../src/postgres/index.ts";
import { newJob, openWorld } from "./postgres-world.ts";

const server = inject("postgres")[18];

it("refuses a database that is newer than this release, with a sentence, and changes nothing", async () => {
  await using world = await openWorld(server);
  await world.sql("UPDATE forge_meta SET value = '999' WHERE name = 'schema_version'");
  for (const verb of [() => world.store.migrate(), () => world.store.checkSchema()]) {
    await expect(verb()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/version 999, and this release knows 3; run a newer release/) as string,
    });
  }
  expect(await world.sql("SELECT value FROM forge_meta WHERE name = 'schema_version'")).toEqual([{ value: "999" }]);
});

it("names the missing tables where nobody migrated", async () => {
  await using database = await createDatabase(server);
  const store = postgresStore(database.url);
  await expect(store.checkSchema()).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(/"public" .* is at version 0, and this release needs 3; start an engine/) as string,
  });
  await expect(store.jobs.list({ limit: 1 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await store.close();
});

it("starts for a role that may use the tables and make none", async () => {
  await using world = await openWorld(server);
  const role = `worker_${newJob().id.replaceAll("-", "")}`;
  await world.sql(`CREATE ROLE ${role} LOGIN`);
  await world.sql(`REVOKE CREATE ON SCHEMA public FROM public`);
  await world.sql(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`);
  const url = new URL(world.url);
  url.username = role;
  const store = postgresStore(url.href);
  await store.migrate();
  await store.jobs.insert({ jobs: [newJob()] });
  expect((await store.identity()).secret).toBe((await world.store.identity()).secret);
  await store.close();
  await world.sql(`DROP OWNED BY ${role}`);
  await world.sql(`DROP ROLE ${role}`);
});

it("waits for another process that is migrating, and finds its work done", async () => {
  await using database = await createDatabase(server);
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  await other.query("BEGIN");
  await other.query("SELECT pg_advisory_xact_lock($1::int8)", [0x666f726765]);
  const store = postgresStore(database.url);
  const migrated = store.migrate();
  await other.query("COMMIT");
  await migrated;
  await store.checkSchema();
  await other.end();
  await store.close();
});
