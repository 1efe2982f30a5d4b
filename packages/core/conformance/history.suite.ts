import type { HistoryRecord, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES, type PlacedJob } from "./job-in.ts";
import { cancelJob, claimJob, insertJob, newJob, readJob, retryJob, updateJob } from "./one-job.ts";
import { DEATH, MAX_DEATHS, registerWorker, rescueWorker } from "./one-worker.ts";
import type { Case, Suite } from "./suite.ts";
import { advance, type World } from "./world.ts";

async function historyOf(store: Store, jobId: string): Promise<HistoryRecord[]> {
  return store.history.read({ jobIds: [jobId] });
}

/** Runs the job once, on a new worker, and ends it so. */
async function spendRun(
  store: Store,
  job: { type: string },
  kind: "retry" | "failed" | "dead_letter" | "discarded",
  error: string,
): Promise<string> {
  const workerId = await registerWorker(store);
  const outcome = { ...OUTCOMES[kind], error, errorName: `${error}Error` };
  await updateJob(store, await claimJob(store, job, workerId), { started: true, outcome });
  return workerId;
}

const nothingElse = { error: null, errorName: null, workerId: null, by: null, reason: null };

const quiet = (name: string, way: (world: World, job: PlacedJob) => Promise<unknown>): Case => ({
  name: `${name} leaves no entry`,
  async run(world) {
    const job = await jobIn(world.store, "running");
    await way(world, job);
    expect(await historyOf(world.store, job.id)).toEqual([]);
  },
});

