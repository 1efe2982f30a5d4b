import { type JobRecord, type NewJob, PRIORITIES } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn } from "./job-in.ts";
import { claimJob, claimJobs, insertJob, keyClaim, newJob, readJob, updateJob } from "./one-job.ts";
import type { Suite } from "./suite.ts";
import { advance, type World } from "./world.ts";

/** Allows for the time between two statements, not for a clock that is wrong. */
const SLACK_MS = 10_000;

/** New rows: what they hold, in which order they are answered, when they become due. */
export const insertSuite: Suite = {
  topic: "insert",
  cases: [
    {
      name: "a new job is pending, due now and otherwise blank",
      async run({ store }) {
        const job = newJob({ owner: "ada", input: '{"format":"csv"}', maxAttempts: 5, overrides: '{"timeout":1}' });
        expect(await store.jobs.insert({ jobs: [job] })).toEqual([{ id: job.id, created: true }]);
        const { createdAt, scheduledAt, revision, ...rest } = await readJob(store, job.id);
        expect(rest).toEqual({
          id: job.id,
          type: job.type,
          queue: "default",
          priority: "normal",
          status: "pending",
          owner: "ada",
          input: '{"format":"csv"}',
          output: null,
          error: null,
          parentId: null,
          publicError: null,
          progress: null,
          message: null,
          attempts: 0,
          maxAttempts: 5,
          claimedAt: null,
          startedAt: null,
          completedAt: null,
          failedAt: null,
          cancelRequestedAt: null,
          cancelledAt: null,
          discardedAt: null,
        });
        expect(scheduledAt).toBe(createdAt);
        expect(Number.isInteger(revision)).toBe(true);
      },
    },
    {
      name: "instants are milliseconds by the store's clock, wherever tests moved it",
      async run(world) {
        for (const movedMs of [0, 3_600_000]) {
          advance(world, movedMs);
          const { id } = await insertJob(world.store);
          const { createdAt } = await readJob(world.store, id);
          expect(Math.abs(createdAt - (Date.now() + movedMs))).toBeLessThan(SLACK_MS);
        }
      },
    },
    {
      name: "every priority is kept",
      async run({ store }) {
        for (const priority of PRIORITIES) {
          const job = await insertJob(store, { priority });
          expect((await readJob(store, job.id)).priority).toBe(priority);
          expect((await claimJob(store, job)).priority).toBe(priority);
        }
      },
    },
    {
      name: "texts are written as they are",
      async run({ store }) {
        const odd = {
          input: '{ "b":1.0, "a":[1e3,  "\\u00e9é🙂\\\\"] }',
          owner: "Ада 'x'; --",
          queue: "очередь",
          type: 't%_"ü',
        };
        const job = await insertJob(store, { ...odd, overrides: '{ "z":1,"a":2 }' });
        expect(await readJob(store, job.id)).toMatchObject(odd);
        expect(await claimJob(store, job)).toMatchObject({ ...odd, overrides: '{ "z":1,"a":2 }' });
      },
    },
    {
      name: "an input of 1 MiB is kept whole",
      async run({ store }) {
        const input = JSON.stringify("é".repeat(512 * 1024 - 1));
        const { id } = await insertJob(store, { input });
        expect((await readJob(store, id)).input === input).toBe(true);
      },
    },
    {
      name: "an input nested as deeply as JSON is written is kept, as an output too",
      async run({ store }) {
        // A database's own limit on nesting, such as SQLite's 1,000 levels for its JSON functions, must not refuse it.
        const nested = `${'{"a":['.repeat(1_500)}${"]}".repeat(1_500)}`;
        const job = await jobIn(store, "running", { input: nested });
        await updateJob(store, job, { outcome: { kind: "completed", output: nested } });
        expect(await readJob(store, job.id)).toMatchObject({ input: nested, output: nested, status: "completed" });
      },
    },
    {
      name: "1,000 jobs of one batch are answered in the order given",
      async run({ store }) {
        const jobs = Array.from({ length: 1_000 }, () => newJob({ type: "bulk" })).toReversed();
        const answer = await store.jobs.insert({ jobs });
        expect(answer).toEqual(jobs.map(({ id }) => ({ id, created: true })));
        expect(await store.jobs.get({ ids: jobs.map(({ id }) => id) })).toHaveLength(1_000);
      },
    },
    {
      name: "jobs of one batch keep their own fields",
      async run({ store }) {
        const jobs = [
          newJob({ queue: "a", priority: "low", owner: "x", input: "1", maxAttempts: 1 }),
          newJob({
            queue: "b",
            priority: "critical",
            owner: null,
            input: "2",
            maxAttempts: 9,
            due: { delayMs: 60_000 },
          }),
          newJob({ queue: "a", priority: "high", owner: "y", input: "3", overrides: "{}" }),
        ];
        await store.jobs.insert({ jobs });
        for (const { id, type, queue, priority, owner, input, maxAttempts } of jobs) {
          expect(await readJob(store, id)).toMatchObject({ type, queue, priority, owner, input, maxAttempts });
        }
      },
    },
    {
      name: "among many jobs that are alike each keeps what it has of its own",
      async run({ store }) {
        const atMs = Date.now() + 3_600_000;
        const odd: Partial<NewJob>[] = [
          { owner: "ada" },
          { priority: "high" },
          { queue: "other" },
          { type: "odd" },
          { maxAttempts: 7 },
          { overrides: '{"timeoutMs":1}' },
          { due: { atMs } },
          { limitKey: "k" },
          { keys: [keyClaim("k")] },
        ];
        const jobs = Array.from({ length: 60 * odd.length }, (_, n) =>
          newJob({ type: "alike", input: `{"n":${n}}`, ...(n % 60 === 55 ? odd[Math.floor(n / 60)] : {}) }),
        );
        expect(await store.jobs.insert({ jobs })).toEqual(jobs.map(({ id }) => ({ id, created: true })));
        const read = new Map((await store.jobs.get({ ids: jobs.map(({ id }) => id) })).map((job) => [job.id, job]));
        for (const { id, type, queue, priority, owner, input, maxAttempts, due } of jobs) {
          const job = read.get(id) as JobRecord;
          expect(job).toMatchObject({ type, queue, priority, owner, input, maxAttempts, status: "pending" });
          expect(job.scheduledAt).toBe("atMs" in due ? due.atMs : job.createdAt);
        }
        const again = newJob({ type: "alike", keys: [keyClaim("k")] });
        expect(await store.jobs.insert({ jobs: [again] })).toMatchObject([{ created: false }]);
        const claimed = await claimJobs(store, { types: ["alike"], limit: 1_000 });
        const plain = jobs.filter(
          ({ type, queue, due, limitKey }) =>
            type === "alike" && queue === "default" && !("atMs" in due) && limitKey === undefined,
        );
        expect(claimed.map(({ id }) => id).toSorted()).toEqual(plain.map(({ id }) => id).toSorted());
        expect(claimed.find(({ id }) => id === jobs[5 * 60 + 55]?.id)?.overrides).toBe('{"timeoutMs":1}');
      },
    },
    {
      name: "an empty batch is answered with an empty list",
      async run({ store }) {
        expect(await store.jobs.insert({ jobs: [] })).toEqual([]);
      },
    },
    {
      name: "a batch with an id that exists already is refused whole, keys included",
      async run({ store }) {
        const taken = await insertJob(store, { input: '"first"' });
        const neighbour = newJob({ keys: [keyClaim("k")] });
        const again = { ...newJob(), id: taken.id };
        await expect(store.jobs.insert({ jobs: [neighbour, again] })).rejects.toMatchObject({ code: "BAD_REQUEST" });
        expect(await store.jobs.get({ ids: [neighbour.id] })).toEqual([]);
        expect((await readJob(store, taken.id)).input).toBe('"first"');
        const next = newJob({ keys: [keyClaim("k")] });
        expect(await store.jobs.insert({ jobs: [next] })).toEqual([{ id: next.id, created: true }]);
      },
    },
    {
      name: "a delayed job waits for so long by the store's clock",
      run: (world) => becomesDueAfter(world, 60_000, { delayMs: 60_000 }),
    },
    {
      name: "a job with an instant waits until then",
      async run(world) {
        const now = (await readJob(world.store, (await insertJob(world.store)).id)).createdAt;
        await becomesDueAfter(world, 60_000, { atMs: now + 60_000 });
      },
    },
    {
      name: "an instant that has passed is due now and kept as it was given",
      async run({ store }) {
        const atMs = Date.now() - 3_600_000;
        const job = await insertJob(store, { due: { atMs } });
        expect((await readJob(store, job.id)).scheduledAt).toBe(atMs);
        await claimJob(store, job);
      },
    },
  ],
};

async function becomesDueAfter(
  world: World,
  ms: number,
  due: { readonly delayMs: number } | { readonly atMs: number },
): Promise<void> {
  const { store } = world;
  const job = await insertJob(store, { due });
  const { status, createdAt, scheduledAt } = await readJob(store, job.id);
  expect(status).toBe("pending");
  expect(Math.abs(scheduledAt - createdAt - ms)).toBeLessThan(SLACK_MS);
  advance(world, ms - SLACK_MS);
  expect(await claimJobs(store, { types: [job.type] })).toEqual([]);
  advance(world, SLACK_MS);
  expect((await claimJob(store, job)).id).toBe(job.id);
}
