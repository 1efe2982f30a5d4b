import { JOB_STATUSES } from "@forge-jobs/protocol";
import type { ListQuery, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOME_KINDS, OUTCOMES } from "./job-in.ts";
import { claimJobs, insertJob, newJob, updateJob } from "./one-job.ts";
import { insertRun, runningRun } from "./one-run.ts";
import type { Suite } from "./suite.ts";

const idsOf = async (store: Store, query: Partial<ListQuery> = {}): Promise<string[]> =>
  (await store.jobs.list({ limit: 100, ...query })).map(({ id }) => id);

/** Reads page after page, doing something between them. */
async function page(store: Store, query: ListQuery, between?: () => Promise<unknown>): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const jobs = await store.jobs.list({ ...query, ...(ids.length > 0 ? { before: ids.at(-1)! } : {}) });
    ids.push(...jobs.map(({ id }) => id));
    if (jobs.length < query.limit) return ids;
    await between?.();
  }
}

/** Lists: filters, and pages that neither lose nor repeat a job. */
export const listSuite: Suite = {
  topic: "list",
  cases: [
    {
      name: "an empty database has an empty list",
      async run({ store }) {
        expect(await idsOf(store)).toEqual([]);
        expect(
          await idsOf(store, { status: "failed", type: "t", queue: "q", owner: "o", before: newJob().id }),
        ).toEqual([]);
      },
    },
    {
      name: "runs of workflows are not among the jobs, alive or ended",
      async run({ store }) {
        const [alive, ended] = [await insertRun(store), await runningRun(store)];
        await updateJob(store, ended, { outcome: OUTCOMES.completed });
        const job = await insertJob(store);
        expect(await idsOf(store)).toEqual([job.id]);
        expect(await idsOf(store, { type: alive.type })).toEqual([]);
        expect(await idsOf(store, { status: "completed" })).toEqual([]);
      },
    },
    {
      name: "the newest come first, live and ended in one order",
      async run({ store }) {
        const made: string[] = [];
        for (const status of [...JOB_STATUSES, ...JOB_STATUSES]) made.push((await jobIn(store, status)).id);
        expect(await idsOf(store)).toEqual(made.toReversed());
        expect(await idsOf(store, { limit: 5 })).toEqual(made.toReversed().slice(0, 5));
      },
    },
    {
      name: "every filter alone, and all together",
      async run({ store }) {
        const wanted = { type: "export", queue: "media", owner: "ada" };
        const match = (await jobIn(store, "failed", wanted)).id;
        const type = (await jobIn(store, "failed", { ...wanted, type: "import" })).id;
        const queue = (await jobIn(store, "failed", { ...wanted, queue: "mail" })).id;
        const owner = (await jobIn(store, "failed", { ...wanted, owner: "eve" })).id;
        const nobody = (await jobIn(store, "failed", { ...wanted, owner: null })).id;
        const pending = (await jobIn(store, "pending", wanted)).id;
        expect(await idsOf(store, { status: "failed" })).toEqual([nobody, owner, queue, type, match]);
        expect(await idsOf(store, { type: "export" })).toEqual([pending, nobody, owner, queue, match]);
        expect(await idsOf(store, { queue: "media" })).toEqual([pending, nobody, owner, type, match]);
        expect(await idsOf(store, { owner: "ada" })).toEqual([pending, queue, type, match]);
        expect(await idsOf(store, { ...wanted, status: "failed" })).toEqual([match]);
        expect(await idsOf(store, { ...wanted, status: "failed", before: match })).toEqual([]);
        expect(await idsOf(store, { ...wanted, status: "completed" })).toEqual([]);
      },
    },
    {
      name: "every status is a filter of its own",
      async run({ store }) {
        const made = new Map<string, string>();
        for (const status of JOB_STATUSES) made.set(status, (await jobIn(store, status)).id);
        for (const status of JOB_STATUSES) expect(await idsOf(store, { status })).toEqual([made.get(status)]);
      },
    },
    {
      name: "filters compare texts exactly, in any script",
      async run({ store }) {
        const names = ["Экспорт", "экспорт", "e\u0301", "\u00e9", "%", "_", "a", "A", "'; --", "🙂"];
        for (const name of names) await insertJob(store, { type: name, queue: name, owner: name });
        for (const name of names) {
          for (const query of [{ type: name }, { queue: name }, { owner: name }]) {
            expect(await store.jobs.list({ ...query, limit: 100 })).toMatchObject([
              { type: name, queue: name, owner: name },
            ]);
          }
        }
      },
    },
    {
      name: "pages hold every job once",
      async run({ store }) {
        const made = Array.from({ length: 23 }, () => newJob({ type: "t" }));
        await store.jobs.insert({ jobs: made });
        for (const { claimNo, id } of await claimJobs(store, { types: ["t"], limit: 9 })) {
          await updateJob(store, { id, claimNo }, { started: true, outcome: OUTCOMES.completed });
        }
        const newestFirst = made.map(({ id }) => id).toReversed();
        for (const limit of [1, 4, 23, 100]) expect(await page(store, { limit })).toEqual(newestFirst);
      },
    },
    {
      name: "jobs that are inserted between two pages do not shift them",
      async run({ store }) {
        const made = Array.from({ length: 12 }, () => newJob({ type: "t" }));
        await store.jobs.insert({ jobs: made });
        const seen = await page(store, { type: "t", limit: 5 }, () => insertJob(store, { type: "t" }));
        expect(seen).toEqual(made.map(({ id }) => id).toReversed());
      },
    },
    {
      name: "jobs that end, retry and come back between two pages are neither lost nor repeated",
      async run({ store }) {
        const made = Array.from({ length: 12 }, () => newJob({ type: "t" }));
        await store.jobs.insert({ jobs: made });
        const seen = await page(store, { type: "t", limit: 3 }, async () => {
          const runs = await claimJobs(store, { types: ["t"], limit: 4 });
          for (const [n, run] of runs.entries()) {
            const kind = OUTCOME_KINDS[n % OUTCOME_KINDS.length]!;
            await updateJob(store, run, { started: true, outcome: OUTCOMES[kind] });
          }
          const failed = await store.jobs.list({ status: "failed", limit: 1 });
          await store.jobs.retry({ ids: failed.map(({ id }) => id) });
        });
        expect(seen).toEqual(made.map(({ id }) => id).toReversed());
      },
    },
    {
      name: "the cursor may be an id that is not there",
      async run({ store }) {
        const older = await insertJob(store);
        const between = newJob();
        const newer = await insertJob(store);
        expect(await idsOf(store, { before: between.id })).toEqual([older.id]);
        expect(await idsOf(store, { before: newer.id })).toEqual([older.id]);
        expect(await idsOf(store, { before: older.id })).toEqual([]);
      },
    },
  ],
};
