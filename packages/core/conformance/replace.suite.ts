import { JOB_STATUSES, type StoredJobStatus } from "@forge-jobs/protocol";
import type { InsertResult, KeyClaim, KeyHold, NewJob, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { claimJob, claimJobs, insertJob, keyClaim, newJob, only, readJob, retryJob, updateJob } from "./one-job.ts";
import { registerWorker, rescueWorker } from "./one-worker.ts";
import { Recorder } from "./recorder.ts";
import type { Case, Suite } from "./suite.ts";
import { advance } from "./world.ts";

const HOUR_MS = 3_600_000;

/** Dispatches a job that is to take the place of the one that holds the key. */
async function replacing(
  store: Store,
  like: { type: string },
  job: Partial<NewJob> = {},
  tx?: unknown,
): Promise<InsertResult> {
  const wanted = newJob({ type: like.type, keys: [keyClaim("k")], ...job, replace: true });
  return only(await store.jobs.insert({ jobs: [wanted], ...(tx !== undefined && { tx }) }));
}

const leftAlone = (status: StoredJobStatus): Case => ({
  name: `a holder that is ${status} is left alone, and answered`,
  async run({ store }) {
    const forEver: KeyHold = { kind: "job", afterCompletionMs: null };
    const job = await jobIn(store, status, { keys: [keyClaim("k", forEver)] });
    const before = await readJob(store, job.id);
    const holds = !["failed", "dead_letter", "cancelled"].includes(status);
    const answer = await replacing(store, job, { input: "[2]" });
    expect(answer).toEqual(holds ? { id: job.id, created: false } : { id: expect.any(String), created: true });
    expect(await readJob(store, job.id)).toEqual(before);
  },
});

/** A dispatch that replaces the job which holds its key, while that is still pending. */
export const replaceSuite: Suite = {
  topic: "replace",
  cases: [
    {
      name: "a pending holder gets the input, due time and options of the dispatch, and keeps id, owner, age and key",
      async run(world) {
        const { store } = world;
        const holder = await insertJob(store, {
          keys: [keyClaim("k")],
          owner: "ada",
          input: "[1]",
          due: { delayMs: HOUR_MS },
          overrides: '{"timeoutMs":1}',
        });
        const before = await readJob(store, holder.id);
        advance(world, 60_000);
        const content = { input: "[2]", queue: "media", priority: "high", maxAttempts: 7, overrides: null } as const;
        const answer = await replacing(store, holder, { ...content, owner: "ada", due: { delayMs: 2 * HOUR_MS } });
        expect(answer).toEqual({ id: holder.id, created: false });
        const after = await readJob(store, holder.id);
        expect(after).toEqual({
          ...before,
          input: "[2]",
          queue: "media",
          priority: "high",
          maxAttempts: 7,
          scheduledAt: after.scheduledAt,
          revision: before.revision + 1,
        });
        expect(after.scheduledAt - before.scheduledAt).toBeGreaterThanOrEqual(HOUR_MS + 60_000);
        expect(await store.jobs.nextDue({ queue: "default", types: [holder.type] })).toBeNull();
        advance(world, 2 * HOUR_MS);
        expect(await claimJob(store, { type: holder.type, queue: "media" })).toMatchObject({
          id: holder.id,
          input: "[2]",
          attempt: 1,
          maxAttempts: 7,
          overrides: null,
        });
      },
    },
    {
      name: "again and again, the job is put off and runs once, with what came last",
      async run(world) {
        const { store } = world;
        const holder = await insertJob(store, { keys: [keyClaim("k")], due: { delayMs: HOUR_MS } });
        for (let n = 1; n <= 5; n++) {
          advance(world, HOUR_MS - 60_000);
          expect(await claimJobs(store, { types: [holder.type] })).toEqual([]);
          expect((await replacing(store, holder, { input: `[${n}]`, due: { delayMs: HOUR_MS } })).id).toBe(holder.id);
        }
        advance(world, HOUR_MS);
        expect(await claimJobs(store, { types: [holder.type] })).toMatchObject([{ id: holder.id, input: "[5]" }]);
        expect(await store.jobs.list({ limit: 10 })).toHaveLength(1);
      },
    },
    ...JOB_STATUSES.filter((status) => status !== "pending").map(leftAlone),
    {
      name: "without a holder it makes a job, as any dispatch does, that later ones meet",
      async run({ store }) {
        const answer = await replacing(store, newJob({ type: "t" }), { input: "[1]" });
        expect(answer.created).toBe(true);
        expect((await readJob(store, answer.id)).revision).toBe(1);
        expect(await replacing(store, { type: "t" }, { input: "[2]" })).toEqual({ id: answer.id, created: false });
        expect((await readJob(store, answer.id)).input).toBe("[2]");
      },
    },
    {
      name: "a dispatch that does not ask for it replaces nothing",
      async run({ store }) {
        const holder = await insertJob(store, { keys: [keyClaim("k")], input: "[1]" });
        const before = await readJob(store, holder.id);
        const jobs = [newJob({ type: holder.type, keys: [keyClaim("k")], input: "[2]" })];
        expect(await store.jobs.insert({ jobs })).toEqual([{ id: holder.id, created: false }]);
        expect(await readJob(store, holder.id)).toEqual(before);
      },
    },
    {
      name: "a holder of another type is left alone",
      async run({ store }) {
        const holder = await insertJob(store, { keys: [keyClaim("k")], input: "[1]" });
        expect(await replacing(store, newJob(), { input: "[2]" })).toEqual({ id: holder.id, created: false });
        expect((await readJob(store, holder.id)).input).toBe("[1]");
      },
    },
    {
      name: "a job that has run before begins anew: attempts count on, what it saved and called its children is forgotten",
      async run({ store }) {
        const job = await jobIn(store, "running", { keys: [keyClaim("k")], maxAttempts: 2 });
        const child = newJob();
        await store.saved.write({ values: [{ id: job.id, claimNo: job.claimNo, key: "at", value: "7" }] });
        await store.children.dispatch({ calls: [{ parent: job, key: "a", job: child }] });
        await updateJob(store, job, { outcome: OUTCOMES.failed });
        await retryJob(store, job.id);
        await replacing(store, job, { input: "[2]", maxAttempts: 3 });
        expect(await readJob(store, job.id)).toMatchObject({ status: "pending", attempts: 1, maxAttempts: 4 });
        expect(await store.saved.read({ ids: [job.id] })).toEqual([]);
        expect(await store.children.among({ parentId: job.id, ids: [child.id] })).toEqual([]);
        expect((await readJob(store, child.id)).status).toBe("pending");
        expect(await claimJob(store, job)).toMatchObject({ id: job.id, input: "[2]", attempt: 2, maxAttempts: 4 });
      },
    },
    {
      name: "what a run that put itself off had said is gone, and deaths count on",
      async run({ store }) {
        const job = await jobIn(store, "running", { keys: [keyClaim("k")] });
        await rescueWorker(store, job.workerId);
        const run = await claimJob(store, job);
        await updateJob(store, run, { started: true, progress: 50, message: "half" });
        await rescueWorker(store, (await store.workers.list()).at(-1)!.id);
        expect(await readJob(store, job.id)).toMatchObject({ status: "pending", progress: 50, message: "half" });
        await replacing(store, job, { input: "[2]" });
        const cleared = { progress: null, message: null, error: null, publicError: null };
        expect(await readJob(store, job.id)).toMatchObject({ status: "pending", input: "[2]", ...cleared });
        expect(await claimJob(store, job)).toMatchObject({ input: "[2]", deaths: 2 });
      },
    },
    {
      name: "a job that was replaced ends as the last dispatch says: by its budget, and kept for its time",
      async run(world) {
        const { store } = world;
        const keep = (endedMs: number) => JSON.stringify({ keep: { endedMs } });
        const holder = await insertJob(store, { keys: [keyClaim("k")], overrides: keep(HOUR_MS) });
        await replacing(store, holder, { overrides: keep(3 * HOUR_MS) });
        await updateJob(store, await claimJob(store, holder), { outcome: OUTCOMES.completed });
        advance(world, 2 * HOUR_MS);
        expect(await store.sweeps.expired({ limit: 10 })).toBe(0);
        advance(world, HOUR_MS);
        expect(await store.sweeps.expired({ limit: 10 })).toBe(1);
      },
    },
    {
      name: "a due job with a concurrency key waits parked when it is replaced: nobody is woken for it before its key has room",
      async run(world) {
        const { store } = world;
        const limits = { global: false, keyed: [{ type: "t", perKey: 1 }] };
        const about = { queue: "default", types: ["t"], limits };
        const claim = async () =>
          store.jobs.claim({ ...about, workerId: await registerWorker(store), limit: 1, oldestFirst: false });
        const held = await insertJob(store, { type: "t", limitKey: "a" });
        const [run] = await claim();
        expect(run).toMatchObject({ id: held.id });
        const holder = await insertJob(store, { type: "t", limitKey: "a", keys: [keyClaim("k")] });
        expect(await store.jobs.nextDue(about)).toBeNull();
        await replacing(store, holder, { limitKey: "a", input: "[2]" });
        expect(await store.jobs.nextDue(about)).toBeNull();
        await replacing(store, holder, { limitKey: "a", due: { delayMs: HOUR_MS } });
        expect(await store.jobs.nextDue(about)).toBeGreaterThan(0);
        advance(world, 2 * HOUR_MS);
        await replacing(store, holder, { limitKey: "a", input: "[3]" });
        expect(await store.jobs.nextDue(about)).toBeNull();
        await updateJob(store, run!, { outcome: OUTCOMES.completed });
        expect(await store.jobs.nextDue(about)).toBe(0);
        expect(await claim()).toMatchObject([{ id: holder.id, input: "[3]" }]);
      },
    },
    {
      name: "a concurrency key comes, changes and goes with the content",
      async run(world) {
        const { store } = world;
        const holder = await insertJob(store, { keys: [keyClaim("k")] });
        const { type } = holder;
        const workerId = await registerWorker(store);
        const keyed = async (): Promise<string[]> => {
          const limits = { global: false, keyed: [{ type, perKey: 1 }] };
          const claim = { workerId, queue: "default", types: [type], limit: 1, oldestFirst: false, limits };
          return (await store.jobs.claim(claim)).map(({ id }) => id);
        };
        await replacing(store, holder, { limitKey: "a" });
        expect(await claimJobs(store, { types: [type] })).toEqual([]);
        await replacing(store, holder, { limitKey: "b", due: { delayMs: HOUR_MS } });
        expect(await keyed()).toEqual([]);
        await replacing(store, holder, {});
        expect(await store.jobs.nextDue({ queue: "default", types: [type] })).toBe(0);
        await replacing(store, holder, { limitKey: "c" });
        expect(await keyed()).toEqual([holder.id]);
      },
    },
    {
      name: "within a batch the last content counts, and the first id",
      async run({ store }) {
        const type = "t";
        const keys: KeyClaim[] = [keyClaim("k")];
        const jobs = [1, 2, 3].map((n) => newJob({ type, keys, input: `[${n}]`, replace: true }));
        const other = newJob({ type, input: "[9]" });
        const [first] = jobs as [NewJob];
        expect(await store.jobs.insert({ jobs: [...jobs, other] })).toEqual([
          { id: first.id, created: true },
          { id: first.id, created: false },
          { id: first.id, created: false },
          { id: other.id, created: true },
        ]);
        expect((await readJob(store, first.id)).input).toBe("[3]");
        const more = [4, 5].map((n) => newJob({ type, keys, input: `[${n}]`, replace: true }));
        await store.jobs.insert({ jobs: more });
        expect((await readJob(store, first.id)).input).toBe("[5]");
        expect(await retryJob(store, first.id)).toBe("not_settled");
        expect(await store.jobs.list({ limit: 10 })).toHaveLength(2);
      },
    },
    {
      name: "a batch replaces some holders and leaves others alone",
      async run({ store }) {
        const type = "t";
        const holders = await Promise.all(
          ["a", "b", "c"].map((key) => insertJob(store, { type, keys: [keyClaim(key)], input: "[0]" })),
        );
        await store.jobs.cancel({ ids: [holders[2]!.id], reason: "no" });
        const jobs = ["c", "b", "a"].map((key, n) =>
          newJob({ type, keys: [keyClaim(key)], input: `[${n}]`, ...(key !== "b" && { replace: true as const }) }),
        );
        expect(await store.jobs.insert({ jobs })).toEqual([
          { id: jobs[0]!.id, created: true },
          { id: holders[1]!.id, created: false },
          { id: holders[0]!.id, created: false },
        ]);
        const inputs = await Promise.all(holders.map(async ({ id }) => (await readJob(store, id)).input));
        expect(inputs).toEqual(["[2]", "[0]", "[0]"]);
      },
    },
    {
      name: "in a transaction it happens exactly if that commits",
      async run({ store, begin }) {
        const holder = await insertJob(store, { keys: [keyClaim("k")], input: "[1]" });
        const before = await readJob(store, holder.id);
        const first = await begin();
        expect(await replacing(store, holder, { input: "[2]" }, first.tx)).toEqual({ id: holder.id, created: false });
        await first.rollback();
        expect(await readJob(store, holder.id)).toEqual(before);
        const second = await begin();
        await replacing(store, holder, { input: "[2]" }, second.tx);
        await second.commit();
        expect(await readJob(store, holder.id)).toMatchObject({ input: "[2]", revision: before.revision + 1 });
      },
    },
    {
      name: "while its replacement is uncommitted a job is not claimed, and others are",
      needs: ["concurrentWriters"],
      async run({ store, begin }) {
        const holder = await insertJob(store, { keys: [keyClaim("k")], input: "[1]" });
        const other = await insertJob(store, { type: holder.type });
        const transaction = await begin();
        await replacing(store, holder, { input: "[2]" }, transaction.tx);
        expect((await claimJobs(store, { types: [holder.type] })).map(({ id }) => id)).toEqual([other.id]);
        await transaction.commit();
        expect(await claimJobs(store, { types: [holder.type] })).toMatchObject([{ id: holder.id, input: "[2]" }]);
      },
    },
    {
      name: "watchers and workers hear of it",
      async run({ store }) {
        const holder = await insertJob(store, { keys: [keyClaim("k")], due: { delayMs: HOUR_MS } });
        const recorder = new Recorder(store);
        await replacing(store, holder, { queue: "media" });
        await recorder.until(
          "the replacement",
          () => recorder.hasMoved(holder.id, 2) && recorder.hasAvailable("media"),
        );
        recorder.unsubscribe();
      },
    },
    {
      name: "others hear of one in a transaction once that has committed",
      needs: ["notifications"],
      async run({ store, other, begin }) {
        const holder = await insertJob(store, { keys: [keyClaim("k")] });
        const recorder = await Recorder.live(other);
        const any = { any: !other.capabilities.namedHints };
        const transaction = await begin();
        await replacing(store, holder, { queue: "media" }, transaction.tx);
        expect(recorder.revisionsOf(holder.id)).toEqual([]);
        await transaction.commit();
        await recorder.until(
          "the replacement",
          () => recorder.hasMoved(holder.id, 2, any) && recorder.hasAvailable("media", any),
        );
        recorder.unsubscribe();
      },
    },
    {
      name: "of a claim and a replacement at once, a run has either content whole, and the row the same",
      async run({ store, other }) {
        for (let round = 0; round < 10; round++) {
          const holder = await insertJob(store, { keys: [keyClaim(`k${round}`)], input: "[1]", priority: "low" });
          const [answer, runs] = await Promise.all([
            replacing(other, holder, { keys: [keyClaim(`k${round}`)], input: "[2]", priority: "high" }),
            claimJobs(store, { types: [holder.type] }),
          ]);
          expect(answer).toEqual({ id: holder.id, created: false });
          const [run] = runs.length > 0 ? runs : await claimJobs(store, { types: [holder.type] });
          expect(["[1] low", "[2] high"]).toContain(`${run!.input} ${run!.priority}`);
          expect(await readJob(store, holder.id)).toMatchObject({ input: run!.input, priority: run!.priority });
        }
      },
    },
    {
      name: "of many replacements at once all are answered the one holder, which ends with one of them whole",
      async run({ store, other }) {
        const holder = await insertJob(store, { keys: [keyClaim("k")], input: "[0]", maxAttempts: 1 });
        const answers = await Promise.all(
          Array.from({ length: 16 }, (_, n) =>
            replacing(n % 2 === 0 ? store : other, holder, { input: `[${n}]`, maxAttempts: n + 1 }),
          ),
        );
        expect(new Set(answers.map(({ id }) => id))).toEqual(new Set([holder.id]));
        const { input, maxAttempts, revision } = await readJob(store, holder.id);
        expect(input).toBe(`[${maxAttempts - 1}]`);
        expect(revision).toBe(17);
      },
    },
  ],
};
