import type { ClaimLimits, NewJob, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { claimJob, claimJobs, insertJob, newJob, readJob, updateJob } from "./one-job.ts";
import { heldRows, registerWorker, rescueWorker } from "./one-worker.ts";
import type { Suite } from "./suite.ts";

interface Run {
  readonly id: string;
  readonly claimNo: number;
}

/** A running parent with children of one type, which waits for them. */
async function waitingParent(
  store: Store,
  children: readonly Partial<NewJob>[],
): Promise<{ run: Run; made: NewJob[] }> {
  const { id, claimNo } = await jobIn(store, "running");
  const made = children.map((child) => newJob({ type: "child", ...child }));
  await store.children.dispatch({ calls: made.map((job) => ({ parent: { id, claimNo }, key: job.id, job })) });
  await setWaiting(store, { id, claimNo }, true);
  return { run: { id, claimNo }, made };
}

function setWaiting(store: Store, { id, claimNo }: Run, isWaiting: boolean): Promise<void> {
  return store.children.setWaiting({ runs: [{ id, claimNo, isWaiting }] });
}

interface Taking {
  readonly limit?: number;
  readonly queue?: string;
  readonly types?: readonly string[];
  readonly limits?: ClaimLimits;
}

async function claimAmong(
  store: Store,
  among: readonly string[] | "awaited",
  { limit = 100, queue = "default", types = ["child"], limits }: Taking = {},
): Promise<string[]> {
  const workerId = await registerWorker(store);
  const claim = { workerId, queue, types, limit, oldestFirst: false, among };
  const jobs = await store.jobs.claim(limits === undefined ? claim : { ...claim, limits });
  expect(jobs.map(({ isLimited }) => isLimited)).toEqual(jobs.map(() => (limits === undefined ? undefined : true)));
  return jobs.map(({ id }) => id);
}

/** Claims that name what they want: children that somebody waits for. */
export const awaitedSuite: Suite = {
  topic: "awaited",
  cases: [
    {
      name: "a claim takes only the named jobs that are due, of its queue and types, in the order named",
      async run({ store }) {
        const [a, b, c] = [
          await insertJob(store, { type: "child" }),
          await insertJob(store, { type: "child", priority: "critical" }),
          await insertJob(store, { type: "child" }),
        ];
        const later = await insertJob(store, { type: "child", due: { delayMs: 3_600_000 } });
        const other = await insertJob(store, { type: "other" });
        const elsewhere = await insertJob(store, { type: "child", queue: "media" });
        const taken = await jobIn(store, "claimed", { type: "taken" });
        const among = [later, c, other, elsewhere, taken, newJob(), b, a, c].map(({ id }) => id);
        expect(await claimAmong(store, among, { limit: 2 })).toEqual([c.id, b.id]);
        expect(await claimAmong(store, among, { types: ["child", "taken"] })).toEqual([a.id]);
        expect(await claimAmong(store, among)).toEqual([]);
        expect(await claimAmong(store, [])).toEqual([]);
        for (const { id } of [later, other, elsewhere]) expect((await readJob(store, id)).status).toBe("pending");
      },
    },
    {
      name: "what such a claim takes is claimed like any other job",
      async run({ store }) {
        const job = await insertJob(store, { type: "child", owner: "ada", input: '{"n":1}', maxAttempts: 7 });
        const workerId = await registerWorker(store);
        const claim = { workerId, queue: "default", types: ["child"], limit: 1, oldestFirst: false };
        const [run] = await store.jobs.claim({ ...claim, among: [job.id] });
        expect(run).toMatchObject({
          id: job.id,
          type: "child",
          queue: "default",
          priority: "normal",
          owner: "ada",
          input: '{"n":1}',
          attempt: 1,
          maxAttempts: 7,
          claimNo: 1,
          deaths: 0,
          revision: 2,
        });
        expect((await heldRows(store, workerId)).map(({ id }) => id)).toEqual([job.id]);
        expect((await updateJob(store, run!, { started: true, outcome: OUTCOMES.completed })).result).toBe("applied");
      },
    },
    {
      name: "a retired worker and a paused queue take nothing so",
      async run({ store }) {
        const { made } = await waitingParent(store, [{}]);
        const ids = made.map(({ id }) => id);
        const workerId = await registerWorker(store);
        await rescueWorker(store, workerId);
        const claim = { workerId, queue: "default", types: ["child"], limit: 1, oldestFirst: false };
        expect(await store.jobs.claim({ ...claim, among: ids })).toEqual([]);
        expect(await store.jobs.claim({ ...claim, among: "awaited" })).toEqual([]);
        await store.queues.change({ name: "default", change: { paused: true }, onlyAbsent: false });
        expect(await claimAmong(store, ids)).toEqual([]);
        expect(await claimAmong(store, "awaited")).toEqual([]);
      },
    },
    {
      name: "such a claim takes what the limit of its queue leaves, and none where it has not heard of that",
      async run({ store, other }) {
        const limits = { global: true, keyed: [] };
        await store.queues.change({ name: "default", change: { globalConcurrency: 2 }, onlyAbsent: false });
        const jobs = Array.from({ length: 4 }, () => newJob({ type: "child" }));
        await store.jobs.insert({ jobs });
        const ids = jobs.map(({ id }) => id);
        expect(await claimAmong(store, ids)).toEqual([]);
        expect(await claimAmong(store, ids.slice(1), { limits, limit: 1 })).toEqual([ids[1]]);
        expect(await claimAmong(other, ids, { limits })).toEqual([ids[0]]);
        expect(await claimAmong(store, ids, { limits })).toEqual([]);
      },
    },
    {
      name: "such a claim takes of each key what its limit leaves, parked or not, and none where it counts no keys",
      async run({ store, other }) {
        const limits = { global: false, keyed: [{ type: "child", perKey: 2 }] };
        const keys = ["a", "a", "a", "b", "a", "b"];
        const [a1, a2, a3, b1, , b2] = keys.map((limitKey) => newJob({ type: "child", limitKey }));
        const all = [a1!, a2!, a3!, b1!, b2!];
        await store.jobs.insert({ jobs: all.slice(0, 4) });
        const workerId = await registerWorker(store);
        // One more of the first key is held, and the others are parked.
        const held = newJob({ type: "child", limitKey: "a", due: { atMs: 0 } });
        await store.jobs.insert({ jobs: [held] });
        const claim = { workerId, queue: "default", types: ["child"], limit: 1, oldestFirst: false, limits };
        const [run] = await store.jobs.claim(claim);
        expect(run?.id).toBe(held.id);
        await store.jobs.insert({ jobs: [b2!] });
        const later = newJob({ type: "child", limitKey: "c", due: { delayMs: 3_600_000 } });
        const ids = [...all.map(({ id }) => id), held.id, later.id];
        expect(await claimAmong(store, ids)).toEqual([]);
        expect(await claimAmong(other, ids, { limits, limit: 2 })).toEqual([a1!.id, b1!.id]);
        expect(await claimAmong(store, ids, { limits })).toEqual([b2!.id]);
        await store.children.setWaiting({ runs: [{ ...run!, isWaiting: true }] });
        expect(await claimAmong(other, ids, { limits })).toEqual([a2!.id]);
        expect(await claimAmong(other, ids, { limits: { ...limits, keyed: [{ type: "child", perKey: 1 }] } })).toEqual(
          [],
        );
      },
    },
    {
      name: "children with keys of a run that waits are found by who counts their keys",
      async run({ store, other }) {
        const { made } = await waitingParent(store, [{ limitKey: "a" }, { limitKey: "a" }]);
        const limits = { global: false, keyed: [{ type: "child", perKey: 1 }] };
        expect(await claimAmong(store, "awaited")).toEqual([]);
        const [first, ...others] = await claimAmong(other, "awaited", { limits });
        expect(made.map(({ id }) => id)).toContain(first);
        expect(others).toEqual([]);
        expect(await claimAmong(store, "awaited", { limits })).toEqual([]);
      },
    },
    {
      name: "the children of every run that waits are found, whoever holds it, and nobody else's",
      async run({ store, other }) {
        const first = await waitingParent(store, [{}, {}]);
        const second = await waitingParent(other, [
          { queue: "media" },
          { type: "other" },
          { due: { delayMs: 3_600_000 } },
        ]);
        const busy = await waitingParent(store, [{}]);
        await setWaiting(other, busy.run, false);
        await insertJob(store, { type: "child" });
        expect(await claimAmong(store, "awaited", { limit: 1 })).toHaveLength(1);
        const rest = await claimAmong(other, "awaited");
        expect(rest).toHaveLength(1);
        expect(first.made.map(({ id }) => id)).toContain(rest[0]);
        expect(await claimAmong(store, "awaited", { queue: "media" })).toEqual([second.made[0]!.id]);
        expect(await claimAmong(store, "awaited")).toEqual([]);
        await setWaiting(store, busy.run, true);
        expect(await claimAmong(store, "awaited")).toEqual([busy.made[0]!.id]);
      },
    },
    {
      name: "that a run waits is fenced, raises no revision, and ends with its claim",
      async run({ store }) {
        const { run, made } = await waitingParent(store, [{}]);
        const parent = await readJob(store, run.id);
        await setWaiting(store, { id: run.id, claimNo: run.claimNo + 1 }, false);
        expect(await readJob(store, run.id)).toEqual(parent);
        await updateJob(store, run, { outcome: OUTCOMES.retry });
        expect(await claimAmong(store, "awaited")).toEqual([]);
        const next = await claimJob(store, parent);
        await setWaiting(store, run, true);
        expect(await claimAmong(store, "awaited")).toEqual([]);
        await setWaiting(store, next, true);
        expect(await claimAmong(store, "awaited")).toEqual([made[0]!.id]);
      },
    },
    {
      name: "claims of the same named jobs at once never take one twice",
      async run({ store, other }) {
        const jobs = Array.from({ length: 60 }, () => newJob({ type: "child" }));
        await store.jobs.insert({ jobs });
        const ids = jobs.map(({ id }) => id);
        const claims = await Promise.all([
          ...[store, other, store, other].map((through) => claimAmong(through, ids, { limit: 20 })),
          claimJobs(other, { types: ["child"], limit: 20 }).then((taken) => taken.map(({ id }) => id)),
        ]);
        const taken = claims.flat();
        expect(new Set(taken).size).toBe(taken.length);
        const rest = await claimAmong(store, ids);
        expect([...taken, ...rest].toSorted()).toEqual(ids.toSorted());
      },
    },
  ],
};
