import { createForge, defineJob } from "@forge-jobs/core";
import { postgresStore } from "@forge-jobs/core/postgres";
import pg from "pg";
import { createDatabase } from "../../../../test/support/database.ts";
import { forgeOnPostgres } from "../forge.ts";
import type { Scenario } from "../scenario.ts";
import { BATCH, CONCURRENCY, DRAIN_JOBS } from "../settings.ts";
import { median } from "../statistics.ts";
import { table } from "../table.ts";

const CHUNK = 500_000;

const GENERATE = `INSERT INTO forge_ended (id, scheduled_at, created_at, lane, claim_no, revision, attempts, max_attempts,
    budget, priority, status, job_type, queue, input, claimed_at, started_at, completed_at, output)
  SELECT (lpad(to_hex(1750000000000 + n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid, at, at, 1, 1, 4, 1, 3, 3, 2,
    'completed', 'noop', 'default', json_build_object('n', n), at, at, at, 'null'
  FROM (SELECT n, timestamptz 'epoch' + (1750000000000 + n) * interval '1 millisecond' AS at
    FROM generate_series($1::int8, $2::int8) AS n) AS made`;

const noop = defineJob("noop", { run: () => {} });

/** Whether history slows the work: drains of one database before and after it got its ended rows, and what claims read then. */
export const endedRows: Scenario = {
  key: "ended",
  title: "a drain beside many ended rows",
  async run({ server, rounds, endedRows: rows, say }) {
    const database = await createDatabase(server.url);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const session = await forgeOnPostgres(server.url).open({ url: database.url });
    const drains = async (): Promise<number[]> => {
      const rates: number[] = [];
      for (let round = 1; round <= rounds; round++) {
        await session.dispatch(DRAIN_JOBS, BATCH);
        rates.push((DRAIN_JOBS / (await session.drain(DRAIN_JOBS, CONCURRENCY))) * 1_000);
        say(`ended, drain ${round}: ${rates.at(-1)?.toFixed(0)} jobs/s`);
      }
      return rates;
    };
    const before = median(await drains());
    for (let n = 0; n < rows; n += CHUNK) {
      await client.query(GENERATE, [n + 1, Math.min(n + CHUNK, rows)]);
      say(`ended, rows made: ${Math.min(n + CHUNK, rows).toLocaleString("en")}`);
    }
    await client.query("VACUUM ANALYZE forge_ended");
    const after = median(await drains());
    const [size] = (
      await client.query<{ size: string }>("SELECT pg_size_pretty(pg_total_relation_size('forge_ended')) AS size")
    ).rows;
    const reads = await rowsPerJob(database.url);
    await session.close();
    await client.end();
    await database.drop();
    return table(
      ["measure", "value"],
      [
        ["drain, no ended rows before", `${Math.round(before).toLocaleString("en")} jobs/s`],
        [
          `drain, ${rows.toLocaleString("en")} ended rows (${size?.size})`,
          `${Math.round(after).toLocaleString("en")} jobs/s`,
        ],
        ["ratio", `${(after / before).toFixed(2)}×`],
        ["rows read by claims for each row taken (at most 2)", reads.toFixed(2)],
      ],
    );
  },
};

/** How many rows of both tables claims read for each that they take, over one connection whose counters are exact. */
async function rowsPerJob(url: string): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const store = postgresStore({ pool });
  const forge = createForge({ store, jobs: [noop], worker: false });
  await forge.start();
  await forge.dispatchMany(noop, Array.from({ length: BATCH }));
  const process = { host: "bench", bootId: "", pidNamespace: "", pid: 1, processStart: "" };
  await store.workers.register({ workerId: "bench", leaseMs: 60_000, process });
  const read = async (): Promise<number> => {
    await pool.query("SELECT pg_stat_force_next_flush()");
    const { rows } = await pool.query<{ n: number }>(`SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::float8 AS n
      FROM pg_stat_all_tables WHERE relname IN ('forge_live', 'forge_ended')`);
    return rows[0]?.n ?? 0;
  };
  const claim = { workerId: "bench", queue: "default", types: ["noop"], limit: 100, oldestFirst: false };
  const before = await read();
  let taken = 0;
  for (let n = 0; n < BATCH / 100; n++) taken += (await store.jobs.claim(claim)).length;
  const after = await read();
  await forge.stop();
  await pool.end();
  return (after - before) / taken;
}
