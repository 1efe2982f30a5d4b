// Steps of a walk expect on behalf of the test that takes it.
/* oxlint-disable vitest/no-standalone-expect */

import fc from "fast-check";
import { expect } from "vitest";
import { newJob } from "../../conformance/one-job.ts";
import type { Store } from "../../src/store.ts";
import type { Model, ModelRun } from "./model.ts";
import { mostly, hasRuns, hasWorkers, jobArbitrary, place, shown, Step, without, workerAt } from "./step.ts";

export const insert: fc.Arbitrary<Step> = fc
  .oneof(fc.tuple(jobArbitrary), fc.array(jobArbitrary, { minLength: 1, maxLength: 3 }))
  .map(
    (given) =>
      new Step(`insert ${shown(given)}`, async (model, { store }) => {
        // Of several that fold into one, stores count the revisions as they like: nobody saw those between.
        const jobs = given.map(({ replace, ...one }) =>
          newJob({ ...one, ...(replace === true && given.length === 1 && { replace }) }),
        );
        const results = model.insert(jobs);
        expect(await store.jobs.insert({ jobs })).toEqual(results);
        model.reach.by("a dispatch met the holder of its key", results.filter(({ created }) => !created).length);
      }),
  );

export const insertClaimed: fc.Arbitrary<Step> = fc.record({ job: jobArbitrary, worker: place }).map(
  ({ job, worker }) =>
    new Step(
      `insert, claimed by worker ${worker}, ${shown(job)}`,
      async (model, { store }) => {
        const one = newJob({ ...without(job, "replace"), keys: [], due: { delayMs: 0 } });
        const workerId = workerAt(model, worker);
        const isClaimed = model.insertClaimed(one, workerId);
        expect(await store.jobs.insertClaimed({ job: one, workerId })).toBe(isClaimed);
        model.reach.by(isClaimed ? "a job was born claimed" : "a job could not be born claimed");
      },
      hasWorkers,
    ),
);

async function setWaiting(model: Model, store: Store, run: ModelRun & { isWaiting: boolean }): Promise<void> {
  await store.children.setWaiting({ runs: [run] });
  if (model.isCurrent(run)) model.jobs.get(run.id)!.isWaiting = run.isWaiting;
}

export const dispatchChild: fc.Arbitrary<Step> = fc
  .record({
    run: place,
    key: fc.constantFrom("one", "two"),
    job: jobArbitrary,
    isSoon: fc.boolean(),
    isAwaited: fc.boolean(),
  })
  .map(
    ({ run, key, job, isSoon, isAwaited }) =>
      new Step(
        `run ${run} dispatches ${isAwaited ? "and awaits " : ""}its child ${key}, ${isSoon ? "due " : ""}${shown(job)}`,
        async (model, { store }) => {
          const isCaller = (one: ModelRun): boolean =>
            model.isCurrent(one) && (run % 3 > 0 || model.children.has(one.id));
          // A child is no request.
          const keys = (job.keys ?? []).filter(({ hold }) => hold.kind === "job");
          const call = {
            parent: mostly(model.runs, run, isCaller),
            key,
            job: newJob({ ...without(job, "replace"), keys, ...(isSoon && { due: { delayMs: 0 } }) }),
          };
          const result = model.dispatchChild(call);
          expect(await store.children.dispatch({ calls: [call] })).toEqual([result]);
          model.reach.by("a run that lost its job made no child", result.kind === "stale");
          model.reach.by("a run that was asked to stop made no child", result.kind === "cancelled");
          if (isAwaited) await setWaiting(model, store, { ...call.parent, isWaiting: true });
          const ids = [...model.jobs.keys()];
          const called = (model.children.get(call.parent.id) ?? []).map(({ id }) => id);
          const among = await store.children.among({ parentId: call.parent.id, ids });
          expect(among.toSorted()).toEqual([...new Set(called)].filter((id) => model.jobs.has(id)).toSorted());
        },
        hasRuns,
      ),
  );

export const waitForChildren: fc.Arbitrary<Step> = fc
  .record({ run: place, isWaiting: fc.constantFrom(true, true, false) })
  .map(
    ({ run, isWaiting }) =>
      new Step(
        `run ${run} ${isWaiting ? "waits for children" : "waits no more"}`,
        async (model, { store }) => {
          const isParent = (one: ModelRun): boolean => model.isCurrent(one) && model.children.has(one.id);
          const said = { ...mostly(model.runs, run, isParent), isWaiting };
          await setWaiting(model, store, said);
        },
        hasRuns,
      ),
  );
