import { type CronDefinition, defineCron } from "@forge-jobs/core";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tempDir } from "../../../../test/support/temp-dir.ts";
import { until } from "../../../../test/support/until.ts";
import { Ticker } from "../../src/cron/ticker.ts";
import type { JobRecord, Store } from "../../src/store.ts";
import { effectsOf, startCronProcess, type WorkerProcess } from "../support/processes.ts";
import { recordingLogger } from "../support/world.ts";
import { cronWorld, DATABASES } from "./cron-world.ts";

const SECOND_MS = 1_000;

/** A cron all of whose ticks count, also those of seconds in which the machine has other things to do. */
function everyTick(expression: string): CronDefinition {
  const options = { name: "every_second", catchUp: true, catchUpLimit: 1_000, overlap: "allow" } as const;
  return defineCron(expression, { ...options, run: () => {} });
}

/** The ticks of the jobs that there are, oldest first. */
async function ticksIn(store: Store): Promise<number[]> {
  const jobs = await store.jobs.list({ type: "cron:every_second", limit: 1_000 });
  return jobs.map(tickOf).toSorted((a, b) => a - b);
}

function tickOf({ input }: JobRecord): number {
  return Date.parse((JSON.parse(input) as { scheduledTime: string }).scheduledTime);
}

function steps(first: number, last: number, stepMs: number): number[] {
  return Array.from({ length: (last - first) / stepMs + 1 }, (_, n) => first + n * stepMs);
}

function expectEachOnce(ticks: readonly number[], stepMs: number = SECOND_MS): void {
  expect(ticks.length).toBeGreaterThan(0);
  expect(ticks).toEqual(steps(ticks[0]!, ticks.at(-1)!, stepMs));
}

describe.each(DATABASES)("%s", (_, open) => {
  /** Starts tickers as different processes have them, each with a store of its own; the answer stops them. */
  function startTickers(openStore: () => Store, cron: CronDefinition, count: number): () => Promise<void> {
    const tickers = Array.from({ length: count }, () => {
      const { crons, changes } = openStore();
      const deps = { log: recordingLogger([]), random: Math.random, now: () => performance.now() };
      return new Ticker({ ...deps, crons, changes, definitions: [cron], onMade: async () => {} });
    });
    for (const ticker of tickers) void ticker.register().then(() => ticker.start());
    return async () => void (await Promise.all(tickers.map((ticker) => ticker.stop())));
  }

  test("20 processes that make the same ticks make one job of each", { timeout: 60_000 }, async () => {
    await using world = await cronWorld(open);
    const stop = startTickers(world.openStore, everyTick("* * * * * *"), 20);
    await until(async () => (await ticksIn(world.store)).length >= 5, { what: "five ticks", within: 40_000 });
    await stop();
    expectEachOnce(await ticksIn(world.store));
  });

  test(
    "ten processes of an old and ten of a new version: each tick is one job, and from the deploy on the new one's",
    { timeout: 60_000 },
    async () => {
      await using world = await cronWorld(open);
      const even = (ticks: readonly number[]): number[] => ticks.filter((tick) => tick % (2 * SECOND_MS) === 0);
      const odd = (ticks: readonly number[]): number[] => ticks.filter((tick) => tick % (2 * SECOND_MS) !== 0);
      const stopOld = startTickers(world.openStore, everyTick("*/2 * * * * *"), 10);
      await until(async () => (await ticksIn(world.store)).length >= 2, { what: "ticks of the old", within: 40_000 });
      const stopNew = startTickers(world.openStore, everyTick("1-59/2 * * * * *"), 10);
      await until(async () => odd(await ticksIn(world.store)).length >= 3, {
        what: "ticks of the new",
        within: 40_000,
      });
      await Promise.all([stopOld(), stopNew()]);
      const ticks = await ticksIn(world.store);
      expect(ticks).toEqual([...even(ticks), ...odd(ticks)]);
      expectEachOnce(even(ticks), 2 * SECOND_MS);
      expectEachOnce(odd(ticks), 2 * SECOND_MS);
    },
  );

  test(
    "processes are killed one after the other: every second has one job, and every job runs",
    { timeout: 120_000 },
    async () => {
      await using world = await cronWorld(open);
      await using dir = await tempDir();
      const settings = { address: world.database.address, effects: join(dir.path, "effects") };
      const start = (): Promise<WorkerProcess> => startCronProcess(settings);
      const processes = await Promise.all([start(), start(), start()]);
      try {
        for (let round = 1; round <= 4; round++) {
          const before = (await ticksIn(world.store)).length;
          await until(async () => (await ticksIn(world.store)).length > before, {
            what: "a tick",
            every: 3,
            within: 40_000,
          });
          // Right after a tick: its maker is about to answer, to tell of it, to claim it, or to run it.
          await processes.shift()!.signal("SIGKILL");
          processes.push(await start());
        }
        await Promise.all(processes.map((one) => one.signal("SIGTERM")));
      } finally {
        await Promise.all(processes.map((one) => one[Symbol.asyncDispose]()));
      }
      const last = await start();
      const unfinished = async (): Promise<number> => {
        const jobs = await world.store.jobs.list({ type: "cron:every_second", limit: 1_000 });
        return jobs.filter(({ status }) => status !== "completed").length;
      };
      await until(async () => (await unfinished()) === 0, { what: "all jobs to complete", every: 100, within: 40_000 });
      await last.signal("SIGTERM");
      expectEachOnce(await ticksIn(world.store));
      const effects = await effectsOf(settings.effects);
      const jobs = await world.store.jobs.list({ type: "cron:every_second", limit: 1_000 });
      for (const { id, status } of jobs)
        if (status === "completed") expect(effects.get(id) ?? 0).toBeGreaterThanOrEqual(1);
      expect(jobs.filter(({ status }) => status === "completed").every(({ attempts }) => attempts === 1)).toBe(true);
    },
  );
});
