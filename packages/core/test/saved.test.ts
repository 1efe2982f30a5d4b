import { defineJob, JobAborted } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { expect, test } from "vitest";
import { gate, openWorld } from "./support/world.ts";

const soon = { baseDelay: "1ms", maxBackoff: "2ms" } as const;

test("a retry finds what the run before saved, and nothing that it did not", async () => {
  const seen: unknown[] = [];
  const walk = defineJob("walk", {
    retry: { maxAttempts: 3, ...soon },
    run: async (ctx) => {
      seen.push({ ...ctx.saved });
      await ctx.save("page", { at: ctx.attempt, when: new Date(0) });
      seen.push({ ...ctx.saved });
      if (!ctx.isLastAttempt) throw new Error("once more");
      return ctx.saved["page"];
    },
  });
  await using world = await openWorld({ jobs: [walk] });
  const job = await world.forge.jobs.wait(await world.forge.dispatch(walk, {}));
  const page = (at: number) => ({ page: { at, when: "1970-01-01T00:00:00.000Z" } });
  expect(seen).toEqual([{}, page(1), page(1), page(2), page(2), page(3)]);
  expect(job.output).toEqual(page(3).page);
});

test("a person's retry finds what was saved too", async () => {
  const once = defineJob("once", {
    retry: { maxAttempts: 1 },
    run: async (ctx) => {
      if (ctx.saved["done"] === true) return "resumed";
      await ctx.save("done", true);
      throw new Error("after the half");
    },
  });
  await using world = await openWorld({ jobs: [once] });
  const id = await world.forge.dispatch(once, {});
  expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "failed" });
  await world.forge.jobs.retry(id);
  expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", output: "resumed" });
});

test("keys and values that cannot be kept are refused, and the run goes on", async () => {
  const codes: unknown[] = [];
  const tries = defineJob("tries", {
    run: async (ctx) => {
      const circular: Record<string, unknown> = {};
      circular["self"] = circular;
      const bad: [string, unknown][] = [
        ["", 1],
        ["k".repeat(201), 1],
        ["a\0b", 1],
        ["circular", circular],
        ["big", 10n],
        ["long", "x".repeat(1024 * 1024)],
      ];
      for (const [key, value] of bad) {
        await ctx.save(key, value).catch((error: { code: string }) => codes.push(error.code));
      }
      await ctx.save("half", "x".repeat(600_000));
      await ctx.save("half", "y".repeat(600_000));
      await ctx.save("other half", "x".repeat(600_000)).catch((error: { code: string }) => codes.push(error.code));
      // A value that nobody awaits is refused without ending the process.
      void ctx.save("", 1);
      return Object.keys(ctx.saved);
    },
  });
  await using world = await openWorld({ jobs: [tries] });
  const job = await world.forge.jobs.wait(await world.forge.dispatch(tries, {}));
  expect(job).toMatchObject({ status: "completed", output: ["half"] });
  expect(codes).toEqual([
    "BAD_REQUEST",
    "BAD_REQUEST",
    "BAD_REQUEST",
    "INVALID_ARGS",
    "INVALID_ARGS",
    "TOO_LARGE",
    "TOO_LARGE",
  ]);
});

test("a run that lost its job saves nothing: the promise rejects, and its signal aborts", async () => {
  const started = gate();
  const lost = gate();
  const said = gate<unknown[]>();
  let runs = 0;
  const slow = defineJob("slow", {
    run: async (ctx) => {
      if (++runs > 1) return ctx.saved["mine"] ?? "nothing";
      started.open();
      await lost.opened;
      const refused: unknown = await ctx.save("mine", 1).catch((error: unknown) => error);
      said.open([refused, ctx.signal.aborted, ctx.signal.reason]);
      throw new Error("the first run ends");
    },
  });
  await using world = await openWorld({ jobs: [slow] });
  const id = await world.forge.dispatch(slow, {});
  await started.opened;
  const rescuer = sqliteStore(world.file);
  const [worker] = await rescuer.workers.list();
  await rescuer.workers.rescue({
    workerId: worker!.id,
    because: "gone",
    maxDeaths: 3,
    death: { error: "died", publicError: "died" },
  });
  await rescuer.close();
  lost.open();
  const [refused, aborted, reason] = await said.opened;
  expect(refused).toBeInstanceOf(JobAborted);
  expect([aborted, reason]).toEqual([true, refused]);
  await using other = await openWorld({ jobs: [slow], file: world.file });
  expect(await other.forge.jobs.wait(id)).toMatchObject({ status: "completed", output: "nothing" });
});
