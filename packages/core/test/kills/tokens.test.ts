import { expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { expectEachSettledOnce, killAtEach, STORES } from "./each-statement.ts";
import { storeAt } from "./place.ts";
import { BURST, callers, CALLS, configure, MINUTE_MS } from "./lives/tokens.ts";

test.each(STORES)(
  "%s: a process is killed after each statement of jobs that want tokens: none is had twice, and every job gets one in the end",
  { timeout: 240_000 },
  async (_, open) => {
    /** How many tokens jobs had when their process was killed. */
    const had = new Set<number>();
    const statements = await killAtEach(open, {
      life: "./lives/tokens.ts",
      prepare: configure,
      check: async (remains) => {
        const { place, database, why } = remains;
        const granted = async (): Promise<number> =>
          (await remains.lines()).filter((line) => line.startsWith("granted")).length;
        const before = await granted();
        expect(before, `tokens ${why}`).toBeLessThanOrEqual(BURST);
        had.add(before);
        const store = storeAt(place);
        const [bucket] = await store.rateLimits.list({ scope: "api" });
        await store.close();
        // One that is gone with nobody to show for it was given to a run that died before it knew.
        expect(bucket!.available, `tokens left ${why}`).toBeLessThanOrEqual(BURST - before);
        // Whoever had one and lost its process wants another: long enough for all of them to flow in.
        const clock = { offsetMs: CALLS * MINUTE_MS };
        const { forge } = callers(place, clock);
        await forge.start();
        try {
          const isQuiet = async (): Promise<boolean> => {
            const live = await database.query("SELECT status FROM forge_live");
            if (live.every(({ status }) => status === "pending")) clock.offsetMs += MINUTE_MS / 10;
            return live.length === 0;
          };
          await until(isQuiet, { what: `every job to get its token ${why}`, within: 30_000 });
        } finally {
          await forge.stop();
        }
        expect(await granted(), `tokens in the end ${why}`).toBeLessThanOrEqual(
          BURST + Math.ceil(clock.offsetMs / MINUTE_MS),
        );
        const jobs = await database.query("SELECT status, attempts FROM forge_jobs");
        for (const { status, attempts } of jobs)
          expect({ status, attempts }, why).toEqual({ status: "completed", attempts: 1 });
        if ((await remains.lines()).includes("dispatched")) expect(jobs.length, why).toBe(CALLS);
        await expectEachSettledOnce(remains);
      },
    });
    expect(statements).toBeGreaterThan(8);
    expect([...had]).toEqual(expect.arrayContaining([0, BURST]));
  },
);
