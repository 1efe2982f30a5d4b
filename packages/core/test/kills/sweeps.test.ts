import { expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { killAtEach, type Remains, STORES } from "./each-statement.ts";
import { storeAt } from "./place.ts";
import { litter, SWEPT, sweeperOn } from "./lives/sweeps.ts";

async function statuses({ database }: Remains): Promise<Map<string, string>> {
  const rows = await database.query("SELECT job_type, status FROM forge_jobs");
  return new Map(rows.map((row) => [String(row["job_type"]), String(row["status"])]));
}

const SIDE_TABLES = ["forge_keys", "forge_rate_places", "forge_history WHERE event = 'delete'"];

async function sideRows({ database }: Remains): Promise<number[]> {
  const counts = [];
  for (const table of SIDE_TABLES) counts.push((await database.query(`SELECT 1 FROM ${table}`)).length);
  return counts;
}

test.each(STORES)(
  "%s: a process is killed after each statement of a sweep: each job is as before or as after, and the next sweep ends it",
  { timeout: 240_000 },
  async (_, open) => {
    const found = new Set<string>();
    const final = Object.entries(SWEPT).flatMap(([type, [, after]]) =>
      after === null ? [] : [[type, after] as const],
    );
    const statements = await killAtEach(open, {
      life: "./lives/sweeps.ts",
      prepare: litter,
      check: async (remains) => {
        const { place, why } = remains;
        const left = await statuses(remains);
        found.add(
          [...left]
            .map((one) => one.join(" "))
            .toSorted()
            .join(),
        );
        for (const [type, [before, after]] of Object.entries(SWEPT)) {
          // One that is to be deleted as a dead letter is one first.
          const allowed = [before, after ?? undefined, ...(type === "old_failed" ? ["dead_letter"] : [])];
          expect(allowed, `${type} ${why}`).toContain(left.get(type));
        }
        const store = storeAt(place);
        const sweeper = sweeperOn(store, "the next");
        const isSwept = async (): Promise<boolean> => {
          await sweeper.sweep();
          const [now, side] = [await statuses(remains), await sideRows(remains)];
          return now.size === final.length && side.every((rows) => rows === 0);
        };
        // The lease of the dead one has to end first.
        try {
          await until(isSwept, { what: `the next sweep to end what was begun ${why}` });
        } finally {
          await store.close();
        }
        expect(await statuses(remains), why).toEqual(new Map(final));
        const history = await remains.database.query(
          "SELECT 1 FROM forge_history WHERE job_id NOT IN (SELECT id FROM forge_jobs)",
        );
        expect(history.length, `history of nobody ${why}`).toBe(0);
      },
    });
    expect(statements).toBeGreaterThan(8);
    // Nothing yet, all, and something in between.
    expect(found.size).toBeGreaterThan(3);
  },
);
