import { expect, test } from "vitest";
import { HOUR_MS, hourly, MISSED } from "./lives/crons.ts";
import { expectEachSettledOnce, killAtEach, STORES, workOff } from "./each-statement.ts";

test.each(STORES)(
  "%s: a process is killed after each statement of its crons' ticks: every tick has one job in the end, in order",
  { timeout: 240_000 },
  async (_, open) => {
    let registeredAt = 0;
    /** How many ticks had their jobs when a process was killed. */
    const made = new Set<number>();
    const statements = await killAtEach(open, {
      life: "./lives/crons.ts",
      prepare: async (place) => {
        const forge = hourly(place, { offsetMs: -MISSED * HOUR_MS });
        await forge.start();
        registeredAt = Date.now() - MISSED * HOUR_MS;
        await forge.stop();
      },
      check: async (remains) => {
        const { place, database, why } = remains;
        const jobs = async (): Promise<string[]> =>
          (await database.query("SELECT id FROM forge_jobs ORDER BY id")).map(({ id }) => String(id));
        made.add((await jobs()).length);
        await workOff(hourly(place), remains, MISSED);
        const ids = await jobs();
        const lines = [...new Set(await remains.lines())].toSorted();
        const first = Math.ceil(registeredAt / HOUR_MS) * HOUR_MS;
        // An hour may have passed meanwhile, and its tick is one more.
        const ticks = ids.map((_id, n) => new Date(first + n * HOUR_MS).toISOString());
        expect(lines, `ticks and their jobs ${why}`).toEqual(ticks.map((tick, n) => `${tick} ${ids[n]}`));
        expect(ids.length, why).toBeGreaterThanOrEqual(MISSED);
        await expectEachSettledOnce(remains);
      },
    });
    expect(statements).toBeGreaterThan(8);
    expect([...made]).toEqual(expect.arrayContaining([0, 1, 2, 3]));
  },
);
