import pg from "pg";
import { createDatabase } from "../../../../test/support/database.ts";
import { forgeOnPostgres } from "../forge.ts";
import type { Scenario } from "../scenario.ts";
import { BATCH, CONCURRENCY, DRAIN_JOBS } from "../settings.ts";
import { median } from "../statistics.ts";
import { table } from "../table.ts";

/**
 * Whether a transaction that somebody left open slows the work: nothing that ends meanwhile can be vacuumed away. Two
 * databases, one of them with such a transaction, each with one worker that stays, are given jobs in turn for as long as the
 * scenario may take; what counts is the time from the first dispatch to the last start.
 */
export const heldTransaction: Scenario = {
  key: "held",
  title: "work while a transaction is held open",
  async run({ server, minutes, say }) {
    const rates = { free: [] as number[], held: [] as number[] };
    // Both take turns, so that a checkpoint or a noisy neighbour meets both.
    const sides = [];
    for (const kind of ["free", "held"] as const) {
      const database = await createDatabase(server.url);
      const holder = new pg.Client({ connectionString: database.url });
      await holder.connect();
      const session = await forgeOnPostgres(server.url).open({ url: database.url });
      const work = await session.stay(CONCURRENCY);
      if (kind === "held") {
        await holder.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
        await holder.query("SELECT count(*) FROM forge_live");
      }
      sides.push({ kind, database, holder, session, work });
    }
    const until = performance.now() + minutes * 60_000;
    while (performance.now() < until) {
      for (const { kind, work } of sides) {
        rates[kind].push((DRAIN_JOBS / (await work(DRAIN_JOBS, BATCH))) * 1_000);
        say(`held, ${kind}: ${rates[kind].at(-1)?.toFixed(0)} jobs/s`);
      }
    }
    for (const { database, holder, session } of sides) {
      await session.close();
      await holder.end();
      await database.drop();
    }
    const shown = (values: readonly number[]): string => `${Math.round(median(values)).toLocaleString("en")} jobs/s`;
    const last = (values: readonly number[]): readonly number[] => values.slice(-Math.ceil(values.length / 3));
    return table(
      ["measure", "free", "held", "held / free (at least 0.85)"],
      [
        [
          "all rounds",
          shown(rates.free),
          shown(rates.held),
          `${(median(rates.held) / median(rates.free)).toFixed(2)}×`,
        ],
        [
          "the last third",
          shown(last(rates.free)),
          shown(last(rates.held)),
          `${(median(last(rates.held)) / median(last(rates.free))).toFixed(2)}×`,
        ],
      ],
    );
  },
};
