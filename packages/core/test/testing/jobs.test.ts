import { AssertionError } from "node:assert";
import { defineCron, defineJob, Snooze } from "@forge-jobs/core";
import { createTestForge } from "@forge-jobs/core/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { gate } from "../support/world.ts";

const HOUR_MS = 3_600_000;

test("a job's retries come when the clock jumps to them, backoff after backoff", async () => {
  const times: number[] = [];
  const shaky = defineJob("shaky", {
    retry: { maxAttempts: 4, backoff: "fixed", baseDelay: "2h", maxBackoff: "2h" },
    run: (ctx) => {
      times.push(forge.now().getTime());
      if (ctx.attempt < 4) throw new Error(`no ${ctx.attempt}`);
      return ctx.attempt;
    },
  });
  await using forge = await createTestForge({ jobs: [shaky] });
  const began = performance.now();
  const id = await forge.dispatch(shaky, null);
  await forge.drain();
  expect(await forge.jobs.get(id)).toMatchObject({ status: "completed", output: 4, attempts: 4 });
  // A backoff is up to a quarter shorter than it says.
  for (const [n, time] of times.slice(1).entries()) expect(time - times[n]!).toBeGreaterThan(1.4 * HOUR_MS);
  expect(performance.now() - began).toBeLessThan(10_000);
});

test("with a clock that stands still only what is due runs; advance runs each thing at its time", async () => {
  const ran: string[] = [];
  const note = defineJob("note", { run: (_ctx, what: string) => void ran.push(what) });
  await using forge = await createTestForge({ jobs: [note] });
  await forge.dispatch(note, "in an hour", { delay: "1h" });
  await forge.dispatch(note, "in three hours", { delay: "3h" });
  await forge.dispatch(note, "now");
  await forge.drain({ jump: false });
  expect(ran).toEqual(["now"]);
  const before = forge.now().getTime();
  await forge.advance("2h");
  expect(ran).toEqual(["now", "in an hour"]);
  expect(forge.now().getTime() - before).toBeGreaterThanOrEqual(2 * HOUR_MS);
  await forge.drain();
  expect(ran).toEqual(["now", "in an hour", "in three hours"]);
});

test("drain waits for handlers that take real time, and for what they dispatch", async () => {
  const ran: string[] = [];
  const child = defineJob("child", { run: (_ctx, name: string) => void ran.push(name) });
  const slow = defineJob("slow", {
    run: async (ctx) => {
      await reached.opened;
      await ctx.dispatch(child, "of slow");
    },
  });
  const reached = gate();
  await using forge = await createTestForge({ jobs: [slow, child] });
  await forge.dispatch(slow, null);
  const drained = forge.drain();
  setTimeout(() => reached.open(), 30);
  await drained;
  expect(ran).toEqual(["of slow"]);
});

test("a parent waits for a child that is due tomorrow", async () => {
  const child = defineJob("child", { run: () => "done" });
  const parent = defineJob("parent", {
    run: async (ctx) => {
      const id = await ctx.dispatchChild(child, null, { delay: "1d" });
      return ctx.waitForJobs([id]);
    },
  });
  await using forge = await createTestForge({ jobs: [parent, child] });
  const id = await forge.dispatch(parent, null);
  await forge.drain();
  expect(await forge.jobs.get(id)).toMatchObject({ status: "completed", output: ["done"] });
});

test("a snoozed job and one that nobody can run: the one is waited for, the other is not", async () => {
  let naps = 0;
  const nap = defineJob("nap", {
    run: () => {
      if (naps++ < 3) throw Snooze("6h");
    },
  });
  const picky = defineJob("picky", { requires: ["gpu"], run: () => {} });
  const paused = defineJob("paused", { queue: "closed", run: () => {} });
  await using forge = await createTestForge({ jobs: [nap, picky, paused] });
  await forge.queues.pause("closed");
  const [napping, waiting, kept] = [
    await forge.dispatch(nap, null),
    await forge.dispatch(picky, null),
    await forge.dispatch(paused, null),
  ];
  await forge.drain();
  expect(await forge.jobs.get(napping)).toMatchObject({ status: "completed", attempts: 1 });
  expect(await forge.jobs.get(waiting)).toMatchObject({ status: "pending" });
  expect(await forge.jobs.get(kept)).toMatchObject({ status: "pending" });
});

test("ticks of a cron happen when the clock is advanced over them, and drain does not wait for them", async () => {
  const ticks: string[] = [];
  const digest = defineCron("0 9 * * *", {
    name: "digest",
    run: (ctx) => void ticks.push(ctx.scheduledTime.toISOString().slice(11, 16)),
  });
  const later = defineJob("later", { run: () => {} });
  await using forge = await createTestForge({ jobs: [later], crons: [digest] });
  await forge.drain();
  expect(ticks).toEqual([]);
  await forge.advance("3d");
  expect(ticks).toEqual(["09:00", "09:00", "09:00"]);
  await forge.dispatch(later, null, { delay: "2d" });
  await forge.drain();
  expect(ticks).toHaveLength(5);
  await forge.crons.trigger("digest");
  await forge.drain();
  expect(ticks).toHaveLength(6);
});

test("what never ends is told apart from what takes long", async () => {
  const forever = defineJob("forever", {
    run: () => {
      throw Snooze("1m");
    },
  });
  await using forge = await createTestForge({ jobs: [forever] });
  await forge.dispatch(forever, null);
  await expect(forge.drain()).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("forever") });
}, 60_000);

test("assertDispatched finds jobs by a part of their input, whoever dispatched them", async () => {
  const input = z.object({ to: z.string(), about: z.object({ id: z.number() }) });
  const mail = defineJob("mail", { input, run: () => {} });
  const order = defineJob("order", {
    run: async (ctx, { id }: { id: number }) =>
      void (await ctx.dispatch(mail, { to: "ada@example.com", about: { id } })),
  });
  await using forge = await createTestForge({ jobs: [mail, order] });
  await forge.dispatch(order, { id: 1 });
  await forge.dispatch(order, { id: 2 });
  await forge.drain();
  expect(await forge.assertDispatched(mail)).toHaveLength(2);
  const [job] = await forge.assertDispatched(mail, { about: { id: 2 } });
  expect(job).toMatchObject({ status: "completed", input: { to: "ada@example.com", about: { id: 2 } } });
  expect(await forge.assertDispatched(mail, ({ about }) => about.id < 2)).toHaveLength(1);
  await expect(forge.assertDispatched(mail, { about: { id: 3 } })).rejects.toThrow(AssertionError);
  await expect(forge.assertDispatched(mail, { to: "bob@example.com" })).rejects.toThrow("ada@example.com");
});

test("several stand beside each other, and options that there are not are refused", async () => {
  const job = defineJob("job", { run: () => {} });
  await using one = await createTestForge({ jobs: [job] });
  await using other = await createTestForge({ jobs: [job] });
  await one.dispatch(job, null, { delay: "1d" });
  await one.drain();
  expect(one.now().getTime() - other.now().getTime()).toBeGreaterThan(23 * HOUR_MS);
  expect((await other.jobs.list()).jobs).toEqual([]);
  await expect(createTestForge({ store: "mine" } as object)).rejects.toMatchObject({ code: "BAD_REQUEST" });
});
