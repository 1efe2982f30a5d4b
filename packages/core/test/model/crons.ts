// Steps of a walk expect on behalf of the test that takes it.
/* oxlint-disable vitest/no-standalone-expect */

import fc from "fast-check";
import { expect } from "vitest";
import { readCron, registration, tick } from "../../conformance/one-cron.ts";
import { newJob } from "../../conformance/one-job.ts";
import type { World } from "../../conformance/world.ts";
import type { Model } from "./model.ts";
import { ModelCron } from "./model-cron.ts";
import { hasEnded, MINUTE_MS } from "./model-job.ts";
import { jobArbitrary, minutesOf, shown, Step, without } from "./step.ts";

// Which ticks an expression has, and what becomes of them, is decided by pure functions with tests of their own.

const NAME = "nightly";
/** Runs of crons have keys of no kind. */
const tickArbitrary = jobArbitrary.map((job) => ({ ...without(job, "limitKey", "replace"), keys: [] }));

async function expectSameCron(model: Model, { store }: World): Promise<void> {
  const row = await readCron(store, NAME);
  const { hash, catchUp, pending, turn, skipped, tickJobId, lastJobId, ...rest } = model.cron!;
  const tickJob = tickJobId === null ? undefined : model.jobs.get(tickJobId);
  const busy = tickJob !== undefined && !hasEnded(tickJob);
  expect(row).toMatchObject({ hash, catchUp, pending, turn, skipped, tickJobId, lastJobId, busy });
  expect(row.pausedAt !== null).toBe(rest.isPaused);
  expect(minutesOf(model, row.lastTick)).toBe(rest.lastTickMs);
  expect(minutesOf(model, row.seenAt)).toBe(rest.seenMs);
}

const cronStep = (words: string, does: (model: Model, cron: ModelCron, world: World) => Promise<void>): Step =>
  new Step(
    words,
    async (model, world) => {
      await does(model, model.cron!, world);
      await expectSameCron(model, world);
    },
    ({ cron }) => cron !== null,
  );

export const registerCron: fc.Arbitrary<Step> = fc
  .record({ hash: fc.constantFrom("old", "new"), catchUp: fc.boolean(), takeOver: fc.boolean() })
  .map(
    ({ takeOver, ...said }) =>
      new Step(`register a cron ${shown({ ...said, takeOver })}`, async (model, world) => {
        const { reach, nowMs } = model;
        const cron = registration({ name: NAME, ...said });
        await world.other.crons.register({ crons: [cron], takeOver });
        const isChanged = model.cron !== null && model.cron.hash !== said.hash;
        reach.by("a cron got another expression", isChanged && !takeOver);
        reach.by("a cron's ticks were taken over", isChanged && takeOver);
        if (model.cron === null) model.cron = new ModelCron(cron, nowMs);
        else model.cron.register(cron, takeOver, nowMs);
        await expectSameCron(model, world);
      }),
  );

export const seeCron: fc.Arbitrary<Step> = fc.constantFrom("old", "new").map((hash) =>
  cronStep(`a process with the ${hash} expression is seen`, async (model, cron, { store }) => {
    await store.crons.seen({ crons: [{ name: NAME, hash }] });
    if (hash === cron.hash) cron.seenMs = model.nowMs;
  }),
);

/** Each decision is said by two processes that read the same row; `stale`: on the ground of what stood there before. */
export const advanceCron: fc.Arbitrary<Step> = fc
  .record({
    minutes: fc.constantFrom(0, 1, 1, 5),
    hash: fc.constantFrom(null, null, null, "old", "new"),
    isStale: fc.constantFrom(false, false, false, true),
    does: fc.constantFrom("runs", "runs", "skips", "puts off"),
    job: tickArbitrary,
  })
  .map(({ minutes, hash, isStale, does, job }) =>
    cronStep(`a tick in ${minutes} minutes ${shown({ hash, isStale, does })}`, async (model, cron, world) => {
      const row = await readCron(world.store, NAME);
      const ground = { ...row, hash: hash ?? row.hash, turn: row.turn - Number(isStale) };
      const at = row.lastTick + minutes * MINUTE_MS;
      const lastTickMs = cron.lastTickMs + minutes * MINUTE_MS;
      const decide = () =>
        tick(ground, at, {
          pending: does === "puts off" ? [...row.pending, at] : [],
          skipped: does === "skips" ? [at] : [],
          runs: does === "runs" ? { jobs: [newJob(job)], scheduledAt: at } : null,
        });
      for (const process of [world.store, world.other]) {
        const decision = decide();
        const refusal = cron.whyRefused(decision, lastTickMs, model.nowMs);
        expect(await process.crons.advance(decision)).toBe(refusal === null);
        model.reach.by("a stale decision about ticks was refused", refusal === "stale");
        model.reach.by("a decision about ticks to come was refused", refusal === "early");
        model.reach.by("a decision about ticks was refused while paused", refusal === "paused");
        if (refusal !== null) continue;
        cron.advance(decision, lastTickMs);
        model.insert(decision.runs?.jobs ?? []);
        model.reach.by("a tick made a job", does === "runs");
      }
    }),
  );

export const triggerCron: fc.Arbitrary<Step> = tickArbitrary.map((given) =>
  cronStep("trigger the cron", async (model, cron, { other }) => {
    const job = newJob(given);
    expect(await other.crons.trigger({ name: NAME, job, scheduledAt: model.beganAt })).toBe(true);
    model.insert([job]);
    cron.lastJobId = job.id;
    model.reach.by("a cron was triggered");
  }),
);

export const pauseCron: fc.Arbitrary<Step> = fc.constantFrom(true, false, false).map((isPaused) =>
  cronStep(isPaused ? "pause the cron" : "resume the cron", async (model, cron, { other }) => {
    const { crons } = other;
    const said = { name: NAME, by: null };
    expect(await (isPaused ? crons.pause(said) : crons.resume(said))).toBe(true);
    if (isPaused) cron.pause();
    else model.reach.by("a cron was resumed", cron.resume(model.nowMs));
  }),
);
