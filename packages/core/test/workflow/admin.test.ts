import { defineJob, defineWorkflow, type WorkflowDefinition } from "@forge-jobs/core";
import { describe, expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { DATABASES, openRuns, type RunsWorld } from "../support/runs.ts";

async function asleep({ forge }: RunsWorld, id: string): Promise<void> {
  await until(async () => (await forge.workflows.get(id))?.status === "waiting", { what: "the run waits" });
}

for (const [name, open] of Object.entries(DATABASES)) {
  describe(`on ${name}`, () => {
    test("a run that is cancelled with compensate undoes what it did, and ends compensated with the reason", async () => {
      const done: string[] = [];
      const trip = defineWorkflow("trip", {
        run: async (ctx) => {
          await ctx.step("flight", () => 7, { compensate: (n) => void done.push(`undo ${n}`) });
          await ctx.waitForEvent("paid");
          done.push("paid");
        },
      });
      await using world = await openRuns(open(), { workflows: [trip] });
      const id = await world.forge.startWorkflow(trip, {});
      await asleep(world, id);
      await world.forge.workflows.cancel(id, { compensate: true, reason: "the customer left", by: "ada" });
      const run = await world.forge.workflows.wait(id);
      expect(run).toMatchObject({
        status: "compensated",
        error: "the customer left",
        publicError: "the customer left",
      });
      expect(run.steps).toMatchObject([
        { name: "flight", status: "compensated" },
        { name: "paid", status: "skipped" },
        { name: "~flight", status: "completed" },
      ]);
      expect(done).toEqual(["undo 7"]);
      // Later ones find it ended.
      await world.forge.workflows.cancel(id, { compensate: true });
      expect((await world.forge.workflows.get(id))?.status).toBe("compensated");
      await expect(
        world.forge.workflows.cancel("0198c0de-0000-7000-8000-000000000000", { compensate: true }),
      ).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(world.forge.workflows.cancel(id, { compensate: 1 as never })).rejects.toMatchObject({
        code: "BAD_REQUEST",
      });
    });

    test("one that has done nothing to undo is cancelled, and children that are under way end with the run", async () => {
      const child = defineJob("child", { queue: "nobody", run: async () => {} });
      const idle = defineWorkflow("idle", { run: (ctx) => ctx.waitForEvent("never") });
      const parent = defineWorkflow("parent", {
        run: async (ctx) => {
          await ctx.step("a", () => 1, { compensate: () => {} });
          await ctx.runJob(child, undefined);
        },
      });
      const worker = { queues: { default: 4 } };
      await using world = await openRuns(open(), { jobs: [child], workflows: [idle, parent], worker });
      const [one, two] = [await world.forge.startWorkflow(idle, {}), await world.forge.startWorkflow(parent, {})];
      for (const id of [one, two]) await asleep(world, id);
      for (const id of [one, two]) await world.forge.workflows.cancel(id, { compensate: true, reason: "enough" });
      expect(await world.forge.workflows.wait(one)).toMatchObject({ status: "cancelled", error: "enough" });
      const run = await world.forge.workflows.wait(two);
      expect(run.status).toBe("compensated");
      const childId = run.steps.find(({ kind }) => kind === "job")!.childId!;
      expect(await world.forge.jobs.get(childId)).toMatchObject({ status: "cancelled", error: "enough" });
    });

    test("a run whose undo the code no longer offers is helped by hand", async () => {
      const flow = (compensate?: () => void) =>
        defineWorkflow("flow", {
          run: async (ctx) => {
            await ctx.step("a", () => 1, compensate === undefined ? {} : { compensate });
            await ctx.waitForEvent("go");
          },
        });
      const before = flow(() => {});
      await using world = await openRuns(open(), { workflows: [before] });
      const id = await world.forge.startWorkflow(before, {});
      await asleep(world, id);
      await world.restart({ workflows: [flow()] });
      await world.forge.workflows.cancel(id, { compensate: true, reason: "enough" });
      const isBlocked = async (): Promise<boolean> => {
        const run = await world.forge.workflows.get(id);
        return run?.status === "compensating" && run.blocked?.includes('skipStep(id, "~a")') === true;
      };
      await until(isBlocked, { what: "the run cannot go on" });
      await world.forge.workflows.skipStep(id, "~a", undefined, { by: "ada" });
      const run = await world.forge.workflows.wait(id);
      expect(run).toMatchObject({ status: "compensated", error: "enough", blocked: null });
      expect(run.steps[0]).toMatchObject({ name: "a", status: "compensated" });
    });

    test("runs are listed in pages, and those that nobody can take up say so", async () => {
      const [one, two] = [1, 2].map((version) =>
        defineWorkflow("flow", { version, run: (ctx) => ctx.waitForEvent("go") }),
      ) as [WorkflowDefinition, WorkflowDefinition];
      await using world = await openRuns(open(), { workflows: [one, two] });
      const ids: string[] = [];
      for (const flow of [one, two, two]) {
        ids.push(await world.forge.startWorkflow(flow, {}, { owner: `owner ${ids.length}` }));
      }
      for (const id of ids) await asleep(world, id);
      const { workflows } = world.forge;
      const first = await workflows.list({ limit: 2 });
      expect(first.runs).toMatchObject([
        { id: ids[2], version: 2, status: "waiting", blocked: null },
        { id: ids[1], version: 2, status: "waiting", blocked: null },
      ]);
      const second = await workflows.list({ limit: 2, cursor: first.cursor! });
      expect(second).toMatchObject({ runs: [{ id: ids[0], version: 1 }], cursor: null });
      expect((await workflows.list({ workflow: "flow", version: 2, owner: "owner 1" })).runs).toMatchObject([
        { id: ids[1] },
      ]);
      expect((await workflows.list({ blocked: true })).runs).toEqual([]);
      await world.restart({ workflows: [one] });
      await world.forge.workflows.signal(ids[2]!, "go");
      // A worker that has just stopped may count as one that serves for a moment.
      const blocked = async () => (await world.forge.workflows.list({ blocked: true })).runs;
      await until(async () => (await blocked()).length > 0, { what: "the run counts as blocked" });
      expect(await blocked()).toMatchObject([
        { id: ids[2], blocked: "No worker that runs has flow in version 2 and serves the queue default." },
      ]);
      const bad = [
        { status: "pending" },
        { limit: 0 },
        { cursor: "x" },
        { blocked: 1 },
        { version: "1" },
        { name: "x" },
      ];
      for (const options of bad) {
        await expect(world.forge.workflows.list(options as never)).rejects.toMatchObject({ code: "BAD_REQUEST" });
      }
    });

    test("a step that cannot be done is skipped with a result, with which the run goes on", async () => {
      const results: unknown[] = [];
      const flow = defineWorkflow("flow", {
        run: async (ctx) => {
          const flaky = () => Promise.reject(new Error("down"));
          results.push(await ctx.step("charge", flaky, { retry: { maxAttempts: 5, baseDelay: "1h" } }));
          results.push(await ctx.waitForEvent("paid"), await ctx.step("later", () => "own"));
          return "done";
        },
      });
      await using world = await openRuns(open(), { workflows: [flow] });
      const { workflows } = world.forge;
      const id = await world.forge.startWorkflow(flow, {});
      const hasFailed = async (): Promise<boolean> => (await workflows.get(id))?.steps[0]?.dueAt instanceof Date;
      await until(hasFailed, { what: "the step waits for its next attempt" });
      await workflows.skipStep(id, "later", "by hand", { by: "ada" });
      await workflows.skipStep(id, "charge", { receipt: 9 });
      await until(async () => (await workflows.get(id))?.waitingFor === "paid", { what: "the run waits" });
      await expect(workflows.skipStep(id, "charge")).rejects.toMatchObject({ code: "CONFLICT" });
      await workflows.skipStep(id, "paid");
      expect(await workflows.wait(id)).toMatchObject({ status: "completed", output: "done" });
      expect(results.slice(-3)).toEqual([{ receipt: 9 }, null, "by hand"]);
      await expect(workflows.skipStep(id, "more")).rejects.toMatchObject({ code: "CONFLICT" });
      await expect(workflows.skipStep(id, "x", 1n)).rejects.toMatchObject({ code: "INVALID_ARGS" });
      await expect(workflows.skipStep("0198c0de-0000-7000-8000-000000000000", "x")).rejects.toMatchObject({
        code: "NOT_FOUND",
      });
    });
  });
}
