import { defineJob, defineWorkflow, ForgeError } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { Deliveries } from "../../src/workflow/deliveries.ts";
import { DATABASES, openRuns } from "../support/runs.ts";
import { gate } from "../support/world.ts";
import { watchedStore } from "../support/watched-store.ts";

const open = DATABASES["SQLite"]!;

test("a race without branches is refused, an empty parallel ends at once", async () => {
  const work = defineWorkflow("work", {
    run: async (ctx) => [await ctx.parallel({}), await ctx.race({}).catch((error: { code: string }) => error.code)],
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  expect(await world.forge.workflows.wait(id)).toMatchObject({ output: [{}, "BAD_REQUEST"] });
});

test("branches, races and scopes may lie in each other", async () => {
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const all = await ctx.parallel({
        a: (a) =>
          a.race({
            won: (inner) => inner.scope("deep", (deep) => deep.step("s", () => "a")),
            lost: (inner) =>
              inner.parallel({
                one: (one) => one.sleep("1h"),
                two: async (two) => {
                  await two.sleep("1h");
                  return two.step("never", () => "never");
                },
              }),
          }),
        b: (b) => b.scope("deep", (deep) => deep.step("s", () => "b")),
      });
      await ctx.waitForEvent("go");
      return all;
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await world.untilWaiting(id, "go");
  await world.restart();
  await world.forge.workflows.signal(id, "go");
  const run = await world.forge.workflows.wait(id);
  expect(run.output).toEqual({ a: { winner: "won", value: "a" }, b: "b" });
  expect(run.steps.map(({ name, status }) => `${name} ${status}`)).toEqual([
    "a/won/deep/s completed",
    "a/lost/one/sleep skipped",
    "a/lost/two/sleep skipped",
    "b/deep/s completed",
    "go completed",
  ]);
});

test("what lost a race is not done again in a replay, whether it is recorded or not", async () => {
  const done: string[] = [];
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const { winner } = await ctx.race({
        slow: (inner) =>
          inner.step("slow", ({ signal }) => {
            done.push("slow");
            return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
          }),
        tries: (inner) =>
          inner.step(
            "tries",
            () => {
              done.push("tries");
              throw new Error("no");
            },
            { retry: { baseDelay: "10m" } },
          ),
        quick: (inner) => inner.step("quick", () => new Promise((resolve) => setTimeout(resolve, 20))),
      });
      for (const name of ["first", "second"]) await ctx.waitForEvent(name);
      return winner;
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await world.untilWaiting(id, "first");
  // As if the process had died before it could say who lost.
  await world.database.query("DELETE FROM forge_steps WHERE key = 'slow/slow'");
  await world.restart();
  await world.forge.workflows.signal(id, "first");
  await world.untilWaiting(id, "second");
  world.clock.offsetMs += 3_600_000;
  await world.forge.workflows.signal(id, "second");
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: "quick" });
  expect(done.toSorted()).toEqual(["slow", "tries"]);
});

test("a wait that lost a race leaves its signal to who waits for it later", async () => {
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const first = await ctx.race({
        said: (inner) => inner.waitForEvent("said"),
        quick: (inner) => inner.step("quick", () => "won"),
      });
      await ctx.waitForEvent("go");
      return [first.winner, await ctx.waitForEvent("said")];
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await world.untilWaiting(id, "go");
  // Not even where nobody has said that it lost.
  await world.database.query("UPDATE forge_steps SET status = 'running', ended_at = NULL WHERE key = 'said/said'");
  await world.forge.workflows.signal(id, "said", "kept");
  await world.restart();
  await world.forge.workflows.signal(id, "go");
  expect(await world.forge.workflows.wait(id)).toMatchObject({ output: ["quick", "kept"] });
});

test("a step that ignores that its race is lost does not keep the run", { timeout: 20_000 }, async () => {
  const release = gate();
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const { winner } = await ctx.race({
        deaf: (inner) => inner.step("deaf", () => release.opened),
        quick: (inner) => inner.step("quick", () => 1),
      });
      await ctx.waitForEvent("go");
      return winner;
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await world.untilWaiting(id, "go");
  await world.forge.workflows.signal(id, "go");
  const run = await world.forge.workflows.wait(id);
  expect(run).toMatchObject({ output: "quick", steps: [{ name: "deaf/deaf", status: "skipped" }, {}, {}] });
  release.open();
});

