import type { StoredJobStatus } from "@forge-jobs/protocol";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { claimJob, insertJob, newJob, readJob, retryJob, updateJob } from "./one-job.ts";
import { MAX_DEATHS, registerWorker, rescueWorker } from "./one-worker.ts";
import type { Case, Suite } from "./suite.ts";
import { advance, type World } from "./world.ts";

const RETRYABLE: readonly StoredJobStatus[] = ["failed", "dead_letter", "cancelled"];
const OTHERS: readonly StoredJobStatus[] = ["pending", "claimed", "running", "retry", "cancel_requested", "completed"];

const broughtBack = (status: StoredJobStatus): Case => ({
  name: `a job that is ${status} is pending again, due now, with error, output and progress cleared`,
  async run(world) {
    const { store } = world;
    const job = await jobIn(store, status, { priority: "high", owner: "ada", input: "[1]", overrides: "{}" });
    const before = await readJob(store, job.id);
    advance(world, 60_000);
    expect(await retryJob(store, job.id)).toBe("retried");
    const ended = { completedAt: null, failedAt: null, cancelRequestedAt: null, cancelledAt: null };
    const cleared = { error: null, publicError: null, output: null, progress: null, message: null, ...ended };
    const kept = {
      priority: "high",
      owner: "ada",
      input: "[1]",
      createdAt: before.createdAt,
      attempts: before.attempts,
    };
    expect(await readJob(store, job.id)).toMatchObject({
      status: "pending",
      revision: before.revision + 1,
      ...cleared,
      ...kept,
    });
    expect(await store.jobs.nextDue({ queue: "default", types: [job.type] })).toBe(0);
    expect(await claimJob(store, job)).toMatchObject({ id: job.id, attempt: before.attempts + 1, overrides: "{}" });
  },
});

const leftAlone = (status: StoredJobStatus): Case => ({
  name: `a job that is ${status} is left alone`,
  async run({ store }) {
    const { id } = await jobIn(store, status);
    const before = await readJob(store, id);
    expect(await retryJob(store, id)).toBe("not_settled");
    expect(await readJob(store, id)).toEqual(before);
  },
});

/** Runs the job once and ends it so. */
async function spendRun({ store }: World, job: { type: string }, kind: "retry" | "failed"): Promise<void> {
  await updateJob(store, await claimJob(store, job), { started: true, progress: 10, outcome: OUTCOMES[kind] });
}

/** A person's retry of a job of every status. */
export const retrySuite: Suite = {
  topic: "retry",
  cases: [
    ...RETRYABLE.map(broughtBack),
    ...OTHERS.map(leftAlone),
    {
      name: "a retry grants a budget of the same size, and attempts keep counting",
      async run(world) {
        const { store } = world;
        const job = await insertJob(store, { maxAttempts: 2 });
        await spendRun(world, job, "retry");
        await spendRun(world, job, "failed");
        await retryJob(store, job.id);
        expect(await readJob(store, job.id)).toMatchObject({ attempts: 2, maxAttempts: 4 });
        // Fails for good with a run to spare: the next budget counts from here, and is no larger.
        await spendRun(world, job, "failed");
        await retryJob(store, job.id);
        expect(await readJob(store, job.id)).toMatchObject({ attempts: 3, maxAttempts: 5 });
        expect(await claimJob(store, job)).toMatchObject({ attempt: 4, maxAttempts: 5 });
      },
    },
    {
      name: "a retry may grant another number of runs, once",
      async run(world) {
        const { store } = world;
        const job = await insertJob(store, { maxAttempts: 2 });
        await spendRun(world, job, "failed");
        await store.jobs.retry({ ids: [job.id], maxAttempts: 5 });
        expect(await readJob(store, job.id)).toMatchObject({ attempts: 1, maxAttempts: 6 });
        await spendRun(world, job, "failed");
        await retryJob(store, job.id);
        expect(await readJob(store, job.id)).toMatchObject({ attempts: 2, maxAttempts: 4 });
      },
    },
    {
      name: "a job that was cancelled before its first run keeps its budget",
      async run({ store }) {
        const { id } = await insertJob(store, { maxAttempts: 3 });
        await store.jobs.cancel({ ids: [id], reason: "no" });
        await retryJob(store, id);
        expect(await readJob(store, id)).toMatchObject({ attempts: 0, maxAttempts: 3 });
      },
    },
    {
      name: "a retried job is one row",
      async run({ store, rows }) {
        const { id } = await jobIn(store, "failed");
        await retryJob(store, id);
        expect(await rows(`SELECT status FROM forge_jobs WHERE id = '${id}'`)).toEqual([{ status: "pending" }]);
      },
    },
    {
      name: "a job that its workers' deaths ended is retried",
      async run({ store }) {
        const job = await insertJob(store);
        for (let death = 0; death < MAX_DEATHS; death++) {
          const workerId = await registerWorker(store);
          await updateJob(store, await claimJob(store, job, workerId), { started: true });
          await rescueWorker(store, workerId);
        }
        expect((await readJob(store, job.id)).status).toBe("dead_letter");
        expect(await retryJob(store, job.id)).toBe("retried");
        await updateJob(store, await claimJob(store, job), { started: true, outcome: OUTCOMES.completed });
        expect((await readJob(store, job.id)).status).toBe("completed");
      },
    },
    {
      name: "a discarded job is left alone, as failed",
      async run({ store }) {
        const job = await jobIn(store, "running");
        await updateJob(store, job, { outcome: OUTCOMES.discarded });
        const before = await readJob(store, job.id);
        expect(await retryJob(store, job.id)).toBe("discarded");
        expect(await readJob(store, job.id)).toEqual(before);
      },
    },
    {
      name: "an unknown job is not found",
      async run({ store }) {
        expect(await retryJob(store, newJob().id)).toBe("not_found");
        expect(await store.jobs.retry({ ids: [] })).toEqual([]);
      },
    },
    {
      name: "a batch is answered in its order",
      async run({ store }) {
        const failed = await jobIn(store, "failed");
        const running = await jobIn(store, "running");
        const cancelled = await jobIn(store, "cancelled");
        const completed = await jobIn(store, "completed");
        const ids = [cancelled.id, running.id, newJob().id, completed.id, failed.id];
        const answer = await store.jobs.retry({ ids });
        expect(answer).toEqual(["retried", "not_settled", "not_found", "not_settled", "retried"]);
      },
    },
    {
      name: "of two retries at once one brings the job back",
      async run({ store, other }) {
        const job = await jobIn(store, "failed");
        const { revision } = await readJob(store, job.id);
        const answers = await Promise.all([retryJob(store, job.id), retryJob(other, job.id)]);
        expect(answers.toSorted()).toEqual(["not_settled", "retried"]);
        expect(await readJob(store, job.id)).toMatchObject({
          status: "pending",
          revision: revision + 1,
          maxAttempts: 4,
        });
      },
    },
  ],
};
