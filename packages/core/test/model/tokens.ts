// Steps of a walk expect on behalf of the test that takes it.
/* oxlint-disable vitest/no-standalone-expect */

import fc from "fast-check";
import { expect } from "vitest";
import { ModelBucket } from "./model-bucket.ts";
import { MINUTE_MS } from "./model-job.ts";
import { Step } from "./step.ts";

const SCOPE = "slack";
const JOBS = [1, 2, 3, 4, 5, 6].map((n) => `00000000-0000-7000-8000-00000000000${n}`);
/** What passes by itself makes a token come so much sooner than the model says, at most. */
const SLACK_MS = MINUTE_MS / 4;

function expectAbout(ms: number, modelMs: number): void {
  expect(ms).toBeLessThanOrEqual(Math.ceil(modelMs));
  expect(ms).toBeGreaterThan(modelMs - SLACK_MS - 1);
  expect(ms === 0, "taken").toBe(modelMs === 0);
}

export const configureBucket: fc.Arbitrary<Step> = fc.constantFrom(1, 2).map(
  (many) =>
    new Step(`one token in ${many} minutes, ${many + 1} in the bucket`, async (model, { other }) => {
      const config = { scope: SCOPE, tokens: 1, periodMs: many * MINUTE_MS, burst: many + 1 };
      await other.rateLimits.configure(config);
      if (model.bucket === null) model.bucket = new ModelBucket(config);
      else model.reach.by("a bucket was changed", model.bucket.configure(config));
    }),
);

export const acquire: fc.Arbitrary<Step> = fc.shuffledSubarray(JOBS, { minLength: 1 }).map(
  (jobIds) =>
    new Step(`jobs ${jobIds.map((id) => id.at(-1)).join()} want a token`, async (model, { store }) => {
      const waits = await store.rateLimits.acquire({ scope: SCOPE, jobIds });
      const { bucket, nowMs, reach } = model;
      if (bucket === null) return expect(waits).toBeNull();
      for (const [n, jobId] of jobIds.entries()) {
        const { waitMs, how } = bucket.acquire(jobId, nowMs);
        expectAbout(waits![n]!, waitMs);
        reach.by("a token was taken at once", how === "new" && waitMs === 0);
        reach.by("a place in the line was given", how === "new" && waitMs > 0);
        reach.by("a place in the line was found again", how === "again" && waitMs > 0);
        reach.by("a token was taken from a place", how === "again" && waitMs === 0);
        reach.by("one late to its turn was told a new time", how === "late");
      }
      const [read] = await store.rateLimits.list({ scope: SCOPE });
      const { nextInMs, ...rest } = bucket.read();
      expect(read).toMatchObject(rest);
      expectAbout(read!.nextInMs, nextInMs);
    }),
);

export const drainBucket: fc.Arbitrary<Step> = fc.constantFrom(1, 5).map(
  (many) =>
    new Step(
      `no token for ${many} minutes`,
      async (model, { other }) => {
        const isThere = await other.rateLimits.drain({ scope: SCOPE, retryAfterMs: many * MINUTE_MS });
        expect(isThere).toBe(model.bucket !== null);
        model.reach.by("a bucket was drained", model.bucket?.drain(many * MINUTE_MS) ?? 0);
      },
      ({ bucket }) => bucket === null || !bucket.isAbout(many * MINUTE_MS),
    ),
);

export const sweepPlaces: fc.Arbitrary<Step> = fc.constant(
  new Step(
    "sweep places that nobody took",
    async (model, { store }) => {
      const swept = model.bucket!.sweep(model.nowMs);
      // Those that a change made void go as well.
      expect(await store.sweeps.ratePlaces({ limit: 1_000 })).toBeGreaterThanOrEqual(swept);
      model.reach.by("a place was swept", swept);
    },
    ({ bucket }) => bucket !== null,
  ),
);