test("two branches that wait for the same event get one signal each", async () => {
  const work = defineWorkflow("work", {
    run: (ctx) =>
      ctx.parallel({
        a: (inner) => inner.waitForEvent<number>("said"),
        b: (inner) => inner.waitForEvent<number>("said"),
      }),
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await world.untilWaiting(id);
  await world.forge.workflows.signal(id, "said", 1);
  await until(async () => (await world.forge.workflows.get(id))!.steps.some(({ output }) => output === 1), {
    what: "the first",
  });
  await world.restart();
  await world.forge.workflows.signal(id, "said", 2);
  const run = await world.forge.workflows.wait(id);
  expect(new Set(Object.values(run.output as object))).toEqual(new Set([1, 2]));
});

test("Promise.race between a step, a sleep and an event has the same winner in every replay", async () => {
  const winners: unknown[] = [];
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const winner = await Promise.race([
        ctx.waitForEvent("said").then(() => "said"),
        ctx.sleep("nap", "30ms").then(() => "nap"),
        ctx.step("work", () => new Promise((resolve) => setTimeout(resolve, 60))).then(() => "work"),
      ]);
      winners.push(winner);
      await ctx.waitForEvent("go");
      return winner;
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await until(
    async () =>
      (await world.forge.workflows.get(id))?.steps.find(({ name }) => name === "work")?.status === "completed",
    { what: "the step" },
  );
  await world.restart();
  await world.forge.workflows.signal(id, "said");
  await world.forge.workflows.signal(id, "go");
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: "nap" });
  expect(new Set(winners)).toEqual(new Set(["nap"]));
});

test("a result that was recorded first is handed out first, though its write took longer", async () => {
  const order: string[] = [];
  const idle = gate();
  const deliveries = new Deliveries(() => idle.open());
  const isWritten = deliveries.expect(1);
  deliveries.add(2, () => order.push("second"));
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(order).toEqual([]);
  deliveries.add(1, () => order.push("first"));
  isWritten();
  await idle.opened;
  expect(order).toEqual(["first", "second"]);
});

test("steps side by side may be many, and none warns of a leak", { timeout: 30_000 }, async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.message);
  process.on("warning", onWarning);
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const all = await ctx.race({
        many: (inner) => Promise.all(Array.from({ length: 200 }, (_, n) => inner.step(`s${n}`, () => n))),
      });
      return all.value.reduce((sum, n) => sum + n, 0);
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  expect(await world.forge.workflows.wait(id)).toMatchObject({ output: 19_900 });
  process.off("warning", onWarning);
  expect(warnings).toEqual([]);
});

test("a run retraces its code to the end of its record, also where that waits for things of its own", async () => {
  const undone: string[] = [];
  let mayUndo = false;
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      for (const name of ["a", "b"]) {
        await ctx.step(name, () => name, {
          retry: false,
          compensate: () => {
            if (!mayUndo) throw new Error("later");
            undone.push(name);
          },
        });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error("no");
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await until(
    async () => (await world.forge.workflows.get(id))?.steps.some(({ name, dueAt }) => name === "~b" && dueAt !== null),
    {
      what: "an undo failed",
    },
  );
  mayUndo = true;
  await world.restart();
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "compensated" });
  expect(undone).toEqual(["b", "a"]);
});

test("a child is found again, and its end, where the answer of its dispatch was lost", async () => {
  const job = defineJob("job", { run: () => "done" });
  const work = defineWorkflow("work", { run: (ctx) => ctx.runJob(job, {}) });
  let losses = 0;
  await using world = await openRuns(open(), {
    workflows: [work],
    jobs: [job],
    watch: (store) =>
      watchedStore(store, ["children.dispatch"], async ({ when }) => {
        if (when === "before" || losses++ > 0) return;
        // Long enough for the child to end before anybody has recorded that it is waited for.
        await until(async () => (await world.forge.jobs.list({ type: "job", status: "completed" })).jobs.length === 1, {
          what: "the child to end",
        });
        throw new ForgeError("UNAVAILABLE", "The answer is lost.");
      }),
    replays: true,
  });
  const id = await world.forge.startWorkflow(work, {});
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: "done" });
});
