import type pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Postgres, startPostgres } from "../../../../test/support/postgres.ts";
import { claim, COMPLETED, newJob, newJobs, openWorld, registerWorker, runUpdate } from "./postgres-world.ts";

/** Ten million for the bound that is promised; a claim that looked at ended rows at all would show with far fewer. */
const ENDED = Number(process.env["GROWTH_ROWS"] ?? 300_000);
const TAKEN = 100;

// A server of its own: a transaction that another test holds open keeps what ended here from being dead to everybody.
let server: Postgres;
beforeAll(async () => {
  server = await startPostgres(15, { settings: { fsync: "off", full_page_writes: "off" } });
});
afterAll(() => server.stop());

/** Rows and index entries that the sessions of this database have read so far, by table. */
async function rowsRead(pool: pg.Pool): Promise<Record<string, number>> {
  // Takes effect when the statement has ended, so what it covers is read by the next one.
  await pool.query("SELECT pg_stat_force_next_flush()");
  const { rows } = await pool.query<{ name: string; n: number }>(`
    SELECT t.relname AS name, (t.seq_tup_read + greatest(t.idx_tup_fetch, (
      SELECT sum(i.idx_tup_read) FROM pg_stat_all_indexes AS i WHERE i.relid = t.relid
    )))::int AS n FROM pg_stat_all_tables AS t WHERE t.relname IN ('forge_live', 'forge_ended')`);
  return Object.fromEntries(rows.map(({ name, n }) => [name, n]));
}

/** Makes ended rows that differ from one that there is in id and status. */
async function manyEnded(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ names: string }>(
    `SELECT string_agg(quote_ident(column_name), ', ') AS names FROM information_schema.columns
      WHERE table_name = 'forge_ended' AND column_name NOT IN ('id', 'status')`,
  );
  const columns = rows[0]!.names;
  await pool.query(`INSERT INTO forge_ended (id, status, ${columns})
    SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
      (ARRAY['completed', 'completed', 'completed', 'dead_letter', 'cancelled'])[1 + n % 5], ${columns}
    FROM forge_ended, generate_series(1, ${ENDED}) AS n`);
}

it(`reads no more for a job's life when ${ENDED} others have ended`, { timeout: 120_000 + ENDED / 10 }, async () => {
  await using world = await openWorld(server.url);
  const pool = world.openPool({ max: 1 });
  const store = world.open({ pool });
  await pool.query("ALTER TABLE forge_live SET (autovacuum_enabled = off)");
  const workerId = await registerWorker(store);
  await store.jobs.insert({ jobs: [newJob()] });
  const [model] = await claim(store, workerId);
  await store.jobs.update({ updates: [runUpdate(model!, COMPLETED)] });
  // Of a table of a few pages PostgreSQL rightly reads all.
  await store.jobs.insert({ jobs: newJobs(5_000, { due: { delayMs: 3_600_000 } }) });
  await manyEnded(pool);

  const cost = async (work: () => Promise<unknown>): Promise<{ live: number; ended: number }> => {
    const before = await rowsRead(pool);
    await work();
    const after = await rowsRead(pool);
    return {
      live: after["forge_live"]! - before["forge_live"]!,
      ended: after["forge_ended"]! - before["forge_ended"]!,
    };
  };
  for (const statistics of ["of the time before", "of now"]) {
    await store.jobs.insert({ jobs: newJobs(3 * TAKEN) });
    const take = await cost(async () => expect(await claim(store, workerId, TAKEN)).toHaveLength(TAKEN));
    expect(take.live, `a claim, statistics ${statistics}`).toBeLessThanOrEqual(2 * TAKEN);
    const runs = await claim(store, workerId, TAKEN);
    const costs = {
      "a claim": take,
      "the next due": await cost(() => store.jobs.nextDue({ queue: "default", types: ["t"] })),
      "an insert": await cost(() => store.jobs.insert({ jobs: newJobs(TAKEN) })),
      "a settle": await cost(() => store.jobs.update({ updates: runs.map((run) => runUpdate(run, COMPLETED)) })),
    };
    for (const [verb, { ended }] of Object.entries(costs)) {
      expect(ended, `ended rows, ${verb}, statistics ${statistics}`).toBe(0);
    }
    const lists = await cost(async () => {
      await store.jobs.list({ status: "completed", limit: TAKEN });
      await store.jobs.list({ limit: TAKEN });
    });
    expect(lists.ended, `two lists, statistics ${statistics}`).toBeLessThanOrEqual(5 * TAKEN);
    await pool.query("VACUUM ANALYZE forge_live, forge_ended");
  }
});
