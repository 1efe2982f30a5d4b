import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { startPostgres } from "../../../test/support/postgres.ts";
import type { Contender } from "./contender.ts";
import { forgeOnPostgres, forgeOnSqlite } from "./forge.ts";
import { graphileWorker } from "./graphile.ts";
import { MEASURES } from "./measures.ts";
import { report, type Results } from "./report.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, only: { type: "string", multiple: true } },
});
const rounds = Number(values.rounds);
const measures = MEASURES.filter(({ key }) => values.only === undefined || values.only.includes(key));

// PostgreSQL as it comes: fsync and synchronous_commit are on.
const server = await startPostgres(18);
try {
  const contenders: readonly Contender[] = [forgeOnPostgres(server.url), graphileWorker(server.url), forgeOnSqlite()];
  const results: Results = new Map(measures.map(({ key }) => [key, new Map(contenders.map(({ name }) => [name, []]))]));
  for (let round = 1; round <= rounds; round++) {
    for (const measure of measures) {
      // Rounds alternate, so that a noisy neighbour or a warm cache meets every contender.
      for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
        const session = await contender.open();
        try {
          const value = await measure.round(session);
          results.get(measure.key)?.get(contender.name)?.push(value);
          console.error(`round ${round}: ${measure.key}, ${contender.name}: ${value.toFixed(2)} ${measure.unit}`);
        } finally {
          await session.close();
        }
      }
    }
  }
  console.log(
    `Node ${process.version}, PostgreSQL 18, ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, ${rounds} rounds\n`,
  );
  console.log(report(measures, results));
} finally {
  await server.stop();
}
