import { defineWorkflow, ForgeError } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { DATABASES, openRuns } from "../support/runs.ts";
import { gate } from "../support/world.ts";
import { watchedStore } from "../support/watched-store.ts";

const open = DATABASES["SQLite"]!;

test("a process that stops gives its runs back between two steps, and another goes on with the next one", async () => {
  const done: number[] = [];
  const reached = gate();
  const mayEnd = gate();
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      for (let n = 1; n <= 5; n++) {
        await ctx.step("item", async () => {
          done.push(n);
          if (n !== 2) return;
          reached.open();
          await mayEnd.opened;
        });
      }
      return "all";
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await reached.opened;
  const stopped = world.forge.stop({ timeout: "1m" });
  mayEnd.open();
  await stopped;
  expect(done).toEqual([1, 2]);
  await world.restart();
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", attempts: 1 });
  expect(done).toEqual([1, 2, 3, 4, 5]);
});

test("a process that stops does not wait for a run's sleep, nor lose it", async () => {
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      await ctx.step("one", () => 1);
      await ctx.sleep("nap", "1900ms");
      return "rested";
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await until(async () => (await world.forge.workflows.get(id))?.steps.some(({ name }) => name === "nap"), {
    what: "the sleep",
  });
  const before = performance.now();
  await world.forge.stop({ timeout: "1m" });
  expect(performance.now() - before).toBeLessThan(1_500);
  await world.restart();
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: "rested" });
});

test("an undoing is given back between two of its steps too", async () => {
  const undone: string[] = [];
  const reached = gate();
  const mayEnd = gate();
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      for (const name of ["a", "b", "c"]) {
        await ctx.step(name, () => name, {
          compensate: async () => {
            undone.push(name);
            if (name !== "c") return;
            reached.open();
            await mayEnd.opened;
          },
        });
      }
      throw new Error("no");
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await reached.opened;
  const stopped = world.forge.stop({ timeout: "1m" });
  mayEnd.open();
  await stopped;
  expect(undone).toEqual(["c"]);
  await world.restart();
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "compensated" });
  expect(undone).toEqual(["c", "b", "a"]);
});

test("a rejected step that nobody waits for ends neither the process nor the run", async () => {
  const rejections: unknown[] = [];
  const onRejection = (error: unknown): void => void rejections.push(error);
  process.on("unhandledRejection", onRejection);
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      void ctx.step("fails", () => Promise.reject(new Error("no")), { retry: false });
      void ctx.scope("bad/name", (inner) => inner.step("x", () => 1));
      void ctx.parallel({ a: () => Promise.reject(new Error("no")), b: (inner) => inner.step("b", () => 1) });
      void ctx.race({});
      void ctx.sleep("nap", "never" as never);
      void ctx.recordStepComplete("big", 1n);
      await ctx.sleep("20ms");
      return "fine";
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: "fine" });
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off("unhandledRejection", onRejection);
  expect(rejections).toEqual([]);
});

test("cancelling a run while a step is under way aborts it, and nothing begins after it", async () => {
  const done: unknown[] = [];
  const reached = gate();
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      await ctx.step(
        "one",
        ({ signal }) => {
          reached.open();
          return new Promise((_, reject) =>
            signal.addEventListener("abort", () => {
              done.push((signal.reason as { code: string }).code);
              reject(signal.reason);
            }),
          );
        },
        { compensate: () => void done.push("undone") },
      );
      done.push("went on");
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await reached.opened;
  await world.forge.workflows.cancel(id, { reason: "not needed" });
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "cancelled", error: "not needed" });
  expect(done).toEqual(["CANCELLED"]);
});

test("cancelling a run that sleeps ends it at once; cancelling one that is undone ends that", async () => {
  const undone: string[] = [];
  const reached = gate();
  const sleeper = defineWorkflow("sleeper", { run: (ctx) => ctx.sleep("1h") });
  const saga = defineWorkflow("saga", {
    run: async (ctx) => {
      for (const name of ["a", "b"]) {
        await ctx.step(name, () => name, {
          compensate: (_, { signal }) => {
            undone.push(name);
            reached.open();
            return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
          },
        });
      }
      throw new Error("no");
    },
  });
  await using world = await openRuns(open(), { workflows: [sleeper, saga] });
  const asleep = await world.forge.startWorkflow(sleeper, {});
  await world.untilWaiting(asleep);
  await world.forge.workflows.cancel(asleep);
  expect(await world.forge.workflows.get(asleep)).toMatchObject({ status: "cancelled" });
  const id = await world.forge.startWorkflow(saga, {});
  await reached.opened;
  await world.forge.workflows.cancel(id);
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "cancelled" });
  expect(undone).toEqual(["b"]);
});

