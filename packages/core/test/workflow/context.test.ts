import { defineJob, defineWorkflow } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { DATABASES, openRuns } from "../support/runs.ts";

const open = DATABASES["SQLite"]!;

test("time, ids and chance are the same in every replay, and not the same in every scope or run", async () => {
  const seen: unknown[][] = [];
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const all: unknown[] = [ctx.now().getTime(), ctx.uuid(), ctx.random()];
      await ctx.step("one", () => 1);
      all.push(ctx.now().getTime(), ctx.uuid(), ctx.random());
      await ctx.scope("inner", async (inner) => void all.push(inner.uuid(), inner.random()));
      seen.push(all);
      await ctx.waitForEvent("go");
      return all;
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await world.untilWaiting(id);
  await world.restart();
  await world.forge.workflows.signal(id, "go");
  await world.forge.workflows.wait(id);
  expect(seen.length).toBeGreaterThanOrEqual(2);
  for (const again of seen) expect(again).toEqual(seen[0]);
  const [, uuid, random, , uuid2, random2, uuid3, random3] = seen[0]!;
  expect(new Set([uuid, uuid2, uuid3, random, random2, random3]).size).toBe(6);
  for (const one of [random, random2, random3]) expect(one).toSatisfy((n: number) => n >= 0 && n < 1);
  expect(uuid).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
});

test("log lines are not written again while a run retraces what is recorded", async () => {
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      ctx.log.info("begins");
      await ctx.step("one", () => 1);
      ctx.log.info("after one");
      await ctx.waitForEvent("go");
      ctx.log.info("goes on");
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await world.untilWaiting(id);
  await world.restart();
  await world.forge.workflows.signal(id, "go");
  await world.forge.workflows.wait(id);
  const lines = world.logs.filter(({ fields }) => fields["runId"] === id).map(({ message }) => message);
  expect(lines.filter((line) => ["begins", "goes on"].includes(line))).toEqual(["begins", "goes on"]);
});

test("two branches that ask for the same name at once are refused in development", async () => {
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const results = await Promise.allSettled([ctx.step("same", () => 1), ctx.step("same", () => 2)]);
      return results.map((result) =>
        result.status === "rejected" ? (result.reason as { code: string }).code : result.value,
      );
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  expect(await world.forge.workflows.wait(id)).toMatchObject({ output: [1, "BAD_REQUEST"] });
});

test("a name is free again once its step has failed, or was never begun for a mistake of the caller's", async () => {
  const strict = defineJob("strict", {
    input: { "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [{ message: "not that" }] }) } },
    run: () => 1,
  });
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const all = [];
      for (const _ of [1, 2])
        all.push(
          await ctx.step("fails", () => Promise.reject(new Error("no")), { retry: false }).catch(() => "failed"),
        );
      for (const _ of [1, 2]) all.push(await ctx.runJob(strict, {}).catch((error: { code: string }) => error.code));
      return all;
    },
  });
  // A replay looks at the input of the child anew, since nothing was made of it.
  await using world = await openRuns(open(), { workflows: [work], jobs: [strict], replays: false });
  const id = await world.forge.startWorkflow(work, {});
  expect(await world.forge.workflows.wait(id)).toMatchObject({
    output: ["failed", "failed", "INVALID_ARGS", "INVALID_ARGS"],
  });
});

test("steps that are recorded and that the code does not ask for any more are warned of", async () => {
  const version = (steps: readonly string[]) =>
    defineWorkflow("work", {
      run: async (ctx) => {
        for (const step of steps) await ctx.step(step, () => step);
        await ctx.waitForEvent("go");
        return steps;
      },
    });
  const before = version(["one", "two"]);
  const after = version(["one", "three"]);
  await using world = await openRuns(open(), { workflows: [before], replays: false });
  const id = await world.forge.startWorkflow(before, {});
  await world.untilWaiting(id);
  expect(world.logs.filter(({ message }) => message.includes("does not ask any more"))).toEqual([]);
  await world.restart({ workflows: [after] });
  await world.forge.workflows.signal(id, "go");
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: ["one", "three"] });
  const warned = world.logs.filter(({ message }) => message.includes("does not ask any more"));
  expect(warned.length).toBeGreaterThan(0);
  expect(warned[0]).toMatchObject({ level: "warn", fields: { runId: id, steps: ["two"], count: 1 } });
});

