import { JOB_STATUSES, type StoredJobStatus } from "@forge-jobs/protocol";
import type { ChildResult, NewJob, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { CANCEL_REASON, jobIn, OUTCOMES } from "./job-in.ts";
import { cancelJob, claimJob, keyClaim, newJob, only, readJob, retryJob, updateJob } from "./one-job.ts";
import { rescueWorker } from "./one-worker.ts";
import type { Case, Suite } from "./suite.ts";

interface Run {
  readonly id: string;
  readonly claimNo: number;
}

async function dispatchChild(
  store: Store,
  { id, claimNo }: Run,
  key: string,
  job: Partial<NewJob> = {},
): Promise<ChildResult> {
  return only(await store.children.dispatch({ calls: [{ parent: { id, claimNo }, key, job: newJob(job) }] }));
}

/** A child that was made, with its type for claims. */
async function makeChild(store: Store, parent: Run, job: Partial<NewJob> = {}): Promise<NewJob> {
  const child = newJob(job);
  const call = { parent: { id: parent.id, claimNo: parent.claimNo }, key: child.id, job: child };
  expect(await store.children.dispatch({ calls: [call] })).toEqual([{ kind: "made", id: child.id }]);
  return child;
}

/** Brings a pending job to the status. */
async function bring(store: Store, job: NewJob, status: StoredJobStatus): Promise<void> {
  if (status === "pending") return;
  if (status === "cancelled") return void (await cancelJob(store, job.id));
  const run = await claimJob(store, job);
  if (status === "claimed") return;
  await updateJob(store, run, { started: true });
  if (status === "cancel_requested") await cancelJob(store, job.id);
  if (status === "retry" || status === "completed" || status === "failed" || status === "dead_letter") {
    await updateJob(store, run, { outcome: OUTCOMES[status] });
  }
}

const ENDED_BADLY: readonly StoredJobStatus[] = ["failed", "dead_letter", "cancelled"];

const foundAgain = (status: StoredJobStatus): Case => ({
  name: `a child that is ${status} is ${ENDED_BADLY.includes(status) ? "made anew" : "found again"} by the next run of its parent`,
  async run({ store }) {
    const parent = await jobIn(store, "running", { maxAttempts: 9 });
    const child = newJob();
    const call = { key: "k", job: child };
    await store.children.dispatch({ calls: [{ parent: { id: parent.id, claimNo: parent.claimNo }, ...call }] });
    await bring(store, child, status);
    await updateJob(store, parent, { outcome: OUTCOMES.retry });
    const next = await claimJob(store, parent);
    const again = await dispatchChild(store, next, "k");
    if (!ENDED_BADLY.includes(status)) {
      expect(again).toEqual({ kind: "found", id: child.id });
      return;
    }
    expect(again.kind).toBe("made");
    const made = (again as { id: string }).id;
    expect(made).not.toBe(child.id);
    expect(await dispatchChild(store, next, "k")).toEqual({ kind: "found", id: made });
    const listed = await store.jobs.list({ parent: parent.id, limit: 10 });
    expect(listed.map(({ id }) => id)).toEqual([made, child.id].toSorted().toReversed());
  },
});

const HELD: readonly StoredJobStatus[] = ["claimed", "running"];

const refused = (status: StoredJobStatus): Case => ({
  name: `a parent that is ${status} makes no child`,
  async run({ store, rows }) {
    const parent = await jobIn(store, status);
    const kind = status === "cancel_requested" ? "cancelled" : "stale";
    const [before] = await rows("SELECT count(*) AS n FROM forge_jobs");
    expect(await dispatchChild(store, parent, "k")).toEqual({ kind });
    expect((await rows("SELECT count(*) AS n FROM forge_jobs"))[0]).toEqual(before);
    expect(await store.jobs.list({ parent: parent.id, limit: 10 })).toEqual([]);
  },
});

/** Jobs that other jobs dispatch and wait for. */
export const childrenSuite: Suite = {
  topic: "children",
  cases: [
    {
      name: "a child is a job like any other that names its parent, alive and ended, in its record and in the view",
      async run({ store, rows }) {
        const parent = await jobIn(store, "running");
        const before = await readJob(store, parent.id);
        const child = await makeChild(store, parent, { owner: "ada", input: '{"n": 1}', priority: "high" });
        const view = async (): Promise<unknown> =>
          (await rows(`SELECT parent_id FROM forge_jobs WHERE id = '${child.id}'`))[0];
        expect(await readJob(store, child.id)).toMatchObject({
          status: "pending",
          parentId: parent.id,
          owner: "ada",
          input: '{"n": 1}',
          priority: "high",
          revision: 1,
        });
        expect(await view()).toEqual({ parent_id: parent.id });
        await bring(store, child, "failed");
        expect(await readJob(store, child.id)).toMatchObject({ status: "failed", parentId: parent.id });
        expect(await view()).toEqual({ parent_id: parent.id });
        await retryJob(store, child.id);
        expect(await readJob(store, child.id)).toMatchObject({ status: "pending", parentId: parent.id });
        expect(await readJob(store, parent.id)).toEqual(before);
        expect(before.parentId).toBe(null);
      },
    },
    ...JOB_STATUSES.map(foundAgain),
    ...JOB_STATUSES.filter((status) => !HELD.includes(status)).map(refused),
    {
      name: "the wrong fence makes no child",
      async run({ store }) {
        const parent = await jobIn(store, "running");
        for (const claimNo of [parent.claimNo - 1, parent.claimNo + 1]) {
          expect(await dispatchChild(store, { id: parent.id, claimNo }, "k")).toEqual({ kind: "stale" });
        }
        await rescueWorker(store, parent.workerId);
        expect(await dispatchChild(store, parent, "k")).toEqual({ kind: "stale" });
        await claimJob(store, parent);
        expect(await dispatchChild(store, parent, "k")).toEqual({ kind: "stale" });
        expect(await store.jobs.list({ parent: parent.id, limit: 10 })).toEqual([]);
      },
    },
    {
      name: "a mixed batch is answered in its order; calls of one name make one child",
      async run({ store }) {
        const [first, second] = [await jobIn(store, "running"), await jobIn(store, "claimed")];
        const [stale, asked] = [await jobIn(store, "pending"), await jobIn(store, "cancel_requested")];
        const old = newJob();
        const call = ({ id, claimNo }: Run, key: string, job = newJob()) => ({ parent: { id, claimNo }, key, job });
        await store.children.dispatch({ calls: [call(first, "old", old)] });
        const calls = [
          call(second, "a"),
          call(stale, "a"),
          call(first, "a"),
          call(first, "old"),
          call(asked, "a"),
          call(first, "b"),
          call(first, "a"),
        ];
        const results = await store.children.dispatch({ calls });
        const made = (n: number): ChildResult => ({ kind: "made", id: calls[n]!.job.id });
        expect(results.slice(0, 6)).toEqual([
          made(0),
          { kind: "stale" },
          results[2],
          { kind: "found", id: old.id },
          { kind: "cancelled" },
          made(5),
        ]);
        // Which of the two alike was inserted is the store's affair.
        const ids = [results[2], results[6]].map((result) => (result as { id: string }).id);
        expect(new Set(ids).size).toBe(1);
        expect([calls[2]!.job.id, calls[6]!.job.id]).toContain(ids[0]);
        expect((await store.jobs.list({ parent: first.id, limit: 10 })).length).toBe(3);
        expect(await store.children.dispatch({ calls: [] })).toEqual([]);
      },
    },
    {
      name: "500 children of one batch are all there, each with its own input",
      async run({ store }) {
        const { id, claimNo } = await jobIn(store, "running");
        const calls = Array.from({ length: 500 }, (_, n) => ({
          parent: { id, claimNo },
          key: `k${n}`,
          job: newJob({ type: "t", input: `{"n":${n}}` }),
        }));
        const results = await store.children.dispatch({ calls });
        expect(results).toEqual(calls.map(({ job }) => ({ kind: "made", id: job.id })));
        const listed = await store.jobs.list({ parent: id, limit: 1_000 });
        const inputs = new Map(listed.map((job) => [job.id, job.input]));
        expect(calls.map(({ job }) => inputs.get(job.id))).toEqual(calls.map(({ job }) => job.input));
        const some = calls.slice(100, 103).map(({ job }) => job.id);
        const progress = await store.children.progress({ ids: some });
        expect(progress.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
          some.toSorted().map((child) => ({ id: child, status: "pending", progress: null })),
        );
      },
    },
    {
      name: "two sends of the same calls make the children once",
      async run({ store, other }) {
        for (let round = 0; round < 5; round++) {
          const { id, claimNo } = await jobIn(store, "running");
          const calls = ["a", "b", "c"].map((key) => ({ parent: { id, claimNo }, key, job: newJob() }));
          const again = calls.map((call) => ({ ...call, job: newJob() }));
          const [one, two] = await Promise.all([
            store.children.dispatch({ calls }),
            other.children.dispatch({ calls: again }),
          ]);
          expect(one.map((result) => "id" in result && result.id)).toEqual(
            two.map((result) => "id" in result && result.id),
          );
          expect((await store.jobs.list({ parent: id, limit: 10 })).length).toBe(3);
        }
      },
    },
    {
      name: "a child whose idempotency key is held is the holder, which stays nobody's child",
      async run({ store }) {
        const holder = newJob({ keys: [keyClaim("k")] });
        await store.jobs.insert({ jobs: [holder] });
        const parent = await jobIn(store, "running");
        const found = await dispatchChild(store, parent, "c", { keys: [keyClaim("k")] });
        expect(found).toEqual({ kind: "found", id: holder.id });
        expect((await readJob(store, holder.id)).parentId).toBe(null);
        expect(await store.jobs.list({ parent: parent.id, limit: 10 })).toEqual([]);
        expect(await store.children.among({ parentId: parent.id, ids: [holder.id] })).toEqual([holder.id]);
        const made = await dispatchChild(store, parent, "d", { keys: [keyClaim("free")] });
        expect(made.kind).toBe("made");
        expect(only(await store.jobs.insert({ jobs: [newJob({ keys: [keyClaim("free")] })] })).id).toBe(
          (made as { id: string }).id,
        );
        await cancelJob(store, parent.id);
        expect((await readJob(store, holder.id)).status).toBe("pending");
      },
    },
    {
      name: "only what was dispatched for a parent is among its children",
      async run({ store, other }) {
        const [parent, stranger] = [await jobIn(store, "running"), await jobIn(store, "running")];
        const [a, b] = [await makeChild(store, parent), await makeChild(store, parent)];
        const foreign = await makeChild(store, stranger);
        const ids = [a.id, foreign.id, stranger.id, parent.id, b.id];
        expect((await other.children.among({ parentId: parent.id, ids })).toSorted()).toEqual([a.id, b.id].toSorted());
        expect(await store.children.among({ parentId: parent.id, ids: [] })).toEqual([]);
      },
    },
    {
      name: "progress is read of live and ended jobs; unknown ids are left out",
      async run({ store }) {
        const running = await jobIn(store, "running");
        await updateJob(store, running, { progress: 40 });
        const done = await jobIn(store, "completed");
        const read = await store.children.progress({ ids: [running.id, newJob().id, done.id] });
        expect(read.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
          [
            { id: running.id, status: "running", progress: 40 },
            { id: done.id, status: "completed", progress: null },
          ].toSorted((a, b) => (a.id < b.id ? -1 : 1)),
        );
        expect(await store.children.progress({ ids: [] })).toEqual([]);
      },
    },
    {
      name: "a list of a parent's children heeds the other filters, and pages",
      async run({ store }) {
        const parent = await jobIn(store, "running");
        const children: NewJob[] = [];
        for (let n = 0; n < 5; n++) children.push(await makeChild(store, parent, { type: n < 3 ? "few" : "rest" }));
        await jobIn(store, "pending", { type: "few" });
        await cancelJob(store, children[0]!.id);
        const listed = async (query: object): Promise<string[]> =>
          (await store.jobs.list({ parent: parent.id, limit: 10, ...query })).map(({ id }) => id);
        const newest = children.map(({ id }) => id).toReversed();
        expect(await listed({})).toEqual(newest);
        expect(await listed({ limit: 2 })).toEqual(newest.slice(0, 2));
        expect(await listed({ before: newest[1] })).toEqual(newest.slice(2));
        expect(await listed({ type: "few" })).toEqual(newest.slice(2));
        expect(await listed({ status: "cancelled" })).toEqual(newest.slice(4));
        expect(await listed({ parent: children[0]!.id })).toEqual([]);
      },
    },
    {
      name: "cancelling a parent cancels what is below it, with the same reason, and nothing else",
      async run({ store }) {
        const top = await jobIn(store, "running");
        const middle = await makeChild(store, top);
        const middleRun = await claimJob(store, middle);
        await updateJob(store, middleRun, { started: true });
        const waiting = await makeChild(store, middleRun);
        const running = await makeChild(store, middleRun);
        await updateJob(store, await claimJob(store, running), { started: true });
        const done = await makeChild(store, top);
        await bring(store, done, "completed");
        const stranger = await jobIn(store, "pending");
        expect(await cancelJob(store, top.id, CANCEL_REASON)).toBe("requested");
        expect(await readJob(store, top.id)).toMatchObject({ status: "cancel_requested" });
        expect(await readJob(store, middle.id)).toMatchObject({ status: "cancel_requested" });
        expect(await readJob(store, running.id)).toMatchObject({ status: "cancel_requested" });
        expect(await readJob(store, waiting.id)).toMatchObject({ status: "cancelled", publicError: CANCEL_REASON });
        expect(await readJob(store, done.id)).toMatchObject({ status: "completed" });
        expect(await readJob(store, stranger.id)).toMatchObject({ status: "pending" });
      },
    },
    {
      name: "cancelling a parent that waits for its next run cancels its children; one that has ended is left alone with its own",
      async run({ store }) {
        for (const [kind, after] of [
          ["retry", "cancelled"],
          ["failed", "pending"],
        ] as const) {
          const parent = await jobIn(store, "running", { maxAttempts: 9 });
          const child = await makeChild(store, parent);
          await updateJob(store, parent, { outcome: OUTCOMES[kind] });
          expect(await cancelJob(store, parent.id)).toBe(kind === "retry" ? "cancelled" : "settled");
          expect((await readJob(store, child.id)).status).toBe(after);
        }
      },
    },
    {
      name: "however a cancellation and a new child race, no child outlives it",
      async run({ store, other }) {
        for (let round = 0; round < 10; round++) {
          const parent = await jobIn(store, "running");
          const child = newJob();
          const call = { parent: { id: parent.id, claimNo: parent.claimNo }, key: "k", job: child };
          const [[result]] = await Promise.all([
            store.children.dispatch({ calls: [call] }),
            cancelJob(other, parent.id),
          ]);
          if (result?.kind === "made") expect((await readJob(store, child.id)).status).toBe("cancelled");
          else expect([result, await store.jobs.get({ ids: [child.id] })]).toEqual([{ kind: "cancelled" }, []]);
        }
      },
    },
  ],
};
