import { createForge, Dead, defineJob, RateLimited, Snooze } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { gate, openWorld, recordingLogger } from "./support/world.ts";

const HOUR_MS = 3_600_000;

test("a rate limit is configured, listed, read and changed by name", async () => {
  await using world = await openWorld({ jobs: [], worker: false });
  const { rateLimits } = world.forge;
  await rateLimits.configure("slack", { perMinute: 50 });
  await rateLimits.configure("mail:eu", { perHour: 1_000, burst: 10 });
  const changed = { changedAt: expect.any(Date) as Date, changedBy: null };
  const slack = { scope: "slack", tokens: 50, per: "minute", burst: 50, available: 50, nextInMs: 0, ...changed };
  const mail = { scope: "mail:eu", tokens: 1_000, per: "hour", burst: 10, available: 10, nextInMs: 0, ...changed };
  expect(await rateLimits.list()).toEqual([mail, slack]);
  await rateLimits.configure("slack", { perSecond: 2 });
  expect(await rateLimits.get("slack")).toEqual({ ...slack, tokens: 2, per: "second", burst: 2, available: 2 });
  expect(await rateLimits.get("sms")).toBeNull();
});

test.each([
  [{}, "exactly one of perSecond, perMinute, perHour"],
  [{ perSecond: 1, perHour: 1 }, "exactly one of"],
  [{ perSecond: 0 }, "perSecond of the rate limit slack must be a whole number"],
  [{ perMinute: 1.5 }, "got 1.5"],
  [{ perMinute: 1, burst: -1 }, "burst of the rate limit slack"],
  [{ perDay: 1 }, 'no option "perDay"'],
] as [object, string][])("the configuration %j is refused", async (options, sentence) => {
  await using world = await openWorld({ jobs: [], worker: false });
  const configured = world.forge.rateLimits.configure("slack", options);
  await expect(configured).rejects.toMatchObject({
    code: "BAD_REQUEST",
    message: expect.stringContaining(sentence) as string,
  });
  await expect(world.forge.rateLimits.configure("", { perHour: 1 })).rejects.toMatchObject({ code: "BAD_REQUEST" });
});

test("tokens go to as many jobs as there are; the others sleep without a slot and use no attempt, each to its own time", async () => {
  const ran: string[] = [];
  const call = defineJob("call", {
    run: async (ctx) => {
      await ctx.rateLimit.acquire("slack");
      ran.push(ctx.jobId);
    },
  });
  await using world = await openWorld({ jobs: [call], worker: { queues: { default: 2 } } });
  await world.forge.rateLimits.configure("slack", { perHour: 2 });
  const ids = await world.forge.dispatchMany(call, [1, 2, 3, 4, 5]);
  const sleeping = async () =>
    (await world.forge.jobs.list()).jobs.filter(({ status, startedAt }) => status === "pending" && startedAt !== null);
  await until(async () => (await sleeping()).length === 3, { what: "three jobs to sleep" });
  expect(ran).toHaveLength(2);
  const sleepers = (await sleeping()).toSorted((a, b) => a.scheduledAt.getTime() - b.scheduledAt.getTime());
  const untilDue = sleepers.map(({ scheduledAt, createdAt }) => scheduledAt.getTime() - createdAt.getTime());
  for (const [n, ms] of untilDue.entries()) {
    expect(ms).toBeGreaterThan(((n + 1) * HOUR_MS) / 2 - 10_000);
    expect(ms).toBeLessThan(((n + 1) * HOUR_MS) / 2 + 10_000);
  }
  expect(sleepers.map(({ attempts }) => attempts)).toEqual([0, 0, 0]);
  world.clock.offsetMs += HOUR_MS / 2 + 10_000;
  await world.forge.jobs.wait(sleepers[0]!.id);
  expect(ran).toHaveLength(3);
  world.clock.offsetMs += HOUR_MS;
  const jobs = await Promise.all(ids.map((id) => world.forge.jobs.wait(id)));
  expect(jobs.map(({ status, attempts }) => [status, attempts])).toEqual(ids.map(() => ["completed", 1]));
  expect(new Set(ran).size).toBe(5);
});

test("a short wait passes in the handler, in its one run", async () => {
  let runs = 0;
  const call = defineJob("call", {
    run: async (ctx) => {
      runs++;
      for (let n = 0; n < 5; n++) await ctx.rateLimit.acquire("slack");
    },
  });
  await using world = await openWorld({ jobs: [call] });
  await world.forge.rateLimits.configure("slack", { perSecond: 50, burst: 1 });
  const began = performance.now();
  const job = await world.forge.jobs.wait(await world.forge.dispatch(call, {}));
  expect(job).toMatchObject({ status: "completed", attempts: 1 });
  expect(runs).toBe(1);
  expect(performance.now() - began).toBeGreaterThan(75);
});

test("a handler may allow a longer wait, which a cancellation ends", async () => {
  const waits = gate();
  const call = defineJob("call", {
    run: async (ctx) => {
      await ctx.rateLimit.acquire("slack");
      waits.open();
      await ctx.rateLimit.acquire("slack", { wait: "2h" });
    },
  });
  await using world = await openWorld({ jobs: [call] });
  await world.forge.rateLimits.configure("slack", { perHour: 1 });
  const id = await world.forge.dispatch(call, {});
  await waits.opened;
  await world.forge.jobs.cancel(id);
  expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "cancelled" });
});

