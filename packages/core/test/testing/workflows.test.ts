import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { defineJob, defineWorkflow } from "@forge-jobs/core";
import { createTestForge } from "@forge-jobs/core/testing";
import { expect, test } from "vitest";
import { tempDir } from "../../../../test/support/temp-dir.ts";

const DAY_MS = 86_400_000;

test("a run that sleeps a day, and three weeks, ends in no time", async () => {
  const slow = defineWorkflow("slow", {
    run: async (ctx) => {
      const from = ctx.now().getTime();
      await ctx.sleep("1d");
      await ctx.sleep("1s");
      await ctx.sleep("weeks", "21d");
      return ctx.now().getTime() - from;
    },
  });
  await using forge = await createTestForge({ workflows: [slow] });
  const began = performance.now();
  const id = await forge.startWorkflow(slow, null);
  await forge.drain();
  const run = await forge.workflows.get<null, number>(id);
  expect(run).toMatchObject({ status: "completed" });
  expect(run!.output! / DAY_MS).toBeCloseTo(22, 1);
  expect(performance.now() - began).toBeLessThan(10_000);
});

test("drain stops at an event without a deadline; a signal goes on with the run; a deadline is waited for", async () => {
  const approval = defineWorkflow("approval", {
    run: async (ctx) => {
      const first = await ctx.waitForEvent<{ by: string }>("approved");
      const second = await ctx.waitForEvent("confirmed", { timeout: "2d" });
      return { by: first?.by, second };
    },
  });
  await using forge = await createTestForge({ workflows: [approval] });
  const id = await forge.startWorkflow(approval, null);
  await forge.drain();
  expect(await forge.workflows.get(id)).toMatchObject({ status: "waiting", waitingFor: "approved" });
  await forge.signal(id, "approved", { by: "Ada" });
  expect(await forge.workflows.get(id)).toMatchObject({ status: "waiting", waitingFor: "confirmed" });
  await forge.advance("1d");
  expect(await forge.workflows.get(id)).toMatchObject({ status: "waiting" });
  await forge.drain();
  expect(await forge.workflows.get(id)).toMatchObject({ status: "completed", output: { by: "Ada", second: null } });
});

test("the time of a whole run is a deadline too", async () => {
  const late = defineWorkflow("late", { timeout: "72h", run: (ctx) => ctx.waitForEvent("never") });
  await using forge = await createTestForge({ workflows: [late] });
  const id = await forge.startWorkflow(late, null);
  await forge.drain({ jump: false });
  expect(await forge.workflows.get(id)).toMatchObject({ status: "waiting" });
  await forge.drain();
  expect(await forge.workflows.get(id)).toMatchObject({ status: "failed" });
});

test("a step is repeated after its backoff, however long", async () => {
  let tries = 0;
  const work = defineWorkflow("work", {
    run: (ctx) =>
      ctx.step(
        "shaky",
        () => {
          if (++tries < 3) throw new Error("no");
          return tries;
        },
        { retry: { backoff: "fixed", baseDelay: "4h", maxBackoff: "4h" } },
      ),
  });
  await using forge = await createTestForge({ workflows: [work] });
  const before = forge.now().getTime();
  const id = await forge.startWorkflow(work, null);
  await forge.drain();
  expect(await forge.workflows.get(id)).toMatchObject({ status: "completed", output: 3 });
  expect(forge.now().getTime() - before).toBeGreaterThan(DAY_MS / 4);
});

test("steps, children and sleeps side by side end in the order of their times", async () => {
  const report = defineJob("report", { run: (_ctx, name: string) => `report of ${name}` });
  const child = defineWorkflow("child", {
    run: async (ctx, days: number) => {
      await ctx.sleep(`${days}d`);
      return days;
    },
  });
  const ended: string[] = [];
  const parent = defineWorkflow("parent", {
    run: async (ctx) => {
      const all = await ctx.parallel({
        long: async (inner) => {
          const value = await inner.runWorkflow(child, 5);
          ended.push("long");
          return value;
        },
        short: async (inner) => {
          const value = await inner.runWorkflow(child, 2);
          ended.push("short");
          return value;
        },
        job: (inner) => inner.runJob(report, "parent"),
      });
      const { winner } = await ctx.race({
        time: (inner) => inner.sleep("1d"),
        event: (inner) => inner.waitForEvent("sooner"),
      });
      return { ...all, winner };
    },
  });
  await using forge = await createTestForge({ jobs: [report], workflows: [parent, child] });
  const id = await forge.startWorkflow(parent, null);
  await forge.drain();
  expect(await forge.workflows.get(id)).toMatchObject({
    status: "completed",
    output: { long: 5, short: 2, job: "report of parent", winner: "time" },
  });
  expect(ended.slice(-2)).toEqual(["short", "long"]);
  await forge.assertDispatched(child, (days) => days === 5);
  await forge.assertDispatched(report, "parent");
});

