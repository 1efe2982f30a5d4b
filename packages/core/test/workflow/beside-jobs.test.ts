import { defineCron, defineJob, defineWorkflow } from "@forge-jobs/core";
import { describe, expect, test } from "vitest";
import { counted, starter } from "../isolate/starter.ts";
import { DATABASES, openRuns } from "../support/runs.ts";

for (const [name, open] of Object.entries(DATABASES)) {
  describe(`on ${name}`, () => {
    test("jobs and crons start runs, which go on without them", async () => {
      const started: string[] = [];
      const flow = defineWorkflow("flow", { run: async (_, input: { n: number }) => input.n + 1 });
      const job = defineJob("job", {
        run: async ({ startWorkflow }) => {
          started.push(await startWorkflow(flow, { n: 1 }, { owner: "ada" }));
        },
      });
      const cron = defineCron("0 0 1 1 *", {
        name: "cron",
        run: async (ctx) => void started.push(await ctx.startWorkflow(flow, { n: 2 })),
      });
      await using world = await openRuns(open(), { jobs: [job], crons: [cron], workflows: [flow] });
      await world.forge.jobs.wait(await world.forge.dispatch(job, undefined));
      await world.forge.jobs.wait(await world.forge.crons.trigger("cron"));
      const runs = await Promise.all(started.map((id) => world.forge.workflows.wait(id)));
      expect(runs).toMatchObject([
        { workflow: "flow", owner: "ada", parentId: null, output: 2 },
        { workflow: "flow", owner: null, parentId: null, output: 3 },
      ]);
    });

    test("an isolated job starts a run from its thread", { timeout: 60_000 }, async () => {
      await using world = await openRuns(open(), { jobs: [starter], workflows: [counted] });
      const job = await world.forge.jobs.wait(await world.forge.dispatch(starter, undefined));
      expect(job.status).toBe("completed");
      expect(await world.forge.workflows.wait(job.output as string)).toMatchObject({ owner: "ada", output: 2 });
    });

    test("runs are not for the verbs over jobs that failed", async () => {
      const flow = defineWorkflow("flow", { run: () => Promise.reject(new Error("no")) });
      await using world = await openRuns(open(), { workflows: [flow] });
      const { jobs, workflows } = world.forge;
      const id = await world.forge.startWorkflow(flow, {});
      const before = await workflows.wait(id);
      const refusal = { code: "CONFLICT", message: expect.stringContaining("is a run of the workflow flow") };
      await expect(jobs.retry(id)).rejects.toMatchObject(refusal);
      await expect(jobs.discard(id)).rejects.toMatchObject(refusal);
      expect(await workflows.get(id)).toEqual(before);
      expect((await jobs.list()).jobs).toEqual([]);
      expect(await jobs.get(id)).toMatchObject({ id, status: "failed" });
    });
  });
}