test("a scope that nobody configured is refused by name", async () => {
  const call = defineJob("call", { retry: { maxAttempts: 1 }, run: (ctx) => ctx.rateLimit.acquire("slak") });
  const drain = defineJob("drain", { retry: { maxAttempts: 1 }, run: (ctx) => ctx.rateLimit.drain("slak", 1_000) });
  await using world = await openWorld({ jobs: [call, drain] });
  for (const job of [call, drain]) {
    const { status, error } = await world.forge.jobs.wait(await world.forge.dispatch(job, {}));
    expect(status).toBe("failed");
    expect(error).toContain('There is no rate limit "slak"; call forge.rateLimits.configure("slak"');
  }
});

test("RateLimited drains the bucket for everybody and puts its job off without using an attempt", async () => {
  let turnedAway = false;
  const call = defineJob("call", {
    run: async (ctx) => {
      await ctx.rateLimit.acquire("slack");
      if (turnedAway) return;
      turnedAway = true;
      throw RateLimited("slack", "10m");
    },
  });
  await using world = await openWorld({ jobs: [call] });
  await world.forge.rateLimits.configure("slack", { perMinute: 50 });
  const id = await world.forge.dispatch(call, {});
  await until(async () => (await world.forge.rateLimits.get("slack"))?.available === 0, { what: "the drain" });
  await until(async () => (await world.forge.jobs.get(id))?.status === "pending", { what: "the job to be put off" });
  const { nextInMs } = (await world.forge.rateLimits.get("slack"))!;
  expect(nextInMs).toBeGreaterThan(590_000);
  const { attempts, scheduledAt, createdAt } = (await world.forge.jobs.get(id))!;
  expect(attempts).toBe(0);
  expect(scheduledAt.getTime() - createdAt.getTime()).toBeGreaterThan(590_000);
  world.clock.offsetMs += 610_000;
  expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 1 });
});

test("RateLimited of a scope that nobody configured puts its job off all the same, and warns", async () => {
  const first = gate();
  const call = defineJob("call", {
    run: (ctx) => {
      first.open();
      if (ctx.attempt === 1 && world.clock.offsetMs === 0) throw new RateLimited("nobody", 60_000);
    },
  });
  await using world = await openWorld({ jobs: [call] });
  const id = await world.forge.dispatch(call, {});
  await first.opened;
  await until(async () => (await world.forge.jobs.get(id))?.status === "pending", { what: "the job to be put off" });
  expect(world.logs.map(({ message }) => message)).toContain("A rate limit could not be drained; only this job waits");
  world.clock.offsetMs += 70_000;
  expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 1 });
});

test("a job that was stopped while it waited finds its place in the next process", async () => {
  const call = defineJob("call", {
    run: async (ctx) => {
      waits.open();
      await ctx.rateLimit.acquire("slack", { wait: "2h" });
    },
  });
  const waits = gate();
  await using world = await openWorld({ jobs: [call], worker: false });
  await world.forge.rateLimits.configure("slack", { perHour: 1 });
  const take = defineJob("take", { run: (ctx) => ctx.rateLimit.acquire("slack") });
  const logger = recordingLogger([]);
  const store = () => sqliteStore(world.file, { clock: world.clock });
  const one = createForge({ store: store(), jobs: [call, take], logger });
  await one.start();
  await one.jobs.wait(await one.dispatch(take, {}));
  const id = await one.dispatch(call, {});
  await waits.opened;
  await until(async () => (await one.rateLimits.get("slack"))!.nextInMs > HOUR_MS * 1.5, { what: "the place" });
  await one.stop({ timeout: "0ms" });
  expect(await world.forge.jobs.get(id)).toMatchObject({ status: "pending", attempts: 0 });
  world.clock.offsetMs += HOUR_MS + 10_000;
  const two = createForge({ store: store(), jobs: [call, take], logger });
  await two.start();
  expect(await two.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 1 });
  await two.stop();
});

test("a handler's ways to end can be thrown with and without new, and are told by instanceof", () => {
  for (const made of [Dead("no"), new Dead("no", { cause: 1 })]) {
    expect(made).toBeInstanceOf(Dead);
    expect(made).toBeInstanceOf(Error);
    expect(made).toMatchObject({ name: "Dead", message: "no" });
  }
  expect(Dead("no", { cause: 7 }).cause).toBe(7);
  for (const made of [Snooze("2s"), new Snooze("2s")]) {
    expect(made).toBeInstanceOf(Snooze);
    expect(made).not.toBeInstanceOf(Dead);
    expect(made.delayMs).toBe(2_000);
  }
  for (const made of [RateLimited("slack", "3s"), new RateLimited("slack", 3_000)]) {
    expect(made).toBeInstanceOf(RateLimited);
    expect(made).toMatchObject({ scope: "slack", retryAfterMs: 3_000 });
  }
  class Gone extends Dead {}
  expect(new Gone("x")).toBeInstanceOf(Dead);
  expect(() => RateLimited("slack", -1)).toThrow("retryAfter");
});
