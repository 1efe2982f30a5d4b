import { defineWorkflow } from "@forge-jobs/core";
import { describe, expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { DATABASES, openRuns } from "../support/runs.ts";

for (const [name, open] of Object.entries(DATABASES)) {
  describe(`on ${name}`, () => {
    test("a run that fails undoes what is recorded, the last step first, and ends compensated", async () => {
      const done: string[] = [];
      const book = (what: string) =>
        [
          what,
          () => {
            done.push(what);
            return what;
          },
          { compensate: (got: unknown) => void done.push(`undo ${String(got)}`) },
        ] as const;
      const trip = defineWorkflow("trip", {
        run: async (ctx) => {
          await ctx.step(...book("flight"));
          await ctx.step("note", () => "nothing to undo");
          await ctx.step(...book("hotel"));
          await ctx.step("car", () => Promise.reject(new Error("no cars")), { retry: false });
        },
      });
      await using world = await openRuns(open(), { workflows: [trip] });
      const id = await world.forge.startWorkflow(trip, {});
      const run = await world.forge.workflows.wait(id);
      expect(run).toMatchObject({ status: "compensated", error: expect.stringContaining("no cars") });
      expect(run.steps.map((step) => `${step.name} ${step.status}`)).toEqual([
        "flight compensated",
        "note completed",
        "hotel compensated",
        "car failed",
        "~hotel completed",
        "~flight completed",
      ]);
      expect(done).toEqual(["flight", "hotel", "undo hotel", "undo flight"]);
    });

    test("undoing goes on in another process, and does nothing twice", async () => {
      const done: string[] = [];
      let mayUndo = false;
      const trip = defineWorkflow("trip", {
        run: async (ctx) => {
          for (const what of ["a", "b", "c"]) {
            await ctx.step(what, () => void done.push(what), {
              compensate: () => {
                if (what === "b" && !mayUndo) throw new Error("later");
                done.push(`undo ${what}`);
              },
            });
          }
          throw new Error("no");
        },
      });
      await using world = await openRuns(open(), { workflows: [trip] });
      const id = await world.forge.startWorkflow(trip, {});
      await until(
        async () =>
          (await world.forge.workflows.get(id))?.steps.some(
            (step) => step.name === "~b" && step.attempt === 1 && step.dueAt !== null,
          ) === true,
        { what: "an undo failed" },
      );
      mayUndo = true;
      await world.restart();
      expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "compensated" });
      expect(done).toEqual(["a", "b", "c", "undo c", "undo b", "undo a"]);
    });

    test("the time of a run is up in its sleep: what was done is undone", async () => {
      const done: string[] = [];
      const slow = defineWorkflow("slow", {
        timeout: "1h",
        run: async (ctx) => {
          await ctx.step("done", () => 7, { compensate: (n) => void done.push(`undo ${n}`) });
          await ctx.waitForEvent("never");
        },
      });
      await using world = await openRuns(open(), { workflows: [slow] });
      const id = await world.forge.startWorkflow(slow, {});
      await until(async () => (await world.forge.workflows.get(id))?.status === "waiting", { what: "the run waits" });
      world.clock.offsetMs += 61 * 60_000;
      expect(await world.forge.workflows.wait(id)).toMatchObject({
        status: "compensated",
        error: expect.stringContaining("out of time"),
      });
      expect(done).toEqual(["undo 7"]);
    });

    test("a race has the same winner in every replay, and gives up its losers", async () => {
      const winners: unknown[] = [];
      const contest = defineWorkflow("contest", {
        run: async (ctx) => {
          const first = await ctx.race({
            slow: (inner) => inner.sleep("1h"),
            said: (inner) => inner.waitForEvent("said"),
            quick: (inner) => inner.step("quick", () => "won"),
          });
          winners.push(first);
          await ctx.waitForEvent("go");
          const both = await ctx.parallel({
            a: (inner) => inner.step("same", () => 1),
            b: (inner) => inner.step("same", () => 2),
          });
          return [first, both];
        },
      });
      await using world = await openRuns(open(), { workflows: [contest] });
      const id = await world.forge.startWorkflow(contest, {});
      await until(async () => (await world.forge.workflows.get(id))?.status === "waiting", { what: "the run waits" });
      expect(await world.forge.workflows.get(id)).toMatchObject({ waitingFor: "go" });
      await world.forge.workflows.signal(id, "said", "late");
      await world.restart();
      await world.forge.workflows.signal(id, "go");
      const run = await world.forge.workflows.wait(id);
      expect(run).toMatchObject({
        status: "completed",
        output: [
          { winner: "quick", value: "won" },
          { a: 1, b: 2 },
        ],
      });
      expect(new Set(winners.map((winner) => JSON.stringify(winner))).size).toBe(1);
    });
  });
}
