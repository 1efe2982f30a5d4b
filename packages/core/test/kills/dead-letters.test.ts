import { expect, test } from "vitest";
import { BROKEN, clinic, fail, operate } from "./lives/dead-letters.ts";
import { killAtEach, type Remains, STORES } from "./each-statement.ts";
import { until } from "../../../../test/support/until.ts";

/** Each job's status and whether it is discarded, by type and input. */
async function statuses({ database }: Remains): Promise<string[]> {
  const rows = await database.query("SELECT job_type, input, status, discarded_at FROM forge_jobs");
  return rows
    .map(
      ({ job_type: type, input, status, discarded_at: at }) =>
        `${String(type)} ${JSON.stringify(input)} ${at === null ? "" : "discarded "}${String(status)}`,
    )
    .toSorted();
}

test.each(STORES)(
  "%s: a process is killed after each statement of an operator's retryAll and discard: each job is as before or as after",
  { timeout: 240_000 },
  async (_, open) => {
    const found = new Set<string>();
    const statements = await killAtEach(open, {
      life: "./lives/dead-letters.ts",
      prepare: fail,
      check: async (remains) => {
        const { place, database, why } = remains;
        const said = await remains.lines();
        const jobs = await statuses(remains);
        const pending = jobs.filter((job) => job.startsWith("broken") && job.endsWith("pending"));
        // One step takes them all, or none.
        expect([1, 1 + BROKEN], why).toContain(pending.length);
        if (said.includes("retried")) expect(pending.length, why).toBe(1 + BROKEN);
        const isDiscarded =
          jobs.includes("unwanted {} discarded failed") || jobs.includes('unwanted "{}" discarded failed');
        if (said.includes("discarded")) expect(isDiscarded, why).toBe(true);
        if (!isDiscarded) expect(jobs.at(-1), why).toMatch(/ dead_letter$/);
        found.add(`${pending.length} ${isDiscarded}`);
        // Another operator does the same again, and nothing is in the way.
        const again = clinic(place, { works: true, mended: true });
        await again.forge.start();
        try {
          await operate(again, place);
          const completed = async (): Promise<boolean> =>
            (await again.forge.jobs.list({ type: "broken", status: "completed" })).jobs.length === BROKEN;
          await until(completed, { what: `what was retried to complete ${why}` });
          // Keys are free again, but for the one that is held.
          const other = await again.forge.dispatch(again.broken, 0, { idempotencyKey: "key 0", delay: "1d" });
          expect(await again.forge.dispatch(again.broken, 0, { idempotencyKey: "key 0" }), why).toBe(other);
          await again.forge.jobs.cancel(other);
        } finally {
          await again.forge.stop();
        }
        const acts = await database.query("SELECT event FROM forge_history WHERE event IN ('retry', 'discard')");
        // What was done is on record once.
        expect(acts.map(({ event }) => String(event)).toSorted(), why).toEqual([
          "discard",
          ...Array.from({ length: BROKEN }, () => "retry"),
        ]);
      },
    });
    expect(statements).toBeGreaterThan(3);
    expect([...found]).toEqual(expect.arrayContaining(["1 false", `${1 + BROKEN} false`, `${1 + BROKEN} true`]));
  },
);
