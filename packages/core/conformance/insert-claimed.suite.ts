import { randomUUID } from "node:crypto";
import type { NewJob, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { claimJob, claimJobs, newJob, readJob, updateJob } from "./one-job.ts";
import { heldRows, registerWorker, rescueWorker } from "./one-worker.ts";
import type { Suite } from "./suite.ts";

async function insertFor(store: Store, workerId: string): Promise<{ job: NewJob; claimed: boolean }> {
  const job = newJob({ input: '{"n":1}', owner: "ada", priority: "high", overrides: '{"timeoutMs":1}' });
  return { job, claimed: await store.jobs.insertClaimed({ job, workerId }) };
}

/** A job that is dispatched straight into a free slot. */
export const insertClaimedSuite: Suite = {
  topic: "insert claimed",
  cases: [
    {
      name: "the row is as insert and claim leave it, but for the one revision",
      async run({ store }) {
        const { job, claimed } = await insertFor(store, await registerWorker(store));
        expect(claimed).toBe(true);
        const other = { ...job, id: newJob().id };
        await store.jobs.insert({ jobs: [other] });
        await claimJob(store, other);
        const { createdAt, scheduledAt, claimedAt, ...inserted } = await readJob(store, job.id);
        expect(await readJob(store, other.id)).toMatchObject({
          ...inserted,
          id: other.id,
          revision: inserted.revision + 1,
        });
        expect(scheduledAt).toBe(createdAt);
        expect(claimedAt).toBe(createdAt);
      },
    },
    {
      name: "nobody else can claim it, its worker holds it, and claim number 1 settles it",
      async run({ store }) {
        const workerId = await registerWorker(store);
        const { job } = await insertFor(store, workerId);
        expect(await claimJobs(store, { types: [job.type] })).toEqual([]);
        expect(await heldRows(store, workerId)).toEqual([{ id: job.id, claimNo: 1, cancelRequested: false }]);
        const outcome = { kind: "completed", output: "7" } as const;
        expect(await updateJob(store, { id: job.id, claimNo: 1 }, { started: true, outcome })).toMatchObject({
          result: "applied",
        });
        expect(await readJob(store, job.id)).toMatchObject({ status: "completed", output: "7", attempts: 1 });
      },
    },
    {
      name: "a worker that is unknown or retired gets nothing: the job is pending, and whoever claims it runs it",
      async run({ store }) {
        const retired = await registerWorker(store);
        await store.workers.retire({ workerId: retired });
        for (const workerId of [randomUUID(), retired]) {
          const { job, claimed } = await insertFor(store, workerId);
          expect(claimed).toBe(false);
          expect(await readJob(store, job.id)).toMatchObject({ status: "pending", attempts: 0, claimedAt: null });
          expect(await claimJob(store, job)).toMatchObject({
            id: job.id,
            attempt: 1,
            claimNo: 1,
            overrides: job.overrides,
          });
        }
      },
    },
    {
      name: "the rescue of its worker gives it back, uncounted",
      async run({ store }) {
        const workerId = await registerWorker(store);
        const { job } = await insertFor(store, workerId);
        expect(await rescueWorker(store, workerId)).toEqual([job.id]);
        expect(await readJob(store, job.id)).toMatchObject({ status: "pending", attempts: 0 });
      },
    },
    {
      name: "the rescue of its worker at the same time leaves no job with the retired worker",
      async run({ store, other }) {
        for (let round = 0; round < 10; round++) {
          const workerId = await registerWorker(store);
          const [{ job }] = await Promise.all([insertFor(store, workerId), rescueWorker(other, workerId)]);
          expect(await readJob(store, job.id)).toMatchObject({ status: "pending", attempts: 0 });
        }
      },
    },
  ],
};