test("mocks take the place of steps: by name, by their own record, in one workflow, in one run", async () => {
  const called: string[] = [];
  const pay = async (name: string): Promise<string> => {
    called.push(name);
    return `real ${name}`;
  };
  const shop = defineWorkflow("shop", {
    run: async (ctx) => {
      const first = await ctx.step("charge", () => pay("first"));
      const second = await ctx.step("charge", () => pay("second"));
      const third = await ctx.scope("gift", (inner) => inner.step("charge", () => pay("third")));
      return [first, second, third];
    },
  });
  const other = defineWorkflow("other", { run: (ctx) => ctx.step("charge", () => pay("other")) });
  await using forge = await createTestForge({ workflows: [shop, other] });
  const outputOf = async (id: string): Promise<unknown> => {
    await forge.drain();
    return (await forge.workflows.get(id))?.output;
  };
  const restore = forge.mockStep("charge", "mocked", { workflow: shop });
  expect(await outputOf(await forge.startWorkflow(shop, null))).toEqual(["mocked", "mocked", "mocked"]);
  expect(await outputOf(await forge.startWorkflow(other, null))).toBe("real other");
  forge.mockStep("charge#2", ({ attempt, idempotencyKey }) => `${attempt} ${idempotencyKey.split("/").at(-1)}`);
  expect(await outputOf(await forge.startWorkflow(shop, null))).toEqual(["mocked", "1 charge#2", "mocked"]);
  restore();
  const id = await forge.startWorkflow(shop, null, { delay: "1h" });
  forge.mockStep("gift/charge", () => Promise.resolve("of this run"), { run: id });
  expect(await outputOf(id)).toEqual(["real first", "1 charge#2", "of this run"]);
  expect(await outputOf(await forge.startWorkflow(shop, null))).toEqual(["real first", "1 charge#2", "real third"]);
  expect(() => forge.mockStep("", 1)).toThrow("name of a step");
});

test("a mock may fail as often as it likes, and so may what undoes a step", async () => {
  const undone: string[] = [];
  const trip = defineWorkflow("trip", {
    run: async (ctx) => {
      await ctx.step("flight", () => "LH1", { compensate: (flight) => void undone.push(flight) });
      await ctx.step("hotel", () => "H2", { compensate: (hotel) => void undone.push(hotel) });
      await ctx.step("car", () => "C3");
    },
  });
  await using forge = await createTestForge({ workflows: [trip] });
  let tries = 0;
  forge.mockStep("car", () => {
    tries++;
    throw new Error("no cars");
  });
  forge.mockStep("~hotel", () => undone.push("mocked"));
  const id = await forge.startWorkflow(trip, null);
  await forge.drain();
  expect(await forge.workflows.get(id)).toMatchObject({ status: "compensated" });
  expect([tries, undone]).toEqual([3, ["mocked", "LH1"]]);
});

test("on a file of one's own, transactions take part", async () => {
  await using dir = await tempDir();
  const database = join(dir.path, "app.db");
  const db = new DatabaseSync(database);
  db.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY)");
  const ship = defineJob("ship", { run: (_ctx, _order: number) => {} });
  const order = defineWorkflow("order", {
    run: async (ctx) => {
      db.exec("BEGIN");
      const id = await ctx.stepIn(db, "insert", () =>
        Number(db.prepare("INSERT INTO orders DEFAULT VALUES").run().lastInsertRowid),
      );
      db.exec("COMMIT");
      await ctx.sleep("1d");
      await ctx.dispatch(ship, id);
      return id;
    },
  });
  {
    await using forge = await createTestForge({ database, jobs: [ship], workflows: [order] });
    const id = await forge.startWorkflow(order, null);
    await forge.drain();
    expect(await forge.workflows.get(id)).toMatchObject({ status: "completed", output: 1 });
    await forge.assertDispatched(ship, 1);
  }
  db.close();
});
