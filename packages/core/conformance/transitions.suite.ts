import { JOB_STATUSES, JOB_TRANSITIONS, type StoredJobStatus } from "@forge-jobs/protocol";
import { expect } from "./expect.ts";
import { jobIn, OUTCOME_KINDS, OUTCOMES, type PlacedJob } from "./job-in.ts";
import { cancelJob, claimJobs, insertJob, newJob, readState, retryJob, updateJob } from "./one-job.ts";
import { DEATH, registerWorker, rescueWorker } from "./one-worker.ts";
import type { Case, Suite } from "./suite.ts";
import { walk } from "./walk.ts";
import type { World } from "./world.ts";

const SEEDS = [1];

type Verb = (world: World, job: PlacedJob) => Promise<unknown>;

/** Every way to write to a job that exists, by the run that holds it, by the one before it, and by other people. */
const VERBS: readonly Verb[] = [
  ({ store }, { type }) => claimJobs(store, { types: [type] }),
  ({ store }, { type }) => claimJobs(store, { types: [type], oldestFirst: true }),
  ({ store }, job) => updateJob(store, job, { started: true }),
  ({ store }, job) => updateJob(store, job, { progress: 1 }),
  ...OUTCOME_KINDS.flatMap((kind): Verb[] => [
    ({ store }, job) => updateJob(store, job, { outcome: OUTCOMES[kind] }),
    ({ store }, job) => updateJob(store, job, { started: true, outcome: OUTCOMES[kind] }),
    ({ store }, job) =>
      updateJob(store, { ...job, claimNo: job.claimNo - 1 }, { started: true, outcome: OUTCOMES[kind] }),
  ]),
  ({ store }, { id }) => cancelJob(store, id),
  ({ store }, { id }) => retryJob(store, id),
  ({ store }, { id }) => store.ended.discard({ ids: [id] }),
  ({ store }, { workerId }) => store.workers.beat({ workerId, leaseMs: 30_000 }),
  ({ store }, { workerId }) => store.workers.retire({ workerId }),
  ({ store }, { workerId }) => rescueWorker(store, workerId),
  ({ store }, { workerId }) => store.workers.rescue({ workerId, because: "gone", maxDeaths: 1, death: DEATH }),
  ({ store }) => store.sweeps.expiredKeys({ limit: 100 }),
];

const allowedFrom = (from: StoredJobStatus): StoredJobStatus[] =>
  JOB_TRANSITIONS.filter((row) => row.from === from).map(({ to }) => to);

const everyVerb = (from: StoredJobStatus): Case => ({
  name: `from ${from}, the verbs together lead to ${new Intl.ListFormat("en").format([...new Set(allowedFrom(from))]) || "nothing"}`,
  async run(world) {
    const { store } = world;
    const place = (): Promise<PlacedJob> => jobIn(store, from);
    const [untouched, ...jobs] = await Promise.all([place(), ...VERBS.map(place)]);
    const statuses = async (of: readonly PlacedJob[]): Promise<StoredJobStatus[]> =>
      (await store.jobs.states({ ids: of.map(({ id }) => id) })).map(({ status }) => status);
    expect(new Set(await statuses([untouched, ...jobs]))).toEqual(new Set([from]));
    await Promise.all(VERBS.map((verb, n) => verb(world, jobs[n]!)));
    const seen = new Set(await statuses(jobs));
    await store.sweeps.deadLetter({ afterMs: 0, limit: 100 });
    for (const swept of await statuses([untouched])) seen.add(swept);
    seen.delete(from);
    expect([...seen].toSorted()).toEqual([...new Set(allowedFrom(from))].toSorted());
  },
});

const walked = (seed: number): Case => ({
  name: `a random walk of verbs never leaves the table (seed ${seed})`,
  async run(world) {
    const allowed = JOB_TRANSITIONS.map(({ from, to }) => `${from} -> ${to}`);
    for (const { verb, before, after } of await walk(world, seed)) {
      if (before?.status === after.status) continue;
      expect(allowed, `${verb} moved a job`).toContain(`${before?.status ?? null} -> ${after.status}`);
    }
  },
});

/** Every write path holds to the table of transitions. */
export const transitionsSuite: Suite = {
  topic: "transitions",
  cases: [
    {
      name: "a job is born pending, or claimed",
      async run({ store }) {
        const { id } = await insertJob(store);
        const claimed = newJob();
        await store.jobs.insertClaimed({ job: claimed, workerId: await registerWorker(store) });
        const statuses = [(await readState(store, id)).status, (await readState(store, claimed.id)).status];
        expect(statuses).toEqual(JOB_TRANSITIONS.filter(({ from }) => from === null).map(({ to }) => to));
      },
    },
    ...JOB_STATUSES.map(everyVerb),
    ...SEEDS.map(walked),
  ],
};
