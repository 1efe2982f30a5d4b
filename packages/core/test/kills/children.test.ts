import { describe, expect, test } from "vitest";
import { family, PARTS } from "./lives/children.ts";
import { expectEachSettledOnce, killAtEach, lifeOf, type Remains, STORES, workOff } from "./each-statement.ts";

/** Lets another process go on, and looks whether a child was made twice or an output has another place. */
async function expectWhole(remains: Remains): Promise<void> {
  const { place, database, why } = remains;
  await workOff(family(place).forge, remains);
  const jobs = await database.query("SELECT id, parent_id, job_type, status, attempts, output FROM forge_jobs");
  const parents = jobs.filter((job) => job["job_type"] === "parent");
  expect(parents.length, `parents ${why}`).toBeLessThanOrEqual(1);
  expect(jobs.filter((job) => job["job_type"] === "part").length, `children ${why}`).toBe(
    parents.length * PARTS.length,
  );
  for (const { id, parent_id: parentId, status, attempts, output } of jobs) {
    expect({ status, attempts }, why).toEqual({ status: "completed", attempts: 1 });
    if (id === parents[0]?.["id"]) expect(output, `the outputs ${why}`).toMatch(/^"?a b"?$/);
    else expect(parentId, why).toBe(parents[0]?.["id"]);
  }
  await expectEachSettledOnce(remains);
}

/** Where a kill found the parent. */
const foundAt = (lines: readonly string[], hasEnded: boolean): string =>
  hasEnded
    ? "ended"
    : lines.includes("went on")
      ? "going on"
      : lines.includes("waits")
        ? "waiting"
        : lines.includes("ran")
          ? "dispatching"
          : "not begun";

const hasEnded = async ({ database }: Remains): Promise<boolean> =>
  (await database.query("SELECT 1 FROM forge_jobs WHERE job_type = 'parent' AND status = 'completed'")).length > 0;

describe.each(STORES)("%s", (_, open) => {
  test(
    "a process is killed after each statement of a job that waits for children: another goes on with the same ones",
    { timeout: 240_000 },
    async () => {
      const found = new Set<string>();
      const statements = await killAtEach(open, {
        life: "./lives/children.ts",
        check: async (remains) => {
          found.add(foundAt(await remains.lines(), await hasEnded(remains)));
          await expectWhole(remains);
        },
      });
      expect(statements).toBeGreaterThan(12);
      expect([...found]).toEqual(expect.arrayContaining(["not begun", "dispatching", "waiting", "going on", "ended"]));
    },
  );

  test(
    "the process that goes on with them is killed after each of its statements too: a third one ends what both began",
    { timeout: 240_000 },
    async () => {
      const found = new Set<string>();
      const statements = await killAtEach(open, {
        life: "./lives/children-again.ts",
        prepare: async (place) => expect(await lifeOf("./lives/children-die.ts", place)).toBe("killed"),
        check: async (remains) => {
          found.add(foundAt(await remains.lines(), await hasEnded(remains)));
          await expectWhole(remains);
        },
      });
      expect(statements).toBeGreaterThan(12);
      expect([...found]).toEqual(expect.arrayContaining(["waiting", "going on", "ended"]));
    },
  );
});
