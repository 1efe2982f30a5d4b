import fc from "fast-check";
import { afterAll, describe, expect, inject, test } from "vitest";
import { PostgresWorlds } from "../../conformance/open-postgres.ts";
import { openSqlite } from "../../conformance/open-sqlite.ts";
import type { OpenWorld } from "../../conformance/world.ts";
import { COMMANDS } from "./commands.ts";
import { Reach } from "./reach.ts";
import { begin } from "./step.ts";

const SEED = Number(process.env["MODEL_SEED"] ?? Date.now() % 1_000_000_000);
const STEPS = 300;
/** With fewer, as on a machine that is too slow, the walks need not come by everything. */
const ENOUGH_WALKS = 40;

const worlds = new PostgresWorlds(inject("postgres")[18]);
afterAll(worlds.close);

/** So many walks on each, or `MODEL_WALKS`. A file is quicker than a server. */
const databases: [string, OpenWorld, usualWalks: number][] = [
  ["SQLite", openSqlite, ENOUGH_WALKS],
  ["PostgreSQL 18", worlds.open, 15],
];

describe(`walks with the seed ${SEED}`, () => {
  const reach = new Reach();
  let walked = 0;

  test.each(databases)(
    "%s does what the model does, whatever comes in whatever order",
    { timeout: 150_000 * Math.max(1, Number(process.env["MODEL_WALKS"] ?? 0) / 15) },
    async (_, open, usualWalks) => {
      const walks = Number(process.env["MODEL_WALKS"] ?? usualWalks);
      const commands = fc.noBias(fc.commands(COMMANDS, { maxCommands: STEPS, size: "max" }));
      const walk = fc.asyncProperty(commands, async (steps) => {
        const world = await open({ migrated: true });
        try {
          await fc.asyncModelRun(async () => ({ model: await begin(world, reach), real: world }), steps);
          walked++;
        } finally {
          await world.dispose();
        }
      });
      // After that a walk that failed is not made shorter any more, and a run that did not is enough.
      const limitMs = 45_000 * Math.max(1, walks / usualWalks);
      await fc.assert(walk, { seed: SEED, numRuns: walks, interruptAfterTimeLimit: limitMs });
    },
  );

  test("the walks come by every place", () => {
    expect(walked < ENOUGH_WALKS ? [] : reach.missed({ isSoak: walked >= 10 * ENOUGH_WALKS })).toEqual([]);
  });
});
