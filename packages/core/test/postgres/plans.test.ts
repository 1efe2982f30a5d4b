import type pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Postgres, startPostgres } from "../../../../test/support/postgres.ts";
import type { Store } from "../../src/store.ts";
import { claim, COMPLETED, newJobs, openWorld, registerWorker, runUpdate } from "./postgres-world.ts";

const LIVE = 30_000;
const ENDED = 20_000;
const BATCH = 100;

// Servers of its own: a transaction that another test holds open, in whatever database, keeps what ended here from
// being dead to everybody, and then it is read.
const servers: Partial<Record<15 | 18, Postgres>> = {};

beforeAll(async () => {
  const start = (version: 15 | 18): Promise<Postgres> => startPostgres(version, { settings: { fsync: "off" } });
  [servers[15], servers[18]] = await Promise.all([start(15), start(18)]);
});

afterAll(async () => {
  await Promise.all([servers[15]?.stop(), servers[18]?.stop()]);
});

/** How many rows of Forge's tables the sessions of this database have read so far. */
async function rowsRead(pool: pg.Pool): Promise<number> {
  // Takes effect when the statement has ended, so what it covers is read by the next one.
  await pool.query("SELECT pg_stat_force_next_flush()");
  const { rows } = await pool.query<{ n: number }>(`
    SELECT sum(t.seq_tup_read + greatest(t.idx_tup_fetch, (
      SELECT sum(i.idx_tup_read) FROM pg_stat_all_indexes AS i WHERE i.relid = t.relid
    )))::int AS n FROM pg_stat_all_tables AS t WHERE t.relname IN ('forge_live', 'forge_ended')`);
  return rows[0]!.n;
}

for (const version of [15, 18] as const) {
  for (const statistics of ["none", "of empty tables", "fresh"] as const) {
    it(`reads what it writes and answers, and little more, on PostgreSQL ${version} with statistics: ${statistics}`, async () => {
      await using world = await openWorld(servers[version]!.url);
      const pool = world.openPool({ max: 1 });
      const store: Store = world.open({ pool });
      const analyze = (): Promise<unknown> => pool.query("ANALYZE forge_live, forge_ended");
      await pool.query("ALTER TABLE forge_live SET (autovacuum_enabled = off)");
      await pool.query("ALTER TABLE forge_ended SET (autovacuum_enabled = off)");
      if (statistics === "of empty tables") await analyze();
      const workerId = await registerWorker(store);
      // Plans are made, and may be kept, while the tables are empty.
      for (let n = 0; n < 6; n++) await claim(store, workerId);
      for (let n = 0; n < ENDED; n += 1_000) {
        await store.jobs.insert({ jobs: newJobs(1_000) });
        const runs = await claim(store, workerId, 1_000);
        await store.jobs.update({ updates: runs.map((run) => runUpdate(run, COMPLETED)) });
      }
      for (let n = 0; n < LIVE; n += 5_000) {
        await store.jobs.insert({ jobs: newJobs(5_000, { due: { delayMs: 3_600_000 } }) });
      }
      await store.jobs.insert({ jobs: newJobs(3 * BATCH) });
      if (statistics === "fresh") await analyze();

      const cost = async (work: () => Promise<unknown>): Promise<number> => {
        const before = await rowsRead(pool);
        await work();
        return (await rowsRead(pool)) - before;
      };
      const runs = await claim(store, workerId, 3 * BATCH);
      // Passes over what ended, once: an index scan leaves word for the next one that these entries are dead.
      await store.workers.beat({ workerId, leaseMs: 60_000 });
      const ids = runs.map(({ id }) => id);
      const [started, ended, cancelled] = [runs.slice(0, BATCH), runs.slice(BATCH, 2 * BATCH), ids.slice(2 * BATCH)];
      const writing = {
        start: await cost(() =>
          store.jobs.update({ updates: started.map((run) => runUpdate(run, { started: true })) }),
        ),
        settle: await cost(() => store.jobs.update({ updates: ended.map((run) => runUpdate(run, COMPLETED)) })),
        settleAgain: await cost(() => store.jobs.update({ updates: ended.map((run) => runUpdate(run, COMPLETED)) })),
        cancel: await cost(() => store.jobs.cancel({ ids: cancelled, reason: "enough" })),
        retry: await cost(() => store.jobs.retry({ ids: cancelled })),
      };
      // The cheaper of two: once a second one looks from the beginning again, and passes dead entries.
      const nextDue = (): Promise<number> => cost(() => store.jobs.nextDue({ queue: "default", types: ["t"] }));
      const reading = {
        states: await cost(() => store.jobs.states({ ids: ids.slice(0, BATCH) })),
        get: await cost(() => store.jobs.get({ ids: ids.slice(0, BATCH) })),
        list: await cost(() => store.jobs.list({ limit: BATCH })),
        listOfStatus: await cost(() => store.jobs.list({ status: "completed", limit: BATCH })),
        listOfHeld: await cost(() => store.jobs.list({ status: "running", limit: BATCH })),
        nextDue: Math.min(await nextDue(), await nextDue()),
      };
      for (const [verb, rows] of Object.entries({ ...writing, ...reading })) {
        expect(rows, verb).toBeLessThanOrEqual(5 * BATCH);
      }
      // An entry that stands for several rows is passed over only once all of them are dead.
      expect(await cost(() => store.workers.beat({ workerId, leaseMs: 60_000 }))).toBeLessThan(ENDED / 4);
    });
  }
}
