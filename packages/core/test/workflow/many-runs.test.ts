import { defineJob, defineWorkflow } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { DATABASES, openRuns } from "../support/runs.ts";
import { type Boundary, watchedStore } from "../support/watched-store.ts";

const SLEEPERS = 10_000;
const WOKEN = 1_000;

for (const [name, open] of Object.entries(DATABASES)) {
  test(
    `on ${name}: ten thousand sleeping runs hold no slot and no timer, and a thousand due at once are woken in seconds`,
    {
      timeout: 180_000,
    },
    async () => {
      const nap = defineWorkflow("nap", {
        run: async (ctx, hours: number) => {
          await ctx.sleep(`${hours}h`);
          return hours;
        },
      });
      const job = defineJob("job", { run: () => "ran" });
      await using world = await openRuns(open(), {
        workflows: [nap],
        jobs: [job],
        worker: { queues: { default: 20 } },
        replays: false,
      });
      for (let from = 0; from < SLEEPERS; from += 1_000) {
        const hours = from < WOKEN ? 1 : 100;
        await Promise.all(Array.from({ length: 1_000 }, () => world.forge.startWorkflow(nap, hours)));
      }
      const count = async (where: string): Promise<number> =>
        Number((await world.database.query(`SELECT count(*) AS n FROM forge_jobs WHERE ${where}`))[0]!["n"]);
      await until(async () => (await count("status = 'waiting'")) === SLEEPERS, {
        what: "all to sleep",
        within: 120_000,
        every: 200,
      });
      expect(process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length).toBeLessThan(50);
      const id = await world.forge.dispatch(job, {});
      expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed" });
      const before = performance.now();
      world.clock.offsetMs += 3_700_000;
      await until(async () => (await count("status = 'completed' AND kind = 'workflow'")) === WOKEN, {
        what: "those that are due to end",
        within: 60_000,
        every: 100,
      });
      expect(performance.now() - before).toBeLessThan(20_000);
      expect(await count("status = 'waiting'")).toBe(SLEEPERS - WOKEN);
    },
  );
}

test(
  "a run of a thousand steps is not read while it goes on, and resumed by one read",
  { timeout: 120_000 },
  async () => {
    const asked: string[] = [];
    let logged = 0;
    const work = defineWorkflow("work", {
      run: async (ctx) => {
        let sum = 0;
        for (let n = 1; n <= 1_000; n++) {
          sum += await ctx.step("item", () => n);
          ctx.log.debug("item", { n });
        }
        logged++;
        await ctx.waitForEvent("go");
        return sum;
      },
    });
    const watch = ({ verb, when }: Boundary): void => {
      if (when === "after") asked.push(verb);
    };
    await using world = await openRuns(DATABASES["SQLite"]!(), {
      workflows: [work],
      watch: (store) => watchedStore(store, ["workflows.load", "workflows.record"], watch),
    });
    const id = await world.forge.startWorkflow(work, {});
    await until(() => logged === 1, { what: "all steps", within: 60_000 });
    await world.untilWaiting(id);
    const loads = asked.filter((verb) => verb === "workflows.load").length;
    // The first, and one now and then for what others may have said.
    expect(loads).toBeLessThan(100);
    await world.restart();
    asked.length = 0;
    const before = performance.now();
    await world.forge.workflows.signal(id, "go");
    expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: 500_500 });
    expect(performance.now() - before).toBeLessThan(10_000);
    expect(asked.filter((verb) => verb === "workflows.load")).toEqual(["workflows.load"]);
    expect(world.logs.filter(({ message }) => message === "item")).toHaveLength(1_000);
  },
);
