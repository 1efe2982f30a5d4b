// Steps of a walk expect on behalf of the test that takes it.
/* oxlint-disable vitest/no-standalone-expect */

import fc from "fast-check";
import { expect } from "vitest";
import { newJob } from "../../conformance/one-job.ts";
import { createDeadLetters } from "../../src/dead-letters.ts";
import type { DeadFilter, Store } from "../../src/store.ts";
import { hasEnded, isDead, isHeld, MINUTE_MS, type ModelJob, waits } from "./model-job.ts";
import { hasJobs, jobAt, place, queueName, shown, Step, TYPES, without } from "./step.ts";

// What a history says of who did it, and why, is left to the conformance suite.

export const cancel: fc.Arbitrary<Step> = place.map(
  (n) =>
    new Step(
      `cancel job ${n}`,
      async (model, { store }) => {
        const id = jobAt(model, n, n % 3 === 0 ? waits : isHeld);
        const revisions = new Map([...model.jobs].map(([other, { revision }]) => [other, revision]));
        const result = model.cancel(id);
        expect(await store.jobs.cancel({ ids: [id], reason: "enough" })).toEqual([result]);
        const moved = [...model.jobs].filter(([other, { revision }]) => revision !== revisions.get(other));
        model.reach.by("a waiting job was cancelled", result === "cancelled");
        model.reach.by("a running job was asked to stop", result === "requested");
        model.reach.by("a settled job was not cancelled", result === "settled");
        model.reach.by(
          "a cancellation reached a child",
          moved.some(([other]) => other !== id),
        );
      },
      hasJobs,
    ),
);

export const retry: fc.Arbitrary<Step> = place.map(
  (n) =>
    new Step(
      `a person retries job ${n}`,
      async (model, { store }) => {
        const id = jobAt(
          model,
          n,
          (job) => hasEnded(job) && job.status !== "completed" && (n % 2 === 0 || job.job.keys.length > 0),
        );
        const result = model.retry(id);
        expect(await store.jobs.retry({ ids: [id] })).toEqual([result]);
        model.reach.by("a person retried a job", result === "retried");
        model.reach.by("a person's retry met another holder of the key", result === "key_held");
        model.reach.by("a person's retry met a discarded job", result === "discarded");
        model.reach.by("a person's retry met a job under way", result === "not_settled");
      },
      hasJobs,
    ),
);

/** The verbs over dead letters, with a random number that is always a half. */
const deadLetters = (store: Store) =>
  createDeadLetters(
    store,
    () => {},
    () => 0.5,
  );

const filterArbitrary: fc.Arbitrary<DeadFilter> = fc.record(
  { type: fc.constantFrom(...TYPES), queue: queueName, errorName: fc.constantFrom("TypeError", "NetworkError") },
  { requiredKeys: [] },
);

export const retryAll: fc.Arbitrary<Step> = fc
  .record({
    filter: fc.oneof(fc.constant<DeadFilter>({}), filterArbitrary),
    limit: fc.constantFrom(undefined, 1, 2),
    spread: fc.constantFrom(undefined, 10),
    dryRun: fc.constantFrom(false, false, true),
  })
  .map(
    ({ filter, limit, spread, dryRun }) =>
      new Step(`a person retries all ${shown({ ...filter, limit, spread, dryRun })}`, async (model, { store }) => {
        const dead = [...model.jobs.values()].filter(isDead);
        const page = await deadLetters(store).deadLetters({ limit: 100 });
        expect(page.jobs.map(({ id }) => id)).toEqual(
          dead
            .map(({ job }) => job.id)
            .toSorted()
            .toReversed(),
        );
        const matching = dead.filter(
          ({ job, errorName }) =>
            [undefined, job.type].includes(filter.type) &&
            [undefined, job.queue].includes(filter.queue) &&
            [undefined, errorName].includes(filter.errorName),
        );
        const ids = matching
          .map(({ job }) => job.id)
          .toSorted()
          .slice(0, limit);
        const delayMs = ((spread ?? 0) * MINUTE_MS) / 2;
        const results = dryRun ? [] : ids.map((id) => model.retry(id, delayMs));
        const count = (result: string): number => results.filter((one) => one === result).length;
        const options = { ...filter, ...(limit !== undefined && { limit }), dryRun };
        const spreading = spread === undefined ? {} : { spread: `${spread}m` as const };
        expect(await deadLetters(store).retryAll({ ...options, ...spreading })).toEqual({
          matched: ids.length,
          retried: count("retried"),
          keyHeld: count("key_held"),
        });
        model.reach.by("a retry of all brought jobs back", count("retried"));
        model.reach.by("a retry of all left a dead letter to a filter", matching.length < dead.length);
      }),
  );

export const discard: fc.Arbitrary<Step> = place.map(
  (n) =>
    new Step(
      `a person discards job ${n}`,
      async (model, { store }) => {
        const id = jobAt(model, n, isDead);
        const isUnderWay = !hasEnded(model.jobs.get(id)!);
        const result = model.discard(id);
        expect(await store.ended.discard({ ids: [id] })).toEqual([result]);
        model.reach.by("a person discarded a job", result === "discarded");
        model.reach.by("a job under way was not discarded", isUnderWay && result === "not_failed");
      },
      hasJobs,
    ),
);

/** `again`: somebody dispatches the like of it then, and meets what its keys still hold. */
export const remove: fc.Arbitrary<Step> = fc.record({ n: place, again: fc.boolean() }).map(
  ({ n, again }) =>
    new Step(
      `a person deletes job ${n}${again ? ", and it is dispatched again" : ""}`,
      async (model, { store }) => {
        const isKeyed = ({ status, job }: ModelJob): boolean => status === "completed" && job.keys.length > 0;
        const id = jobAt(model, n, n % 3 === 0 ? hasEnded : isKeyed);
        const { job } = model.jobs.get(id)!;
        const result = model.delete(id);
        expect(await store.ended.delete({ ids: [id] })).toEqual([result]);
        model.reach.by("a person deleted a job", result === "deleted");
        model.reach.by("a job under way was not deleted", result === "not_settled");
        if (!again) return;
        const jobs = [newJob(without(job, "id"))];
        const results = model.insert(jobs);
        expect(await store.jobs.insert({ jobs })).toEqual(results);
      },
      hasJobs,
    ),
);