/** What is kept of a job's past: errors of runs, deaths of workers, and what people did. */
export const historySuite: Suite = {
  topic: "history",
  cases: [
    {
      name: "every failed run leaves its error, with the revision, attempt, worker and time of its end",
      async run(world) {
        const { store } = world;
        const job = await insertJob(store);
        const expected: Partial<HistoryRecord>[] = [];
        for (const [n, kind] of (["retry", "retry", "dead_letter"] as const).entries()) {
          advance(world, 60_000);
          const workerId = await spendRun(store, job, kind, `no ${n}`);
          const { revision, attempts } = await readJob(store, job.id);
          const said = { error: `no ${n}`, errorName: `no ${n}Error`, workerId };
          expected.push({ ...nothingElse, ...said, jobId: job.id, event: "error", attempt: attempts, revision });
        }
        const entries = await historyOf(store, job.id);
        expect(entries).toMatchObject(expected);
        expect(entries[2]!.at).toBe((await readJob(store, job.id)).failedAt);
        expect(entries[2]!.at - entries[1]!.at).toBeGreaterThanOrEqual(60_000);
      },
    },
    {
      name: "the errors of failed and of discarded jobs are kept too, one without a name as well",
      async run({ store }) {
        for (const kind of ["failed", "discarded"] as const) {
          const job = await jobIn(store, "running");
          await updateJob(store, job, { outcome: OUTCOMES[kind] });
          expect(await historyOf(store, job.id)).toMatchObject([
            { event: "error", error: OUTCOMES[kind].error, errorName: null, workerId: job.workerId },
          ]);
        }
      },
    },
    {
      name: "in a mixed batch every failed run leaves its own error, and the others none",
      async run({ store }) {
        const jobs = await Promise.all(Array.from({ length: 6 }, () => jobIn(store, "running")));
        const kinds = ["completed", "failed", "retry", "given_back", "discarded", "dead_letter"] as const;
        await store.jobs.update({
          updates: jobs.map(({ id, claimNo }, n) => {
            const outcome = OUTCOMES[kinds[n]!];
            return { id, claimNo, started: false, progress: undefined, message: undefined, outcome };
          }),
        });
        const entries = await store.history.read({ jobIds: jobs.map(({ id }) => id) });
        expect(entries.map(({ jobId, error }) => [jobId, error])).toEqual(
          [1, 2, 4, 5].map((n) => [jobs[n]!.id, (OUTCOMES[kinds[n]!] as { error: string }).error]),
        );
      },
    },
    {
      name: "an outcome that is sent again leaves one entry",
      async run({ store }) {
        for (const kind of ["failed", "retry"] as const) {
          const job = await jobIn(store, "running");
          await updateJob(store, job, { outcome: OUTCOMES[kind] });
          await updateJob(store, job, { outcome: OUTCOMES[kind] });
          expect(await historyOf(store, job.id)).toHaveLength(1);
        }
      },
    },
    {
      name: "a stale run leaves no error",
      async run({ store }) {
        const job = await jobIn(store, "running");
        await rescueWorker(store, job.workerId);
        await claimJob(store, job);
        await updateJob(store, job, { outcome: OUTCOMES.failed });
        expect((await historyOf(store, job.id)).filter(({ event }) => event === "error")).toEqual([]);
      },
    },
    quiet("a run that completes", ({ store }, job) =>
      updateJob(store, job, { progress: 5, outcome: OUTCOMES.completed }),
    ),
    quiet("a run that is given back", ({ store }, job) => updateJob(store, job, { outcome: OUTCOMES.given_back })),
    quiet("a run that says how far it is", ({ store }, job) => updateJob(store, job, { progress: 5, message: "m" })),
    {
      name: "a run that fails after its job was cancelled leaves the cancellation alone",
      async run({ store }) {
        const job = await jobIn(store, "cancel_requested");
        await updateJob(store, job, { outcome: OUTCOMES.failed });
        expect((await historyOf(store, job.id)).map(({ event }) => event)).toEqual(["cancel"]);
      },
    },
    {
      name: "the last 20 errors are kept, and what people did beside them",
      async run({ store }) {
        const job = await insertJob(store, { maxAttempts: 100 });
        await cancelJob(store, job.id);
        await store.jobs.retry({ ids: [job.id], by: "ada" });
        for (let n = 1; n <= 23; n++) await spendRun(store, job, "retry", `no ${n}`);
        const entries = await historyOf(store, job.id);
        expect(entries.map(({ event, error }) => error ?? event)).toEqual([
          "cancel",
          "retry",
          ...Array.from({ length: 20 }, (_, n) => `no ${n + 4}`),
        ]);
      },
    },
    {
      name: "the last 20 things that people did are kept, and the errors beside them",
      async run({ store }) {
        const job = await insertJob(store);
        await spendRun(store, job, "failed", "no");
        for (let n = 1; n <= 12; n++) {
          await store.jobs.retry({ ids: [job.id], by: `r${n}` });
          await store.jobs.cancel({ ids: [job.id], reason: "no", by: `c${n}` });
        }
        const entries = await historyOf(store, job.id);
        expect(entries[0]).toMatchObject({ event: "error", error: "no" });
        expect(entries.slice(1).map(({ by }) => by)).toEqual(
          Array.from({ length: 10 }, (_, n) => [`r${n + 3}`, `c${n + 3}`]).flat(),
        );
      },
    },
    {
      name: "a worker that died while it ran a job is named, and the error where that ended the job",
      async run({ store }) {
        const job = await insertJob(store);
        const workers: string[] = [];
        for (let death = 0; death < MAX_DEATHS; death++) {
          const workerId = await registerWorker(store);
          workers.push(workerId);
          await updateJob(store, await claimJob(store, job, workerId), { started: true });
          await store.workers.rescue({
            workerId,
            because: "gone",
            maxDeaths: MAX_DEATHS,
            death: { ...DEATH, errorName: "POISON" },
          });
        }
        const { revision } = await readJob(store, job.id);
        const entries = await historyOf(store, job.id);
        expect(entries.map(({ event, workerId }) => [event, workerId])).toEqual(workers.map((id) => ["death", id]));
        expect(entries.map(({ error }) => error)).toEqual([null, null, DEATH.error]);
        expect(entries[2]).toMatchObject({ revision, errorName: "POISON", attempt: 1 });
      },
    },
    {
      name: "a worker that died with a job that it had only claimed leaves no entry",
      async run({ store }) {
        const job = await jobIn(store, "claimed");
        await rescueWorker(store, job.workerId);
        expect(await historyOf(store, job.id)).toEqual([]);
      },
    },
    {
      name: "who cancelled a job, why and when is kept, of waiting and of running ones, once each",
      async run({ store }) {
        for (const status of ["pending", "running"] as const) {
          const job = await jobIn(store, status);
          await store.jobs.cancel({ ids: [job.id], reason: "too many", by: "ada" });
          await store.jobs.cancel({ ids: [job.id], reason: "me too", by: "eve" });
          const record = await readJob(store, job.id);
          const entries = await historyOf(store, job.id);
          expect(entries).toEqual([
            {
              ...nothingElse,
              jobId: job.id,
              event: "cancel",
              revision: record.revision,
              at: status === "pending" ? record.cancelledAt : record.cancelRequestedAt,
              attempt: record.attempts,
              workerId: status === "pending" ? null : job.workerId,
              by: "ada",
              reason: "too many",
            },
          ]);
        }
      },
    },
    {
      name: "what nobody in particular did is kept without a name",
      async run({ store }) {
        const job = await insertJob(store);
        await cancelJob(store, job.id, "no");
        await retryJob(store, job.id);
        expect(await historyOf(store, job.id)).toMatchObject([
          { event: "cancel", by: null, reason: "no" },
          { event: "retry", by: null, reason: null },
        ]);
      },
    },
    {
      name: "who retried a job is kept with the revision that it came back with; a refused retry leaves nothing",
      async run({ store }) {
        const job = await jobIn(store, "failed");
        const completed = await jobIn(store, "completed");
        await store.jobs.retry({ ids: [job.id, completed.id], by: "ada" });
        const { revision, attempts } = await readJob(store, job.id);
        const entries = await historyOf(store, job.id);
        expect(entries).toHaveLength(2);
        expect(entries[1]).toMatchObject({ ...nothingElse, event: "retry", revision, attempt: attempts, by: "ada" });
        expect(await historyOf(store, completed.id)).toEqual([]);
      },
    },
    {
      name: "it is read of several jobs, in their order, and of unknown ones nothing",
      async run({ store }) {
        const a = await jobIn(store, "failed");
        const b = await jobIn(store, "cancelled");
        const entries = await store.history.read({ jobIds: [b.id, newJob().id, a.id, b.id] });
        expect(entries.map(({ jobId, event }) => [jobId, event])).toEqual([
          [b.id, "cancel"],
          [a.id, "error"],
        ]);
        expect(await store.history.read({ jobIds: [] })).toEqual([]);
      },
    },
    {
      name: "operators find it with plain SQL",
      async run({ store, rows }) {
        const { id } = await jobIn(store, "failed");
        await store.jobs.retry({ ids: [id], by: "ada" });
        expect(
          await rows(`SELECT event, attempt, error, actor FROM forge_history WHERE job_id = '${id}' ORDER BY revision`),
        ).toMatchObject([
          { event: "error", attempt: 1, error: OUTCOMES.failed.error, actor: null },
          { event: "retry", attempt: 1, error: null, actor: "ada" },
        ]);
      },
    },
  ],
};
