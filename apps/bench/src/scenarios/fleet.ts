import pg from "pg";
import { setTimeout as sleep } from "node:timers/promises";
import { createDatabase } from "../../../../test/support/database.ts";
import { forgeOnPostgres } from "../forge.ts";
import { graphileWorker } from "../graphile.ts";
import { startPeerProcess } from "../peer-process.ts";
import type { Scenario } from "../scenario.ts";
import { BATCH, CONCURRENCY } from "../settings.ts";
import { median } from "../statistics.ts";
import { table } from "../table.ts";

const PROCESSES = 5;
const WORKERS_EACH = 2;
const JOBS = 50_000;
const LOOK_MS = 20;

const LIBRARIES = [
  { key: "forge", name: "forge (PostgreSQL)", contender: forgeOnPostgres, left: "SELECT FROM forge_live LIMIT 1" },
  {
    key: "graphile",
    name: "graphile-worker",
    contender: graphileWorker,
    left: "SELECT FROM graphile_worker._private_jobs LIMIT 1",
  },
] as const;

/** Ten workers in five processes on one database: from the moment they are told to work until no job is left. */
export const fleet: Scenario = {
  key: "fleet",
  title: "ten workers in five processes",
  async run({ server, rounds, say }) {
    const rates = new Map<string, number[]>(LIBRARIES.map(({ name }) => [name, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const { key, name, contender, left } of round % 2 === 1 ? LIBRARIES : LIBRARIES.toReversed()) {
        const database = await createDatabase(server.url);
        const session = await contender(server.url).open({ url: database.url });
        await session.dispatch(JOBS, BATCH);
        const client = new pg.Client({ connectionString: database.url });
        await client.connect();
        const options = { url: database.url, concurrency: CONCURRENCY, workers: WORKERS_EACH };
        const processes = await Promise.all(Array.from({ length: PROCESSES }, () => startPeerProcess(key, options)));
        const from = performance.now();
        await Promise.all(processes.map((peer) => peer.go()));
        while ((await client.query(left)).rowCount !== 0) await sleep(LOOK_MS);
        rates.get(name)?.push((JOBS / (performance.now() - from)) * 1_000);
        say(`fleet ${round}, ${name}: ${rates.get(name)?.at(-1)?.toFixed(0)} jobs/s`);
        await Promise.all(processes.map((peer) => peer.stop()));
        await session.close();
        await client.end();
        await database.drop();
      }
    }
    const rows = [...rates].map(([name, values]) => [
      name,
      `${Math.round(median(values)).toLocaleString("en")} jobs/s`,
    ]);
    const [ours, theirs] = LIBRARIES.map(({ name }) => median(rates.get(name) ?? []));
    return table(
      [`${JOBS.toLocaleString("en")} jobs`, "median"],
      [...rows, ["ratio", `${((ours ?? 0) / (theirs ?? 1)).toFixed(2)}×`]],
    );
  },
};
