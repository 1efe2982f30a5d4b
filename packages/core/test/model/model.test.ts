import fc from "fast-check";
import { afterAll, inject, test } from "vitest";
import { PostgresWorlds } from "../../conformance/open-postgres.ts";
import { openSqlite } from "../../conformance/open-sqlite.ts";
import type { OpenWorld } from "../../conformance/world.ts";
import { begin, COMMANDS } from "./commands.ts";

const SEED = Number(process.env["MODEL_SEED"] ?? Date.now() % 1_000_000_000);
/** Walks on each database; more for a long soak. */
const WALKS = Number(process.env["MODEL_WALKS"] ?? 25);
const STEPS = 80;
/** After which a walk that failed is not made shorter any more, and a run that did not is enough. */
const LIMIT_MS = 45_000 * Math.max(1, WALKS / 25);

const worlds = new PostgresWorlds(inject("postgres")[18]);
afterAll(worlds.close);

const databases: [string, OpenWorld][] = [
  ["SQLite", openSqlite],
  ["PostgreSQL 18", worlds.open],
];

test.each(databases)(
  `%s does what the model does, whatever comes in whatever order (seed ${SEED})`,
  { timeout: 3 * LIMIT_MS },
  async (_, open) => {
    const walk = fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: STEPS, size: "max" }), async (commands) => {
      const world = await open({ migrated: true });
      try {
        await fc.asyncModelRun(async () => ({ model: await begin(world), real: world }), commands);
      } finally {
        await world.dispose();
      }
    });
    await fc.assert(walk, { seed: SEED, numRuns: WALKS, interruptAfterTimeLimit: LIMIT_MS });
  },
);
