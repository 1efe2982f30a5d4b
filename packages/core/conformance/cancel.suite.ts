import { SETTLED_JOB_STATUSES, type StoredJobStatus } from "@forge-jobs/protocol";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { cancelJob, claimJobs, insertJob, newJob, readJob, retryJob, updateJob } from "./one-job.ts";
import type { Case, Suite } from "./suite.ts";

const REASON = "cancelled by user: «нет» 🙂";

const UNSTARTED: readonly StoredJobStatus[] = ["pending", "retry", "claimed"];

const endsAtOnce = (status: StoredJobStatus): Case => ({
  name: `a job that is ${status} is cancelled at once, with the reason`,
  async run({ store }) {
    const { id, type } = await jobIn(store, status);
    const { revision } = await readJob(store, id);
    expect(await cancelJob(store, id, REASON)).toBe("cancelled");
    const after = await readJob(store, id);
    const expected = { status: "cancelled", error: REASON, publicError: REASON, output: null, revision: revision + 1 };
    expect(after).toMatchObject(expected);
    expect(after.cancelledAt).toBeGreaterThanOrEqual(after.createdAt);
    expect(await claimJobs(store, { types: [type] })).toEqual([]);
  },
});

const leftAlone = (status: StoredJobStatus): Case => ({
  name: `a job that is ${status} is left alone`,
  async run({ store }) {
    const { id } = await jobIn(store, status);
    const before = await readJob(store, id);
    expect(await cancelJob(store, id, REASON)).toBe("settled");
    expect(await readJob(store, id)).toEqual(before);
  },
});

/** What a cancellation does to a job of every status. */
export const cancelSuite: Suite = {
  topic: "cancel",
  cases: [
    ...UNSTARTED.map(endsAtOnce),
    ...SETTLED_JOB_STATUSES.map(leftAlone),
    {
      name: "a running job is flagged and goes on",
      async run({ store }) {
        const job = await jobIn(store, "running");
        await updateJob(store, job, { progress: 40, message: "busy" });
        const { revision } = await readJob(store, job.id);
        expect(await cancelJob(store, job.id, REASON)).toBe("requested");
        const after = await readJob(store, job.id);
        const expected = {
          status: "cancel_requested",
          progress: 40,
          message: "busy",
          cancelledAt: null,
          revision: revision + 1,
        };
        expect(after).toMatchObject(expected);
        expect(after.cancelRequestedAt).toBeGreaterThanOrEqual(after.startedAt!);
        expect(await claimJobs(store, { types: [job.type] })).toEqual([]);
      },
    },
    {
      name: "a job that was asked to stop already is still asked to",
      async run({ store }) {
        const { id } = await jobIn(store, "cancel_requested");
        expect(await cancelJob(store, id, "again")).toBe("requested");
        expect((await readJob(store, id)).status).toBe("cancel_requested");
      },
    },
    {
      name: "started, sent after the flag, neither takes it back nor forgets the reason",
      async run({ store }) {
        const job = await jobIn(store, "running");
        await cancelJob(store, job.id, REASON);
        expect(await updateJob(store, job, { started: true })).toMatchObject({
          result: "applied",
          cancelRequested: true,
        });
        expect((await readJob(store, job.id)).status).toBe("cancel_requested");
        await updateJob(store, job, { started: true, outcome: OUTCOMES.failed });
        expect(await readJob(store, job.id)).toMatchObject({ status: "cancelled", error: REASON, publicError: REASON });
      },
    },
    {
      name: "the run of a job that was cancelled before it started is stale",
      async run({ store }) {
        const job = await jobIn(store, "claimed");
        await cancelJob(store, job.id, REASON);
        const before = await readJob(store, job.id);
        expect(await updateJob(store, job, { started: true })).toMatchObject({ result: "stale" });
        expect(await updateJob(store, job, { started: true, outcome: OUTCOMES.completed })).toMatchObject({
          result: "stale",
        });
        expect(await readJob(store, job.id)).toEqual(before);
      },
    },
    {
      name: "a future job is cancelled before it is due",
      async run({ store }) {
        const { id, type } = await insertJob(store, { due: { delayMs: 60_000 } });
        expect(await cancelJob(store, id, REASON)).toBe("cancelled");
        expect(await store.jobs.nextDue({ queue: "default", types: [type] })).toBeNull();
      },
    },
    {
      name: "an unknown job is not found",
      async run({ store }) {
        expect(await cancelJob(store, newJob().id)).toBe("not_found");
        expect(await store.jobs.cancel({ ids: [], reason: REASON })).toEqual([]);
      },
    },
    {
      name: "a batch is answered in its order",
      async run({ store }) {
        const [running, pending] = [await jobIn(store, "running"), await jobIn(store, "pending")];
        const [failed, claimed] = [await jobIn(store, "failed"), await jobIn(store, "claimed")];
        const ids = [running.id, newJob().id, failed.id, pending.id, claimed.id];
        const answer = await store.jobs.cancel({ ids, reason: REASON });
        expect(answer).toEqual(["requested", "not_found", "settled", "cancelled", "cancelled"]);
      },
    },
    {
      name: "a job that is cancelled, retried and run again ends by its own outcome",
      async run({ store }) {
        const job = await jobIn(store, "cancel_requested");
        await updateJob(store, job, { outcome: OUTCOMES.given_back });
        expect(await retryJob(store, job.id)).toBe("retried");
        const [run] = await claimJobs(store, { types: [job.type] });
        expect(await updateJob(store, run!, { started: true })).toMatchObject({ cancelRequested: false });
        await updateJob(store, run!, { outcome: OUTCOMES.failed });
        expect(await readJob(store, job.id)).toMatchObject({ status: "failed", error: OUTCOMES.failed.error });
      },
    },
    {
      name: "a cancellation and an outcome at once end in a status that the table allows",
      async run({ store, other }) {
        for (let round = 0; round < 10; round++) {
          const job = await jobIn(store, "running");
          const [answer] = await Promise.all([
            cancelJob(other, job.id, REASON),
            updateJob(store, job, { outcome: OUTCOMES.failed }),
          ]);
          const after = await readJob(store, job.id);
          if (after.status === "cancel_requested") await updateJob(store, job, { outcome: OUTCOMES.failed });
          const { status } = await readJob(store, job.id);
          expect(status).toBe(answer === "requested" ? "cancelled" : "failed");
        }
      },
    },
  ],
};
