import { defineJob, defineWorkflow, type StepFailed } from "@forge-jobs/core";
import { describe, expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { DATABASES, openRuns } from "../support/runs.ts";
import { gate } from "../support/world.ts";

const soon = { baseDelay: "1ms", maxBackoff: "2ms" } as const;

for (const [name, open] of Object.entries(DATABASES)) {
  describe(`on ${name}`, () => {
    test("a run does its steps once each, in order, and completes with what it returns", async () => {
      const done: string[] = [];
      const greet = defineWorkflow("greet", {
        run: async (ctx, input: { name: string }) => {
          const first = await ctx.step("first", () => {
            done.push("first");
            return { hello: input.name };
          });
          const second = await ctx.step("second", () => {
            done.push("second");
            return `${first.hello}!`;
          });
          return { second };
        },
      });
      await using world = await openRuns(open(), { workflows: [greet] });
      const id = await world.forge.startWorkflow(greet, { name: "Ada" });
      expect(await world.forge.workflows.wait(id)).toMatchObject({
        workflow: "greet",
        version: 1,
        status: "completed",
        output: { second: "Ada!" },
        steps: [
          { name: "first", kind: "step", status: "completed", output: { hello: "Ada" }, attempt: 1 },
          { name: "second", kind: "step", status: "completed", output: "Ada!" },
        ],
      });
      expect(done).toEqual(["first", "second"]);
    });

    test("a run goes on in another process after the last recorded step", async () => {
      const done: string[] = [];
      const reached = gate();
      let isSecond = false;
      const work = defineWorkflow("work", {
        run: async (ctx) => {
          await ctx.step("one", () => done.push("one"));
          await ctx.step("two", ({ signal }) => {
            done.push("two");
            if (isSecond) return undefined;
            reached.open();
            return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
          });
          return ctx.isResumed;
        },
      });
      await using world = await openRuns(open(), { workflows: [work] });
      const id = await world.forge.startWorkflow(work, {});
      await reached.opened;
      isSecond = true;
      await world.restart();
      expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: true });
      expect(done).toEqual(["one", "two", "two"]);
    });

    test("a step that fails is tried again, and once its attempts are spent the run fails with what it says", async () => {
      let tries = 0;
      const work = defineWorkflow("work", {
        run: async (ctx) => {
          const got = await ctx.step(
            "shaky",
            () => {
              if (++tries < 3) throw new Error(`no ${tries}`);
              return tries;
            },
            { retry: soon },
          );
          await ctx.step("hopeless", () => Promise.reject(new TypeError("never")), {
            retry: { ...soon, maxAttempts: 2 },
          });
          return got;
        },
      });
      await using world = await openRuns(open(), { workflows: [work] });
      const id = await world.forge.startWorkflow(work, {});
      const run = await world.forge.workflows.wait(id);
      expect(run).toMatchObject({
        status: "failed",
        publicError: expect.stringContaining("The job failed"),
        steps: [
          { name: "shaky", status: "completed", attempt: 3, output: 3 },
          { name: "hopeless", status: "failed", attempt: 2, errorName: "TypeError" },
        ],
      });
      expect(run.error).toContain("never");
    });

    test("code can catch a step's failure, and sees the same when the run is taken up again", async () => {
      const seen: unknown[] = [];
      const work = defineWorkflow("work", {
        run: async (ctx) => {
          const error = await ctx
            .step("fails", () => Promise.reject(new RangeError("out")), { retry: false })
            .catch((thrown: unknown) => thrown);
          seen.push([(error as StepFailed).step, (error as StepFailed).errorName, (error as StepFailed).message]);
          await ctx.waitForEvent("go");
          return "caught";
        },
      });
      await using world = await openRuns(open(), { workflows: [work] });
      const id = await world.forge.startWorkflow(work, {});
      await until(async () => (await world.forge.workflows.get(id))?.status === "waiting", { what: "the run waits" });
      await world.restart();
      await world.forge.workflows.signal(id, "go");
      expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: "caught" });
      expect(seen).toHaveLength(2);
      expect(seen[1]).toEqual(seen[0]);
      expect(seen[0]).toMatchObject(["fails", "RangeError", expect.stringContaining("out")]);
    });

    test("names that repeat are numbered, and scopes have names of their own", async () => {
      const work = defineWorkflow("work", {
        run: async (ctx) => {
          const all: unknown[] = [];
          for (const n of [1, 2]) all.push(await ctx.step("item", () => n));
          for (const n of [1, 2]) all.push(await ctx.scope("each", (inner) => inner.step("item", () => n * 10)));
          return all;
        },
      });
      await using world = await openRuns(open(), { workflows: [work] });
      const id = await world.forge.startWorkflow(work, {});
      const run = await world.forge.workflows.wait(id);
      expect(run.output).toEqual([1, 2, 10, 20]);
      expect(run.steps.map((step) => step.name)).toEqual(["item", "item#2", "each/item", "each#2/item"]);
    });

    test("a sleeping run waits, holds no slot, and goes on when its time has come, whichever process is there", async () => {
      const done: string[] = [];
      const work = defineWorkflow("work", {
        run: async (ctx) => {
          await ctx.step("before", () => done.push("before"));
          await ctx.sleep("nap", "1h");
          await ctx.sleep("1h");
          await ctx.step("after", () => done.push("after"));
          return "rested";
        },
      });
      const other = defineJob("other", { run: () => "ran" });
      await using world = await openRuns(open(), {
        workflows: [work],
        jobs: [other],
        worker: { queues: { default: 1 } },
      });
      const id = await world.forge.startWorkflow(work, {});
      await until(async () => (await world.forge.workflows.get(id))?.status === "waiting", { what: "the run waits" });
      expect(await world.forge.workflows.get(id)).toMatchObject({ waitingFor: "nap", attempts: 0 });
      const job = await world.forge.dispatch(other, {});
      expect(await world.forge.jobs.wait(job)).toMatchObject({ status: "completed" });
      world.clock.offsetMs += 61 * 60_000;
      await until(async () => (await world.forge.workflows.get(id))?.waitingFor === "sleep", {
        what: "the second sleep",
      });
      await world.restart();
      world.clock.offsetMs += 61 * 60_000;
      expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: "rested" });
      expect(done).toEqual(["before", "after"]);
    });

    test("a signal that comes early is there, each is handed out once, and a wait may time out", async () => {
      const work = defineWorkflow("work", {
        run: async (ctx) => {
          const first = await ctx.waitForEvent<number>("said");
          const second = await ctx.waitForEvent<number>("said");
          const third = await ctx.waitForEvent("said", { timeout: "50ms" });
          return [first, second, third];
        },
      });
      await using world = await openRuns(open(), { workflows: [work] });
      const id = await world.forge.startWorkflow(work, {}, { delay: "1h" });
      await world.forge.workflows.signal(id, "said", 1, { signalId: "a" });
      await world.forge.workflows.signal(id, "said", 1, { signalId: "a" });
      await world.forge.workflows.signal(id, "said", 2);
      world.clock.offsetMs += 61 * 60_000;
      expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: [1, 2, null] });
      await expect(world.forge.workflows.signal(id, "said", 3)).rejects.toMatchObject({ code: "CONFLICT" });
    });

    test("children run without holding the slot; their outputs and failures come back", async () => {
      const double = defineJob("double", { run: (_, n: number) => n * 2 });
      const broken = defineJob("broken", { retry: false, run: () => Promise.reject(new Error("no")) });
      const inner = defineWorkflow("inner", {
        run: async (ctx, n: number) => ctx.step("add", () => n + 1),
      });
      const work = defineWorkflow("work", {
        run: async (ctx) => {
          const doubled = await ctx.runJob(double, 21);
          const added = await ctx.runWorkflow(inner, doubled);
          const failed = await ctx.runJob(broken, null).catch((error: unknown) => (error as Error).name);
          const id = await ctx.dispatch(double, 1);
          return { doubled, added, failed, id };
        },
      });
      await using world = await openRuns(open(), {
        workflows: [work, inner],
        jobs: [double, broken],
        worker: { queues: { default: 1 } },
      });
      const id = await world.forge.startWorkflow(work, {});
      const run = await world.forge.workflows.wait(id);
      expect(run).toMatchObject({
        status: "completed",
        output: { doubled: 42, added: 43, failed: "ChildFailed", id: expect.any(String) },
      });
      expect(await world.forge.jobs.wait((run.output as { id: string }).id)).toMatchObject({ output: 2 });
    });
  });
}
