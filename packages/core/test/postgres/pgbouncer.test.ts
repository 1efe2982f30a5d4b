import { createForge, defineJob } from "@forge-jobs/core";
import { postgresStore } from "@forge-jobs/core/postgres";
import { afterAll, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { findPgbouncer, type Pgbouncer, startPgbouncer } from "../../../../test/support/pgbouncer.ts";
import { until } from "../../../../test/support/until.ts";
import { silent } from "../support/world.ts";
import { newJob, openWorld } from "./postgres-world.ts";

const program = findPgbouncer();
const server = inject("postgres")[18];

describe.skipIf(program === undefined)("behind PgBouncer in transaction mode (apt install pgbouncer)", () => {
  let pooler: Pgbouncer;
  beforeAll(async () => {
    pooler = await startPgbouncer(program!, server);
  });
  afterAll(() => pooler.stop());

  it("polls where notifications are lost: says so once, and leaves no connection of others listening to Forge", async () => {
    await using world = await openWorld(server);
    const warnings = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    try {
      const url = pooler.through(world.url);
      const ran: string[] = [];
      const work = defineJob("work", { run: (ctx) => void ran.push(ctx.jobId) });
      const store = postgresStore({ url, preparedStatements: false });
      const forge = createForge({ store, jobs: [work], logger: silent });
      await forge.start();
      const deaf = (): number =>
        warnings.mock.calls.filter(([, options]) => JSON.stringify(options).includes("FORGE_NO_NOTIFICATIONS")).length;
      await until(() => deaf() > 0, { what: "the warning", within: 15_000 });
      // Another process's job, of which nobody tells this one.
      const job = newJob({ type: "work" });
      await world.store.jobs.insert({ jobs: [job] });
      await until(() => ran.includes(job.id), { what: "the job to be found by polling" });
      const own = await forge.dispatch(work, null);
      await until(() => ran.includes(own), { what: "its own job" });
      expect(deaf()).toBe(1);
      await forge.stop();
      // Transactions that are open together take every connection that the pooler has.
      const others = world.openPool({ connectionString: url, max: 20 });
      const clients = await Promise.all(Array.from({ length: 20 }, () => others.connect()));
      for (const client of clients) await client.query("BEGIN");
      const channels = await Promise.all(
        clients.map((client) => client.query<{ name: string }>("SELECT pg_listening_channels() AS name")),
      );
      for (const client of clients) client.release(true);
      const names = channels.flatMap(({ rows }) => rows.map(({ name }) => name));
      expect(names.filter((name) => !name.startsWith("forge_test_"))).toEqual([]);
    } finally {
      warnings.mockRestore();
    }
  });

  it("sets nothing that the next user of a connection would find", async () => {
    await using world = await openWorld(server);
    const pool = world.openPool({ connectionString: pooler.through(world.url), max: 1 });
    const settings = async (): Promise<unknown> =>
      (
        await pool.query(
          "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name <> 'application_name'",
        )
      ).rows;
    const before = await settings();
    const store = world.open({ pool, schema: "apart", preparedStatements: false });
    await store.migrate();
    await store.jobs.insert({ jobs: [newJob()] });
    expect(await settings()).toEqual(before);
    expect((await pool.query("SELECT 1 FROM pg_prepared_statements")).rows).toEqual([]);
  });
});