test("versions run side by side: a run stays with its own, and waits where nobody has it", async () => {
  const version = (n: number) =>
    defineWorkflow("work", {
      version: n,
      run: async (ctx) => {
        await ctx.step("one", () => n);
        await ctx.waitForEvent("go");
        return ctx.version;
      },
    });
  const [first, second] = [version(1), version(2)];
  await using world = await openRuns(open(), { workflows: [first] });
  const old = await world.forge.startWorkflow(first, {});
  await world.untilWaiting(old);
  await world.restart({ workflows: [second] });
  const young = await world.forge.startWorkflow(second, {});
  for (const id of [old, young]) await world.forge.workflows.signal(id, "go");
  expect(await world.forge.workflows.wait(young)).toMatchObject({ version: 2, output: 2 });
  expect(await world.forge.workflows.get(old)).toMatchObject({ status: "waiting", version: 1 });
  await world.restart({ workflows: [first, second] });
  expect(await world.forge.workflows.wait(old)).toMatchObject({ version: 1, output: 1 });
});

test("a cancelled run takes its children, and theirs, with it", async () => {
  const job = defineJob("job", {
    run: (ctx) => new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))),
  });
  const inner = defineWorkflow("inner", { run: (ctx) => ctx.runJob(job, {}) });
  const outer = defineWorkflow("outer", { run: (ctx) => ctx.runWorkflow(inner, {}) });
  await using world = await openRuns(open(), { workflows: [outer, inner], jobs: [job] });
  const id = await world.forge.startWorkflow(outer, {});
  const statuses = async (): Promise<unknown[]> =>
    (await world.database.query("SELECT status FROM forge_jobs ORDER BY id")).map(({ status }) => status);
  await until(async () => (await statuses()).join() === "waiting,waiting,running", {
    what: "the job at the bottom to run",
  });
  await world.forge.workflows.cancel(id, { reason: "changed my mind" });
  await until(async () => (await statuses()).join() === "cancelled,cancelled,cancelled", { what: "all of it to end" });
});

test("a child that is cancelled by itself wakes its run, which sees it fail", async () => {
  const deaf = defineWorkflow("deaf", { run: (ctx) => ctx.waitForEvent("never") });
  const work = defineWorkflow("work", {
    run: (ctx) => ctx.runWorkflow(deaf, {}).catch((error: Error) => error.message),
  });
  await using world = await openRuns(open(), { workflows: [work, deaf] });
  const id = await world.forge.startWorkflow(work, {});
  const child = async () =>
    (await world.database.query("SELECT id FROM forge_jobs WHERE parent_id IS NOT NULL AND status = 'waiting'"))[0];
  const found = await until(child, { what: "the child to wait" });
  await world.forge.workflows.cancel(String(found["id"]), { reason: "not that" });
  expect(await world.forge.workflows.wait(id)).toMatchObject({
    status: "completed",
    output: expect.stringContaining("cancelled"),
  });
});

test("a child that turns out to be somebody else's job, by its key, is looked for until it has ended", async () => {
  const job = defineJob("job", { run: () => "theirs" });
  const work = defineWorkflow("work", { run: (ctx) => ctx.runJob(job, {}, { idempotencyKey: "k" }) });
  await using world = await openRuns(open(), { workflows: [work], jobs: [job] });
  const theirs = await world.forge.dispatch(job, {}, { idempotencyKey: "k", delay: "1h" });
  const id = await world.forge.startWorkflow(work, {});
  await world.untilWaiting(id);
  expect(await world.forge.workflows.get(id)).toMatchObject({ steps: [{ childId: theirs }] });
  world.clock.offsetMs += 3_700_000;
  expect(await world.forge.jobs.wait(theirs)).toMatchObject({ status: "completed" });
  const poll = (): void => void (world.clock.offsetMs += 16_000);
  poll();
  expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: "theirs" });
});
