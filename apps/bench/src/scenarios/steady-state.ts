import { createForge, defineJob } from "@forge-jobs/core";
import { postgresStore } from "@forge-jobs/core/postgres";
import pg from "pg";
import { setTimeout as sleep } from "node:timers/promises";
import { createDatabase } from "../../../../test/support/database.ts";
import { forgeOnPostgres } from "../forge.ts";
import { startPeerProcess } from "../peer-process.ts";
import type { Scenario } from "../scenario.ts";
import { BATCH, CONCURRENCY, DRAIN_JOBS } from "../settings.ts";
import { quantile } from "../statistics.ts";
import { table } from "../table.ts";

const TICK_MS = 20;
const SAMPLED = 1_000_000;

/**
 * A load that leaves room: jobs are dispatched at half the rate of a drain, by this process, and run by another. A pickup is
 * from the moment before the dispatch to the handler's start.
 */
export const steadyState: Scenario = {
  key: "steady",
  title: "steady state at half the drain rate",
  async run({ server, minutes, say }) {
    const probe = await forgeOnPostgres(server.url).open();
    await probe.dispatch(DRAIN_JOBS, BATCH);
    const rate = DRAIN_JOBS / (await probe.drain(DRAIN_JOBS, CONCURRENCY)) / 2;
    await probe.close();

    const database = await createDatabase(server.url);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const noop = defineJob("noop", { run: () => {} });
    const forge = createForge({ store: postgresStore(database.url), jobs: [noop], worker: false });
    await forge.start();
    const worker = await startPeerProcess("forge", { url: database.url, concurrency: CONCURRENCY, workers: 1 });
    const pickups: number[] = [];
    worker.onStarts((starts) => {
      for (const { waitedMs } of starts) if (pickups.length < SAMPLED) pickups.push(waitedMs);
    });
    await worker.go();
    const wal = async (): Promise<number> =>
      Number((await client.query<{ b: string }>("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS b")).rows[0]?.b);
    const walBefore = await wal();
    const from = performance.now();
    let sent = 0;
    let late = 0;
    const calls = new Set<Promise<unknown>>();
    while (performance.now() - from < minutes * 60_000) {
      const due = Math.floor((performance.now() - from) * rate) - sent;
      if (due > 0) {
        const at = performance.timeOrigin + performance.now();
        const call = forge.dispatchMany(
          noop,
          Array.from({ length: due }, () => ({ at })),
        );
        calls.add(call);
        void call.finally(() => calls.delete(call));
        sent += due;
      }
      if (calls.size > 8) {
        late++;
        await Promise.race(calls);
      }
      await sleep(TICK_MS);
    }
    await Promise.all(calls);
    const took = (performance.now() - from) / 1_000;
    await worker.stop();
    const walPerJob = ((await wal()) - walBefore) / sent;
    const { rows } = await client.query<{ live: string; ended: string; left: string }>(`SELECT
      pg_size_pretty(pg_total_relation_size('forge_live')) AS live, pg_size_pretty(pg_total_relation_size('forge_ended')) AS ended,
      (SELECT count(*) FROM forge_live) AS left`);
    const [sizes] = rows;
    say(`steady: ${sent} jobs, ${sizes?.left} left, ${late} ticks waited for the database`);
    await forge.stop();
    await client.end();
    await database.drop();
    const sorted = pickups.toSorted((a, b) => a - b);
    return table(
      ["measure", "value"],
      [
        ["offered load", `${Math.round(rate * 1_000).toLocaleString("en")} jobs/s for ${Math.round(took)} s`],
        ["jobs run", (sent - Number(sizes?.left)).toLocaleString("en")],
        ["pickup, p50", `${quantile(sorted, 0.5).toFixed(1)} ms`],
        ["pickup, p99", `${quantile(sorted, 0.99).toFixed(1)} ms`],
        ["WAL for each job", `${Math.round(walPerJob).toLocaleString("en")} bytes`],
        ["live table and indexes at the end", sizes?.live ?? ""],
        ["ended table and indexes at the end", sizes?.ended ?? ""],
      ],
    );
  },
};
