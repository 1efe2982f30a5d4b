import { PRIORITIES, type ClaimedJob, type NewJob, type Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { claimJob, claimJobs, insertJob, newJob, only, readJob, retryJob, updateJob } from "./one-job.ts";
import { registerWorker, rescueWorker } from "./one-worker.ts";
import type { Suite } from "./suite.ts";
import { advance } from "./world.ts";

const ids = (jobs: readonly { id: string }[]): string[] => jobs.map(({ id }) => id);

/** Due one second apart and all in the past, in the order given. */
async function insertDueInTurn(store: Store, jobs: readonly Partial<NewJob>[]): Promise<string[]> {
  const start = Date.now() - 3_600_000;
  const made = jobs.map((job, n) => newJob({ type: "t", due: { atMs: start + n * 1_000 }, ...job }));
  // Written in an order that is neither that of time nor of ids.
  for (const job of [...made.filter((_, n) => n % 2 === 1), ...made.filter((_, n) => n % 2 === 0)]) {
    await store.jobs.insert({ jobs: [job] });
  }
  return ids(made);
}

async function claimOneByOne(store: Store, types: readonly string[], oldestFirst: boolean): Promise<string[]> {
  const taken: ClaimedJob[] = [];
  for (;;) {
    const [next] = await claimJobs(store, { types, limit: 1, oldestFirst });
    if (next === undefined) return ids(taken);
    taken.push(next);
  }
}

/** Which jobs a worker gets, in which order, and that nobody else gets them. */
export const claimSuite: Suite = {
  topic: "claim",
  cases: [
    {
      name: "the more urgent come first, whenever they became due",
      async run({ store }) {
        const made = await insertDueInTurn(
          store,
          PRIORITIES.toReversed().map((priority) => ({ priority })),
        );
        expect(await claimOneByOne(store, ["t"], false)).toEqual(made.toReversed());
      },
    },
    {
      name: "the more urgent come first, whatever their type",
      async run({ store }) {
        const types = ["a", "b", "c", "d"];
        const made = await insertDueInTurn(
          store,
          PRIORITIES.toReversed().map((priority, n) => ({ priority, type: types[n]! })),
        );
        expect(await claimOneByOne(store, types, false)).toEqual(made.toReversed());
      },
    },
    {
      name: "of one type and priority the longest due come first, not the first inserted",
      async run({ store }) {
        const made = await insertDueInTurn(
          store,
          Array.from({ length: 7 }, () => ({})),
        );
        expect(await claimOneByOne(store, ["t"], false)).toEqual(made);
      },
    },
    {
      name: "with oldestFirst the longest due come first, whatever their priority and type",
      async run({ store }) {
        const made = await insertDueInTurn(store, [
          { priority: "low" },
          { priority: "critical", type: "u" },
          { priority: "normal" },
          { priority: "low", type: "u" },
          { priority: "high" },
        ]);
        expect(await claimOneByOne(store, ["t", "u"], true)).toEqual(made);
      },
    },
    {
      name: "with oldestFirst a claim of several takes the longest due of all, in that order",
      async run({ store }) {
        const made = await insertDueInTurn(store, [
          { priority: "low" },
          { priority: "critical", type: "u" },
          { priority: "low" },
          { priority: "normal", type: "u" },
          { priority: "low" },
          { priority: "critical", type: "u" },
        ]);
        const claim = { types: ["t", "u"], limit: 4, oldestFirst: true };
        expect(ids(await claimJobs(store, claim))).toEqual(made.slice(0, 4));
        expect(ids(await claimJobs(store, claim))).toEqual(made.slice(4));
      },
    },
    {
      name: "a claim of several answers them in the order in which they should start",
      async run({ store }) {
        const made = await insertDueInTurn(store, [
          { priority: "low" },
          {},
          { priority: "high" },
          {},
          { priority: "high" },
        ]);
        const [low, normal, high, later, highLater] = made;
        expect(ids(await claimJobs(store, { types: ["t"], limit: 4 }))).toEqual([high, highLater, normal, later]);
        expect(ids(await claimJobs(store, { types: ["t"], limit: 4 }))).toEqual([low]);
      },
    },
    {
      name: "no more than the limit are taken",
      async run({ store }) {
        await store.jobs.insert({ jobs: Array.from({ length: 25 }, () => newJob({ type: "t" })) });
        expect(await claimJobs(store, { types: ["t"], limit: 10 })).toHaveLength(10);
        expect(await claimJobs(store, { types: ["t"], limit: 10 })).toHaveLength(10);
        expect(await claimJobs(store, { types: ["t"], limit: 10 })).toHaveLength(5);
        expect(await claimJobs(store, { types: ["t"], limit: 10 })).toEqual([]);
      },
    },
    {
      name: "types that the worker does not know are left alone",
      async run({ store }) {
        const job = await insertJob(store, { type: "unknown", priority: "critical" });
        const before = await readJob(store, job.id);
        expect(await claimJobs(store, { types: ["known", "other"] })).toEqual([]);
        expect(await claimJobs(store, { types: [] })).toEqual([]);
        expect(await readJob(store, job.id)).toEqual(before);
      },
    },
    {
      name: "other queues are left alone",
      async run({ store }) {
        const job = await insertJob(store, { queue: "media", type: "t" });
        const before = await readJob(store, job.id);
        expect(await claimJobs(store, { types: ["t"] })).toEqual([]);
        expect(await readJob(store, job.id)).toEqual(before);
        expect((await claimJob(store, job)).queue).toBe("media");
      },
    },
    {
      name: "two types that hash to one lane are two types",
      async run({ store }) {
        const [known, unknown] = LANE_TWINS;
        const jobs = [newJob({ type: unknown }), newJob({ type: known })];
        await store.jobs.insert({ jobs });
        expect(await store.jobs.nextDue({ queue: "default", types: [known] })).toBe(0);
        expect(ids(await claimJobs(store, { types: [known] }))).toEqual([jobs[1]!.id]);
        expect(await store.jobs.nextDue({ queue: "default", types: [known] })).toBeNull();
        expect(ids(await claimJobs(store, { types: [known, unknown] }))).toEqual([jobs[0]!.id]);
      },
    },
    {
      name: "future jobs are left alone, however urgent",
      async run({ store }) {
        const future = await insertJob(store, { type: "t", priority: "critical", due: { delayMs: 60_000 } });
        const due = await insertJob(store, { type: "t", priority: "low" });
        expect(ids(await claimJobs(store, { types: ["t"] }))).toEqual([due.id]);
        expect((await readJob(store, future.id)).attempts).toBe(0);
      },
    },
    {
      name: "a claim hands out the whole job and marks its row",
      async run({ store }) {
        const job = await insertJob(store, {
          priority: "high",
          owner: "ada",
          input: "[1]",
          overrides: "{}",
          maxAttempts: 4,
        });
        const before = await readJob(store, job.id);
        const { claimNo, ...run } = await claimJob(store, job);
        const { maxAttempts, due: _due, keys: _keys, ...handedOut } = job;
        const revision = before.revision + 1;
        expect(run).toEqual({ ...handedOut, attempt: 1, maxAttempts, deaths: 0, revision });
        expect(claimNo).toBeGreaterThan(0);
        const after = await readJob(store, job.id);
        const { claimedAt } = after;
        expect(after).toEqual({ ...before, status: "claimed", attempts: 1, claimedAt, revision });
        expect(claimedAt).toBeGreaterThanOrEqual(before.createdAt);
      },
    },
    {
      name: "every claim raises the fence, also where the attempt was given back",
      async run({ store }) {
        const job = await insertJob(store);
        let last = 0;
        for (const kind of ["given_back", "retry", "given_back", "failed"] as const) {
          const run = await claimJob(store, job);
          expect(run.claimNo).toBeGreaterThan(last);
          last = run.claimNo;
          await updateJob(store, run, { started: true, outcome: OUTCOMES[kind] });
        }
        await retryJob(store, job.id);
        expect((await claimJob(store, job)).claimNo).toBeGreaterThan(last);
      },
    },
    {
      name: "a job waits out the delay of its retry",
      async run(world) {
        const { store } = world;
        const job = await jobIn(store, "running");
        await updateJob(store, job, { outcome: { ...OUTCOMES.retry, delayMs: 60_000 } });
        expect(await claimJobs(store, { types: [job.type] })).toEqual([]);
        advance(world, 60_000);
        expect(await claimJob(store, job)).toMatchObject({ id: job.id, attempt: 2 });
      },
    },
    {
      name: "many claimers at once never get the same job, and get all of them",
      async run({ store, other }) {
        const made = Array.from({ length: 300 }, () => newJob({ type: "t" }));
        await store.jobs.insert({ jobs: made });
        const taken: string[] = [];
        const claimer = async (through: Store): Promise<void> => {
          const workerId = await registerWorker(through);
          for (;;) {
            const jobs = await through.jobs.claim({
              workerId,
              queue: "default",
              types: ["t"],
              limit: 7,
              oldestFirst: false,
            });
            taken.push(...ids(jobs));
            if (jobs.length > 0) continue;
            // Rows that another claimer holds are skipped, so an empty answer alone does not say that none are left.
            if ((await through.jobs.nextDue({ queue: "default", types: ["t"] })) === null) return;
          }
        };
        await Promise.all(Array.from({ length: 8 }, (_, n) => claimer(n % 2 === 0 ? store : other)));
        expect(taken.toSorted()).toEqual(ids(made).toSorted());
      },
    },
    {
      name: "a worker that was retired gets nothing, so that nothing is stuck with it",
      async run({ store }) {
        const { type } = await insertJob(store);
        const workerId = await registerWorker(store);
        await rescueWorker(store, workerId);
        expect(await claimJobs(store, { types: [type], workerId })).toEqual([]);
        only(await claimJobs(store, { types: [type] }));
      },
    },
  ],
};

/** Two names whose lanes in the queue "default" are one number. */
const LANE_TWINS = ["job_26wu", "job_dwfa"] as const;
