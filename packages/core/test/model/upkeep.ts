// Steps of a walk expect on behalf of the test that takes it.
/* oxlint-disable vitest/no-standalone-expect */

import fc from "fast-check";
import { expect } from "vitest";
import type { EndedStatus, RunUpdate } from "../../src/store.ts";
import type { ModelRun } from "./model.ts";
import { MINUTE_MS } from "./model-job.ts";
import { deadLetter, expired, retain, unkeyed } from "./model-sweeps.ts";
import { addWorker, ERROR, hasWorkers, KEYED, minutes, place, queueName, Step, workerAt } from "./step.ts";

export const register: fc.Arbitrary<Step> = fc.constant(
  new Step(
    "register a worker",
    async (model, { store }) => addWorker(model, store),
    (model) => model.workers.size - model.draining.size < 3,
  ),
);

export const die: fc.Arbitrary<Step> = fc.record({ n: place, maxDeaths: fc.constantFrom(1, 2, 3) }).map(
  ({ n, maxDeaths }) =>
    new Step(
      `worker ${n} dies; ${maxDeaths} deaths are too many`,
      async (model, { other }) => {
        const workerId = workerAt(model, n);
        const args = { workerId, because: "gone", maxDeaths, death: ERROR } as const;
        const moved = await other.workers.rescue(args);
        const ids = model.rescue(workerId, maxDeaths);
        expect(moved?.toSorted()).toEqual(ids.toSorted());
        model.draining.delete(workerId);
        model.reach.by("a worker died with jobs", ids.length > 0);
        const dead = ids.filter((id) => model.jobs.get(id)!.status === "dead_letter");
        model.reach.by("a job died with its worker too often", dead.length);
      },
      hasWorkers,
    ),
);

/** Few: one that drains is of little use to a walk. */
export const drain: fc.Arbitrary<Step> = place.map(
  (n) =>
    new Step(
      `worker ${n} drains`,
      async (model, { other }) => {
        const workerId = workerAt(model, n);
        expect(await other.workers.drain({ workerId })).toBeTypeOf("number");
        model.draining.add(workerId);
      },
      (model) => hasWorkers(model) && model.draining.size === 0,
    ),
);

/** What a worker finds in the table that it does not know of, it gives back: a claim lost its answer. */
export const beat: fc.Arbitrary<Step> = fc.record({ worker: place, strays: fc.boolean() }).map(
  ({ worker, strays }) =>
    new Step(
      `worker ${worker} beats${strays ? " and gives strays back" : ""}`,
      async (model, { store }) => {
        const workerId = workerAt(model, worker);
        const { alive, rows } = await store.workers.beat({ workerId, leaseMs: 30 * 24 * 60 * MINUTE_MS });
        expect(alive).toBe(true);
        const expected = model.heldBy(workerId).map(({ job, claimNo, status }) => ({
          id: job.id,
          claimNo,
          cancelRequested: status === "cancel_requested",
        }));
        const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
        expect(rows.toSorted(byId)).toEqual(expected.toSorted(byId));
        if (!strays) return;
        const isKnown = ({ id, claimNo }: ModelRun): boolean =>
          model.runs.some((run) => run.id === id && run.claimNo === claimNo);
        const updates = rows
          .filter((row) => !isKnown(row))
          .map(({ id, claimNo }): RunUpdate => {
            const nothing = { started: false, progress: undefined, message: undefined };
            return { id, claimNo, ...nothing, outcome: { kind: "given_back", delayMs: 0 } };
          });
        for (const { result } of await store.jobs.update({ updates })) expect(result).toBe("applied");
        for (const one of updates) model.update(one);
        model.reach.by("a beat gave strays back", updates.length);
      },
      hasWorkers,
    ),
);

// A day seldom: after one there is little that still waits.
export const jump: fc.Arbitrary<Step> = fc.constantFrom(1, 5, 5, 10, 10, 25 * 60).map(
  (many) =>
    new Step(`${many} minutes pass`, async (model, { clock }) => {
      clock.offsetMs += many * MINUTE_MS;
      model.nowMs += many * MINUTE_MS;
      model.bucket?.pass(many * MINUTE_MS);
    }),
);

export const sweepFailed: fc.Arbitrary<Step> = minutes.map(
  (many) =>
    new Step(`sweep what failed ${many} minutes ago`, async (model, { store }) => {
      const afterMs = many * MINUTE_MS;
      expect(await store.sweeps.deadLetter({ afterMs, limit: 1_000 })).toBe(deadLetter(model, afterMs));
      // Changes nothing that anybody could see.
      await store.sweeps.expiredKeys({ limit: 1_000 });
    }),
);

const STATUSES: readonly EndedStatus[] = ["completed", "failed", "dead_letter", "cancelled"];
const BEHIND_ALL = "ffffffff-ffff-ffff-ffff-ffffffffffff";

export const sweepOld: fc.Arbitrary<Step> = fc
  .record({ many: fc.constantFrom(0, 1, 5), limit: fc.constantFrom(2, 1_000) })
  .map(
    ({ many, limit }) =>
      new Step(`sweep what ended ${many} minutes ago, ${limit} rows at a time`, async (model, { store }) => {
        const olderThanMs = many * MINUTE_MS;
        for (const status of STATUSES) {
          let deleted = 0;
          for (let after: string | null = ""; after !== null;) {
            const behind: { after?: string } = after === "" ? {} : { after };
            const step = await store.sweeps.retain({ status, olderThanMs, ...behind, upTo: BEHIND_ALL, limit });
            deleted += step.deleted;
            after = step.reached;
          }
          expect(deleted, status).toBe(retain(model, status, olderThanMs));
        }
      }),
  );

export const sweepExpired: fc.Arbitrary<Step> = fc.constant(
  new Step("sweep what has had its own time", async (model, { store }) => {
    expect(await store.sweeps.expired({ limit: 1_000 })).toBe(expired(model));
  }),
);

export const sweepKeyed: fc.Arbitrary<Step> = queueName.map(
  (queue) =>
    new Step(`free the waiting jobs of ${queue} from their concurrency keys`, async (model, { store }) => {
      const moved = await store.sweeps.unkeyed({ lanes: [{ queue, type: KEYED }], limit: 1_000 });
      expect(moved).toBe(unkeyed(model, queue, KEYED));
    }),
);

// Seldom, and never for long: while nothing can be claimed, a walk shows little.
export const configureQueue: fc.Arbitrary<Step> = fc
  .record({
    queue: queueName,
    paused: fc.constantFrom(true, false, false, false, false),
    limit: fc.constantFrom(null, null, null, null, 1, 2, 3),
  })
  .map(
    ({ queue, paused, limit }) =>
      new Step(`${paused ? "pause" : "resume"} ${queue}, limited to ${limit}`, async (model, { other }) => {
        await other.queues.change({ name: queue, change: { paused, globalConcurrency: limit }, onlyAbsent: false });
        model.queues.set(queue, { paused, limit });
      }),
  );
