import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { startPostgres } from "../../../test/support/postgres.ts";
import { bullmq } from "./bullmq.ts";
import type { Contender } from "./contender.ts";
import { forgeOnPostgres, forgeOnSqlite } from "./forge.ts";
import { graphileWorker } from "./graphile.ts";
import { type Measure, MEASURES } from "./measures.ts";
import { pgBoss } from "./pg-boss.ts";
import { report, type Results } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { deliveries } from "./scenarios/deliveries.ts";
import { endedRows } from "./scenarios/ended-rows.ts";
import { fleet } from "./scenarios/fleet.ts";
import { heldTransaction } from "./scenarios/held-transaction.ts";
import { live } from "./scenarios/live.ts";
import { memory } from "./scenarios/memory.ts";
import { steadyState } from "./scenarios/steady-state.ts";
import { sqlLimit } from "./sql-limit.ts";

const SCENARIOS: readonly Scenario[] = [steadyState, endedRows, heldTransaction, fleet, memory, live, deliveries];

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    only: { type: "string", multiple: true },
    peer: { type: "string", multiple: true },
    scenario: { type: "string", multiple: true },
    minutes: { type: "string", default: "10" },
    "ended-rows": { type: "string", default: "10000000" },
  },
});
const rounds = Number(values.rounds);
const say = (line: string): void => console.error(line);
const wanted = <T extends { readonly key: string }>(all: readonly T[], keys: readonly string[]): T[] => {
  const unknown = keys.find((key) => !all.some((one) => one.key === key));
  if (unknown !== undefined)
    throw new Error(`There is no ${unknown}; there are ${all.map(({ key }) => key).join(", ")}`);
  return all.filter(({ key }) => keys.includes(key));
};

// PostgreSQL as it comes: fsync and synchronous_commit are on.
await using server = await startPostgres(18);
console.log(
  `Node ${process.version}, PostgreSQL 18, ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, ${rounds} rounds`,
);
if (values.scenario === undefined) {
  const measures = values.only === undefined ? MEASURES : wanted(MEASURES, values.only);
  console.log(`\n${report(measures, await sideBySide(measures, await contenders()))}`);
} else {
  const stage = { server, rounds, minutes: Number(values.minutes), endedRows: Number(values["ended-rows"]), say };
  for (const scenario of wanted(SCENARIOS, values.scenario)) {
    console.log(`\n${scenario.title}\n\n${await scenario.run(stage)}`);
  }
}

async function contenders(): Promise<Contender[]> {
  const redis = await bullmq(process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379");
  if (redis === null) say("skipped: BullMQ, since no Redis answers; REDIS_URL names one");
  const all = [
    forgeOnPostgres(server.url),
    graphileWorker(server.url),
    pgBoss(server.url),
    ...(redis === null ? [] : [redis]),
    sqlLimit(server.url),
    forgeOnSqlite(),
  ];
  return all.filter(({ name }) => values.peer === undefined || values.peer.some((peer) => name.includes(peer)));
}

async function sideBySide(measures: readonly Measure[], all: readonly Contender[]): Promise<Results> {
  const results: Results = new Map(measures.map(({ key }) => [key, new Map(all.map(({ name }) => [name, []]))]));
  for (let round = 1; round <= rounds; round++) {
    for (const measure of measures) {
      const taking = all.filter(({ only }) => only === undefined || only.includes(measure.key));
      // Rounds alternate, so that a noisy neighbour or a warm cache meets every contender.
      for (const contender of round % 2 === 1 ? taking : taking.toReversed()) {
        const session = await contender.open();
        try {
          const value = await measure.round(session);
          results.get(measure.key)?.get(contender.name)?.push(value);
          say(`round ${round}: ${measure.key}, ${contender.name}: ${value.toFixed(2)} ${measure.unit}`);
        } finally {
          await session.close();
        }
      }
    }
  }
  return results;
}
