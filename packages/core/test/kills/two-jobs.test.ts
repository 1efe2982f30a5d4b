import { expect, test } from "vitest";
import { settleCount } from "../support/settles.ts";
import { expectEachSettledOnce, killAtEach, type Remains, STORES, workOff } from "./each-statement.ts";
import { twoJobs } from "./lives/two-jobs.ts";

/** Lets another process take over, and looks whether anything was lost, done twice, or charged. */
async function expectMended(remains: Remains): Promise<void> {
  const { place, database, why, ended } = remains;
  await workOff(twoJobs(place).forge, remains);
  const lines = await remains.lines();
  const dispatched = lines.flatMap((line) => (line.startsWith("dispatched ") ? [line.split(" ")[1]!] : []));
  const jobs = await database.query("SELECT id, job_type, status, attempts FROM forge_jobs");
  expect(
    jobs.map(({ id }) => String(id)),
    `jobs that were dispatched ${why}`,
  ).toEqual(expect.arrayContaining(dispatched));
  await expectEachSettledOnce(remains);
  for (const { id, job_type: type, status, attempts } of jobs) {
    const expected = { status: "completed", attempts: type === "failing" ? 2 : 1 };
    expect({ status, attempts }, `${String(type)} ${why}`).toEqual(expected);
    const runs = lines.filter((line) => line.startsWith(`ran ${String(id)} `)).length;
    expect(runs, `runs of ${String(type)} ${why}`).toBeGreaterThanOrEqual(expected.attempts);
    expect(runs, `runs of ${String(type)} ${why}`).toBeLessThanOrEqual(expected.attempts + 1);
  }
  if (ended) expect(await settleCount(database)).toBe(2);
}

test.each(STORES)(
  "%s: a process is killed after each statement of two jobs' lives",
  { timeout: 240_000 },
  async (_, open) => {
    const statements = await killAtEach(open, { life: "./lives/two-jobs.ts", check: expectMended });
    // A life of fewer would mean that it was not looked at.
    expect(statements).toBeGreaterThan(15);
  },
);