test(
  "the time of a run is up while a step ignores it: what was done is undone, what the step says later does not count",
  {
    timeout: 20_000,
  },
  async () => {
    const undone: unknown[] = [];
    const release = gate<string>();
    const work = defineWorkflow("work", {
      timeout: "300ms",
      run: async (ctx) => {
        await ctx.step("done", () => "done", { compensate: (what) => void undone.push(what) });
        await ctx.step("deaf", () => release.opened, { compensate: (what) => void undone.push(what) });
      },
    });
    await using world = await openRuns(open(), { workflows: [work] });
    const id = await world.forge.startWorkflow(work, {});
    const run = await world.forge.workflows.wait(id);
    expect(run).toMatchObject({ status: "compensated", error: expect.stringContaining("out of time") });
    release.open("late");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await world.forge.workflows.get(id))!.steps.find(({ name }) => name === "deaf")).toMatchObject({
      output: null,
    });
    expect(undone).toEqual(["done"]);
  },
);

test("the time of a run is up while it retraces: it is undone all the same", async () => {
  const undone: string[] = [];
  const work = defineWorkflow("work", {
    timeout: "1h",
    run: async (ctx) => {
      for (let n = 0; n < 50; n++)
        await ctx.step("item", () => n, { compensate: (what) => void undone.push(String(what)) });
      await ctx.waitForEvent("never");
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await world.untilWaiting(id);
  await world.restart();
  // With next to nothing left, it is taken up once more.
  const { timeoutAt } = (await world.forge.workflows.get(id))!;
  world.clock.offsetMs += timeoutAt!.getTime() - Date.now() - 10;
  await world.forge.workflows.signal(id, "other");
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "compensated" });
  expect(undone).toEqual(Array.from({ length: 50 }, (_, n) => String(49 - n)));
});

test("what code asks of ctx after its run was put away, or has ended, does nothing and harms nobody", async () => {
  const done: string[] = [];
  const kept: { step(name: string, fn: () => unknown): Promise<unknown> }[] = [];
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      kept.push(ctx);
      await ctx.waitForEvent("go");
      return 1;
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await world.untilWaiting(id);
  const late = kept[0]!.step("late", () => void done.push("late"));
  await world.forge.workflows.signal(id, "go");
  await world.forge.workflows.wait(id);
  void kept.at(-1)!.step("later", () => void done.push("later"));
  expect(await Promise.race([late, new Promise((resolve) => setTimeout(resolve, 30, "nothing"))])).toBe("nothing");
  expect(done).toEqual([]);
  expect((await world.forge.workflows.get(id))!.steps.map(({ name }) => name)).toEqual(["go"]);
});

test(
  "a database that does not answer for a while delays a run, and fails nothing of it",
  { timeout: 30_000 },
  async () => {
    const done: string[] = [];
    let isAway = false;
    let refusals = 0;
    const work = defineWorkflow("work", {
      run: async (ctx) => {
        await ctx.step("a", () => void done.push("a"), { compensate: () => void done.push("undo a") });
        await ctx.runWorkflow(child, {});
        isAway = true;
        setTimeout(() => (isAway = false), 300);
        throw new Error("no");
      },
    });
    const child = defineWorkflow("child", { run: (ctx) => ctx.step("c", () => void done.push("c")) });
    const verbs = ["workflows.record", "workflows.load", "workflows.undo", "children.dispatch", "jobs.update"];
    await using world = await openRuns(open(), {
      workflows: [work, child],
      watch: (store) => {
        const turns: Record<string, number> = {};
        return watchedStore(store, verbs, ({ verb, when }) => {
          // Every other time as well, before it is done or after.
          const n = (turns[`${verb} ${when}`] = (turns[`${verb} ${when}`] ?? 0) + 1);
          if (!isAway && n % 2 === 0) return;
          refusals++;
          throw new ForgeError("UNAVAILABLE", "The database does not answer.");
        });
      },
    });
    const id = await world.forge.startWorkflow(work, {});
    expect(await world.forge.workflows.wait(id)).toMatchObject({
      status: "compensated",
      error: expect.stringContaining("Error: no"),
    });
    expect(done).toEqual(["a", "c", "undo a"]);
    expect(refusals).toBeGreaterThan(8);
  },
);

test("a run whose lease is lost stops, and the one who has it now goes on alone", { timeout: 30_000 }, async () => {
  const done: string[] = [];
  const reached = gate();
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      await ctx.step("one", () => void done.push("one"));
      await ctx.step("two", ({ signal }) => {
        done.push("two");
        if (done.includes("aborted")) return undefined;
        reached.open();
        return new Promise((resolve) =>
          signal.addEventListener("abort", () => {
            done.push("aborted");
            resolve("late");
          }),
        );
      });
      await ctx.step("three", () => void done.push("three"));
      return "end";
    },
  });
  await using world = await openRuns(open(), { workflows: [work], worker: { lease: "2s", queues: { default: 5 } } });
  const id = await world.forge.startWorkflow(work, {});
  await reached.opened;
  // Somebody took it for dead, and it lies there for a moment.
  await world.database.query(
    `UPDATE forge_live SET status = 'pending', worker_no = NULL, claim_no = claim_no + 1, ready_at = NULL, attempts = attempts - 1 WHERE id = '${id}'`,
  );
  await until(() => done.includes("aborted"), { what: "the run here to learn of it" });
  await world.database.query(`UPDATE forge_live SET ready_at = scheduled_at WHERE id = '${id}'`);
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: "end" });
  expect(done).toEqual(["one", "two", "aborted", "two", "three"]);
});
