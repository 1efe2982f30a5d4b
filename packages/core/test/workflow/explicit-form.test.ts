import { defineWorkflow, type WorkflowContext } from "@forge-jobs/core";
import { describe, expect, test } from "vitest";
import { DATABASES, openRuns } from "../support/runs.ts";
import { gate } from "../support/world.ts";

const STEPS = ["generate_token", "store_token", "send_email", "wait_for_click", "mark_verified"];

for (const [name, open] of Object.entries(DATABASES)) {
  describe(`on ${name}`, () => {
    test.each(STEPS)("a verification in the explicit form goes on after its process was killed in %s", async (dies) => {
      const done: string[] = [];
      const resumed: boolean[] = [];
      const reached = gate();
      let isKilled = false;
      const work = async (ctx: WorkflowContext, step: string, fn: () => unknown): Promise<void> => {
        if (ctx.isStepCompleted(step)) return;
        ctx.recordStepStart(step);
        done.push(step);
        if (step === dies && !isKilled) {
          reached.open();
          await new Promise<never>(() => {});
        }
        await ctx.recordStepComplete(step, fn());
      };
      const verification = defineWorkflow("verification", {
        run: async (ctx, { email }: { email: string }) => {
          resumed.push(ctx.isResumed);
          await work(ctx, "generate_token", () => `token for ${email}`);
          const token = ctx.getStepResult<string>("generate_token")!;
          await work(ctx, "store_token", () => ({ stored: token }));
          await work(ctx, "send_email", () => null);
          await work(ctx, "wait_for_click", () => undefined);
          await work(ctx, "mark_verified", () => true);
          return [
            token,
            ctx.getStepResult("store_token"),
            ctx.getStepResult("mark_verified"),
            ctx.getStepResult("other"),
          ];
        },
      });
      await using world = await openRuns(open(), { workflows: [verification] });
      const id = await world.forge.startWorkflow(verification, { email: "ada@example.org" });
      await reached.opened;
      isKilled = true;
      await world.restart();
      const run = await world.forge.workflows.wait(id);
      expect(run).toMatchObject({
        status: "completed",
        output: ["token for ada@example.org", { stored: "token for ada@example.org" }, true, null],
      });
      expect(run.steps.map((step) => `${step.name} ${step.status}`)).toEqual(STEPS.map((step) => `${step} completed`));
      expect(done).toEqual([...STEPS.slice(0, STEPS.indexOf(dies) + 1), ...STEPS.slice(STEPS.indexOf(dies))]);
      expect(resumed[0]).toBe(false);
    });

    test("both forms live in one run; what is recorded and not awaited is there before the next wait", async () => {
      const done: string[] = [];
      const mixed = defineWorkflow("mixed", {
        run: async (ctx) => {
          const one = await ctx.step("one", () => done.push("one"));
          if (!ctx.isStepCompleted("two")) {
            done.push("two");
            void ctx.recordStepComplete("two", { from: one });
          }
          expect(ctx.isStepCompleted("two")).toBe(true);
          const two = ctx.getStepResult("two");
          await ctx.sleep("nap", "1h");
          if (!ctx.isStepCompleted("three")) {
            done.push("three");
            void ctx.recordStepComplete("three");
          }
          return { one: ctx.getStepResult("one"), two };
        },
      });
      await using world = await openRuns(open(), { workflows: [mixed] });
      const id = await world.forge.startWorkflow(mixed, {});
      await world.untilWaiting(id, "nap");
      const asleep = (await world.forge.workflows.get(id))!;
      expect(asleep.steps.map(({ name: key, status }) => `${key} ${status}`)).toEqual([
        "one completed",
        "two completed",
        "nap running",
      ]);
      await world.restart();
      world.clock.offsetMs += 3_700_000;
      const run = await world.forge.workflows.wait(id);
      expect(run).toMatchObject({ status: "completed", output: { one: 1, two: { from: 1 } } });
      expect(run.steps.map(({ name: key }) => key)).toEqual(["one", "two", "nap", "three"]);
      expect(done).toEqual(["one", "two", "three"]);
    });
  });
}
