import { defineJob, JobAborted } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { gate, openWorld } from "./support/world.ts";

const soon = { baseDelay: "1ms", maxBackoff: "2ms" } as const;

test("a child is a job of its own that names its parent, and has its owner", async () => {
  const child = defineJob("child", { run: (_ctx, input: number) => input * 2 });
  const parent = defineJob("parent", {
    run: (ctx) => ctx.dispatchChild(child, 21, { priority: "high", delay: "1ms" }),
  });
  await using world = await openWorld({ jobs: [parent, child] });
  const { id, output } = await world.forge.jobs.wait(await world.forge.dispatch(parent, {}, { owner: "ada" }));
  expect(await world.forge.jobs.wait(output as string)).toMatchObject({
    status: "completed",
    parentId: id,
    owner: "ada",
    priority: "high",
    output: 42,
  });
  const { jobs } = await world.forge.jobs.list({ parent: id });
  expect(jobs.map((job) => job.id)).toEqual([output]);
});

test("a run that comes again finds its children, and makes anew those that ended without success", async () => {
  const runs = new Map<string, number>();
  const child = defineJob("child", {
    retry: { maxAttempts: 1 },
    run: (_ctx, input: { name: string }) => {
      const run = (runs.get(input.name) ?? 0) + 1;
      runs.set(input.name, run);
      if (input.name === "weak" && run === 1) throw new Error("the first one fails");
    },
  });
  const seen: string[][] = [];
  const parent = defineJob("parent", {
    retry: { maxAttempts: 2, ...soon },
    run: async (ctx) => {
      const ids = [
        await ctx.dispatchChild(child, { name: "strong" }),
        await ctx.dispatchChild(child, { name: "weak" }),
        await ctx.dispatchChild(child, { name: "twice" }),
        await ctx.dispatchChild(child, { name: "twice" }),
      ];
      seen.push(ids);
      for (const id of ids) await ctx.jobs.wait(id);
      if (!ctx.isLastAttempt) throw new Error("once more");
    },
  });
  await using world = await openWorld({ jobs: [parent, child] });
  const id = await world.forge.dispatch(parent, {});
  expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 2 });
  const [first = [], second = []] = seen;
  expect(new Set(first).size).toBe(4);
  expect([0, 2, 3].map((n) => second[n] === first[n])).toEqual([true, true, true]);
  expect(second[1]).not.toBe(first[1]);
  expect(Object.fromEntries(runs)).toEqual({ strong: 1, weak: 2, twice: 2 });
  expect((await world.forge.jobs.list({ parent: id })).jobs.length).toBe(5);
});

test("an input or an option that cannot be is refused before anything is stored", async () => {
  const child = defineJob("child", { run: () => {} });
  const stranger = defineJob("stranger", { run: () => {} });
  const codes: unknown[] = [];
  const parent = defineJob("parent", {
    run: async (ctx) => {
      const noted = (error: { code: string }): void => void codes.push(error.code);
      await ctx.dispatchChild(child, 1n).catch(noted);
      await ctx.dispatchChild(child, 1, { owner: "bob" } as object).catch(noted);
      await ctx.dispatchChild(child, 1, { tx: {} } as object).catch(noted);
      await ctx.dispatchChild(stranger, 1).catch(noted);
      await ctx.dispatchChild(undefined as never, 1).catch(noted);
      await ctx.waitForJobs("none" as never).catch(noted);
      // Nobody awaits this one, and the process lives on.
      void ctx.dispatchChild(child, 1n);
    },
  });
  await using world = await openWorld({ jobs: [parent, child] });
  const id = await world.forge.dispatch(parent, {});
  expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed" });
  expect(codes).toEqual(["INVALID_ARGS", "BAD_REQUEST", "BAD_REQUEST", "NOT_FOUND", "BAD_REQUEST", "BAD_REQUEST"]);
  expect((await world.forge.jobs.list({ parent: id })).jobs).toEqual([]);
});

test("a child that merges with a job that waits for its parent is refused", async () => {
  const tries: unknown[] = [];
  const self = defineJob("self", {
    idempotent: true,
    run: async (ctx, input: number) => {
      const child = await ctx.dispatchChild(self, input === 0 ? 1 : 0).catch((error: { code: string }) => error.code);
      tries.push(child);
      if (input === 0) await ctx.jobs.wait(child);
    },
  });
  await using world = await openWorld({ jobs: [self] });
  await world.forge.jobs.wait(await world.forge.dispatch(self, 0));
  expect(tries.length).toBe(2);
  expect(tries).toContain("KEY_HELD");
});

test("who cancels a parent cancels its children; a run that was cancelled makes no more of them", async () => {
  const running = gate();
  const reasons: string[] = [];
  const child = defineJob("child", {
    run: (ctx, _input: string) =>
      new Promise((_, reject) => {
        ctx.signal.addEventListener("abort", () => {
          reasons.push((ctx.signal.reason as JobAborted).code);
          reject(ctx.signal.reason as Error);
        });
        running.open();
      }),
  });
  const refused = gate<unknown>();
  const parent = defineJob("parent", {
    run: async (ctx) => {
      await ctx.dispatchChild(child, "now");
      await ctx.dispatchChild(child, "later", { delay: "1h" });
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve, { once: true }));
      refused.open(await ctx.dispatchChild(child, "too late").catch((error: unknown) => error));
    },
  });
  await using world = await openWorld({ jobs: [parent, child], worker: { lease: "1h" } });
  const id = await world.forge.dispatch(parent, {});
  await running.opened;
  await until(async () => (await world.forge.jobs.list({ parent: id })).jobs.length === 2, { what: "both children" });
  await until(async () => (await world.forge.jobs.list({ parent: id, status: "running" })).jobs.length === 1, {
    what: "the child's start to be written",
  });
  await world.forge.jobs.cancel(id, { reason: "enough" });
  expect(await refused.opened).toBeInstanceOf(JobAborted);
  await world.forge.jobs.wait(id);
  const { jobs } = await world.forge.jobs.list({ parent: id });
  for (const { id: childId } of jobs) {
    expect(await world.forge.jobs.wait(childId)).toMatchObject({ status: "cancelled", publicError: "enough" });
  }
  expect(reasons).toEqual(["CANCELLED"]);
});

test("the hooks of a dispatch hear of children once each", async () => {
  const heard: string[] = [];
  const child = defineJob("child", { run: () => {} });
  const parent = defineJob("parent", {
    retry: { maxAttempts: 2, ...soon },
    run: async (ctx) => {
      await ctx.dispatchChild(child, 1);
      if (!ctx.isLastAttempt) throw new Error("once more");
    },
  });
  await using world = await openWorld({
    jobs: [parent, child],
    hooks: { onDispatch: (job) => void heard.push(job.name) },
  });
  await world.forge.jobs.wait(await world.forge.dispatch(parent, {}));
  expect(heard).toEqual(["parent", "child"]);
});
