import { expect } from "./expect.ts";
import { claimJob, insertJob, keyClaim, newJob, readJob, updateJob } from "./one-job.ts";
import { OUTCOMES } from "./job-in.ts";
import type { Suite } from "./suite.ts";

/** Dispatch in the caller's own transaction. */
export const transactionSuite: Suite = {
  topic: "transaction",
  cases: [
    {
      name: "a job exists exactly once the caller's transaction commits",
      async run({ store, other, begin }) {
        const { tx, commit } = await begin();
        const job = newJob();
        expect(await store.jobs.insert({ jobs: [job], tx })).toEqual([{ id: job.id, created: true }]);
        expect(await store.jobs.get({ ids: [job.id] })).toEqual([]);
        expect(await other.jobs.states({ ids: [job.id] })).toEqual([]);
        await commit();
        expect((await readJob(store, job.id)).status).toBe("pending");
        expect((await claimJob(other, job)).id).toBe(job.id);
      },
    },
    {
      name: "a rolled back transaction leaves neither job nor key",
      async run({ store, begin }) {
        const { tx, rollback } = await begin();
        const job = newJob({ keys: [keyClaim("k")] });
        await store.jobs.insert({ jobs: [job], tx });
        await rollback();
        expect(await store.jobs.get({ ids: [job.id] })).toEqual([]);
        const next = newJob({ keys: [keyClaim("k")] });
        expect(await store.jobs.insert({ jobs: [next] })).toEqual([{ id: next.id, created: true }]);
      },
    },
    {
      name: "a batch in a transaction folds its duplicates and meets holders",
      async run({ store, begin }) {
        const holder = await insertJob(store, { keys: [keyClaim("held")] });
        const { tx, commit } = await begin();
        const fresh = newJob({ keys: [keyClaim("fresh")] });
        const again = newJob({ keys: [keyClaim("fresh")] });
        const met = newJob({ keys: [keyClaim("held")] });
        expect(await store.jobs.insert({ jobs: [fresh, met, again], tx })).toEqual([
          { id: fresh.id, created: true },
          { id: holder.id, created: false },
          { id: fresh.id, created: false },
        ]);
        await commit();
        expect(await store.jobs.get({ ids: [again.id, met.id] })).toEqual([]);
      },
    },
    {
      name: "two inserts of one transaction see each other's keys",
      async run({ store, begin }) {
        const { tx, commit } = await begin();
        const first = newJob({ keys: [keyClaim("k")] });
        await store.jobs.insert({ jobs: [first], tx });
        const second = newJob({ keys: [keyClaim("k")] });
        expect(await store.jobs.insert({ jobs: [second], tx })).toEqual([{ id: first.id, created: false }]);
        await commit();
      },
    },
    {
      name: "an open transaction only delays an insert beside it",
      async run({ store, begin }) {
        const { tx, commit } = await begin();
        const inside = newJob();
        await store.jobs.insert({ jobs: [inside], tx });
        const beside = insertJob(store);
        await commit();
        expect((await readJob(store, (await beside).id)).status).toBe("pending");
        expect((await readJob(store, inside.id)).status).toBe("pending");
      },
    },
    {
      name: "an insert that meets a key of an open transaction gets its job once that commits",
      async run({ store, begin }) {
        const { tx, commit } = await begin();
        const inside = newJob({ keys: [keyClaim("k")] });
        await store.jobs.insert({ jobs: [inside], tx });
        const beside = store.jobs.insert({ jobs: [newJob({ keys: [keyClaim("k")] })] });
        await commit();
        expect(await beside).toEqual([{ id: inside.id, created: false }]);
      },
    },
    {
      name: "an insert that meets a key of an open transaction takes it once that rolls back",
      async run({ store, begin }) {
        const { tx, rollback } = await begin();
        await store.jobs.insert({ jobs: [newJob({ keys: [keyClaim("k")] })], tx });
        const job = newJob({ keys: [keyClaim("k")] });
        const beside = store.jobs.insert({ jobs: [job] });
        await rollback();
        expect(await beside).toEqual([{ id: job.id, created: true }]);
      },
    },
    {
      name: "an open transaction with a new job holds up neither claims nor settles",
      needs: ["concurrentWriters"],
      async run({ store, begin }) {
        const ready = await insertJob(store, { type: "same", keys: [keyClaim("ready")] });
        const { tx, commit } = await begin();
        await store.jobs.insert({ jobs: [newJob({ type: "same", keys: [keyClaim("new")] })], tx });
        const run = await claimJob(store, ready);
        expect(run.id).toBe(ready.id);
        await updateJob(store, run, { started: true, outcome: OUTCOMES.completed });
        await commit();
        expect((await readJob(store, ready.id)).status).toBe("completed");
      },
    },
  ],
};
