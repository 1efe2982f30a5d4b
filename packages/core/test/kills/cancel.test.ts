import { expect, test } from "vitest";
import { JOBS, tree } from "./lives/cancel.ts";
import { expectEachSettledOnce, killAtEach, STORES, workOff } from "./each-statement.ts";

test.each(STORES)(
  "%s: a process is killed after each statement of a parent's cancellation: its children are cancelled with it, or none is",
  { timeout: 240_000 },
  async (_, open) => {
    const ends = new Set<string>();
    const statements = await killAtEach(open, {
      life: "./lives/cancel.ts",
      check: async (remains) => {
        const { place, database, why } = remains;
        const answered = (await remains.lines()).includes("cancelled");
        await workOff(tree(place, async () => {}).forge, remains);
        const jobs = await database.query("SELECT status, error FROM forge_jobs");
        const statuses = [...new Set(jobs.map(({ status }) => String(status)))];
        expect(statuses.length, `statuses ${why}: ${statuses.join()}`).toBe(1);
        expect(jobs.length, `jobs ${why}`).toBe(JOBS);
        if (answered) expect(statuses, why).toEqual(["cancelled"]);
        if (statuses[0] === "cancelled") for (const { error } of jobs) expect(error, why).toBe("changed my mind");
        ends.add(`${statuses[0]}`);
        await expectEachSettledOnce(remains);
      },
    });
    expect(statements).toBeGreaterThan(5);
    expect([...ends].toSorted()).toEqual(["cancelled", "completed"]);
  },
);
