import { JOB_STATUSES } from "@forge-jobs/protocol";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { insertJob, newJob, readJob, readState, updateJob } from "./one-job.ts";
import type { Case, Suite } from "./suite.ts";

const bothAgree = (status: (typeof JOB_STATUSES)[number]): Case => ({
  name: `a job that is ${status} reads the same in states, get and list, through every store object`,
  async run({ store, other }) {
    const { id, type } = await jobIn(store, status, { owner: "ada" });
    const job = await readJob(store, id);
    expect(job.status).toBe(status);
    const state = await readState(store, id);
    expect(Object.keys(state).toSorted()).toEqual([
      "id",
      "message",
      "output",
      "owner",
      "progress",
      "publicError",
      "revision",
      "status",
      "type",
    ]);
    expect(job).toMatchObject(state);
    expect(await readState(other, id)).toEqual(state);
    expect(await readJob(other, id)).toEqual(job);
    expect(await store.jobs.list({ type, limit: 10 })).toEqual([job]);
  },
});

/** Jobs by their ids. */
export const readSuite: Suite = {
  topic: "read",
  cases: [
    ...JOB_STATUSES.map(bothAgree),
    {
      name: "unknown ids are left out, of the live and of the ended",
      async run({ store }) {
        const live = await insertJob(store);
        const ended = await jobIn(store, "completed");
        const ids = [newJob().id, live.id, newJob().id, ended.id, newJob().id];
        const states = await store.jobs.states({ ids });
        expect(states.map(({ id }) => id).toSorted()).toEqual([live.id, ended.id]);
        const jobs = await store.jobs.get({ ids });
        expect(jobs.map(({ id }) => id).toSorted()).toEqual([live.id, ended.id]);
      },
    },
    {
      name: "no ids, no jobs",
      async run({ store }) {
        await insertJob(store);
        expect(await store.jobs.states({ ids: [] })).toEqual([]);
        expect(await store.jobs.get({ ids: [] })).toEqual([]);
      },
    },
    {
      name: "1,000 ids are read at once",
      async run({ store }) {
        const jobs = Array.from({ length: 1_000 }, () => newJob());
        await store.jobs.insert({ jobs });
        expect(await store.jobs.states({ ids: jobs.map(({ id }) => id) })).toHaveLength(1_000);
      },
    },
    {
      name: "a job is never missed nor read twice while it ends",
      async run({ store, other }) {
        for (let round = 0; round < 10; round++) {
          const job = await jobIn(store, "running");
          const [, states, jobs] = await Promise.all([
            updateJob(store, job, { outcome: OUTCOMES.completed }),
            other.jobs.states({ ids: [job.id] }),
            other.jobs.get({ ids: [job.id] }),
          ]);
          expect(states).toHaveLength(1);
          expect(jobs).toHaveLength(1);
        }
      },
    },
  ],
};
