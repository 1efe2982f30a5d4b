import type { QueueChange, QueueSettings, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { cancelJob, claimJob, claimJobs, insertJob, newJob, readJob, updateJob } from "./one-job.ts";
import { registerWorker } from "./one-worker.ts";
import { Recorder } from "./recorder.ts";
import type { Case, Suite } from "./suite.ts";
import { advance } from "./world.ts";

const NOTHING: Omit<QueueSettings, "name"> = {
  pausedAt: null,
  pausedBy: null,
  concurrency: null,
  globalConcurrency: null,
  backoffEnabled: null,
  backoffBaseSeconds: null,
  backoffMaxSeconds: null,
  // While the suites are read, nobody has said yet whose `expect` it is.
  get changedAt() {
    return expect.any(Number) as number;
  },
  changedBy: null,
};

const EVERYTHING = {
  concurrency: 3,
  globalConcurrency: 40,
  backoffEnabled: false,
  backoffBaseSeconds: 0.5,
  backoffMaxSeconds: 90,
} as const;

function configure(store: Store, name: string, change: Parameters<Store["queues"]["change"]>[0]["change"]) {
  return store.queues.change({ name, change, onlyAbsent: false });
}

/** What closes a queue to a claim that asks no further. */
const CLOSINGS = [
  ["paused", { paused: true }, { paused: false }],
  ["limited across processes", { globalConcurrency: 1 }, { globalConcurrency: null }],
] as const;

const closes = ([name, close, open]: (typeof CLOSINGS)[number]): Case[] => [
  {
    name: `no claim takes jobs of a queue that is ${name}, in no order and by no process, until that is over`,
    async run({ store, other }) {
      const { type } = await insertJob(store, { queue: "media" });
      await insertJob(store, { type });
      await configure(store, "media", close);
      for (const oldestFirst of [false, true]) {
        for (const one of [store, other])
          expect(await claimJobs(one, { types: [type], queue: "media", oldestFirst })).toEqual([]);
      }
      expect(await claimJobs(store, { types: [type] })).toHaveLength(1);
      await configure(other, "media", open);
      expect(await claimJobs(store, { types: [type], queue: "media" })).toHaveLength(1);
    },
  },
  {
    name: `a job for a free slot of a queue that is ${name} is pending instead`,
    async run({ store }) {
      const workerId = await registerWorker(store);
      await configure(store, "media", close);
      const [kept, free] = [newJob({ queue: "media" }), newJob()];
      expect(await store.jobs.insertClaimed({ job: kept, workerId })).toBe(false);
      expect(await store.jobs.insertClaimed({ job: free, workerId })).toBe(true);
      expect(await readJob(store, kept.id)).toMatchObject({ status: "pending", attempts: 0 });
    },
  },
];

/** Settings of queues, and what waits in them. */
export const queuesSuite: Suite = {
  topic: "queues",
  cases: [
    {
      name: "nothing is set of a queue that nobody touched",
      async run({ store }) {
        await insertJob(store, { queue: "media" });
        expect(await store.queues.settings()).toEqual([]);
      },
    },
    {
      name: "what is set is read by everybody; what is not named stays, and null takes it back",
      async run({ store, other }) {
        await configure(store, "media", EVERYTHING);
        expect(await other.queues.settings()).toEqual([{ ...NOTHING, ...EVERYTHING, name: "media" }]);
        await configure(other, "media", { concurrency: 7, backoffEnabled: null });
        const changed = { ...NOTHING, ...EVERYTHING, concurrency: 7, backoffEnabled: null };
        expect(await store.queues.settings()).toEqual([{ ...changed, name: "media" }]);
        await configure(store, "audio", { backoffEnabled: true });
        expect(await store.queues.settings()).toEqual([
          { ...NOTHING, backoffEnabled: true, name: "audio" },
          { ...changed, name: "media" },
        ]);
      },
    },
    {
      name: "what is written only where absent leaves what is set",
      async run({ store }) {
        await configure(store, "media", { concurrency: 2, backoffEnabled: false, paused: true });
        const [{ pausedAt } = NOTHING] = await store.queues.settings();
        await store.queues.change({ name: "media", change: { ...EVERYTHING, backoffEnabled: true }, onlyAbsent: true });
        expect(await store.queues.settings()).toEqual([
          { ...NOTHING, ...EVERYTHING, concurrency: 2, backoffEnabled: false, pausedAt, name: "media" },
        ]);
        await store.queues.change({ name: "new", change: {}, onlyAbsent: true });
        expect((await store.queues.settings()).map(({ name }) => name)).toEqual(["media", "new"]);
      },
    },
    {
      name: "what was taken back is not written where only what is absent is, until somebody sets it again",
      async run({ store, other }) {
        const ensure = async (): Promise<QueueSettings> => {
          await other.queues.change({ name: "media", change: EVERYTHING, onlyAbsent: true });
          return (await store.queues.settings())[0]!;
        };
        // Of a queue that nobody knows yet as well: a deploy comes later.
        await configure(store, "media", { globalConcurrency: null });
        expect(await ensure()).toEqual({ ...NOTHING, ...EVERYTHING, globalConcurrency: null, name: "media" });
        await configure(store, "media", { backoffEnabled: null, backoffMaxSeconds: null, concurrency: 3 });
        await configure(store, "media", { concurrency: null, globalConcurrency: 9 });
        const taken = { concurrency: null, globalConcurrency: 9, backoffEnabled: null, backoffMaxSeconds: null };
        expect(await ensure()).toEqual({ ...NOTHING, ...EVERYTHING, ...taken, name: "media" });
        await configure(store, "media", { paused: true });
        await configure(store, "media", { concurrency: 5, paused: false });
        expect(await ensure()).toEqual({ ...NOTHING, ...EVERYTHING, ...taken, concurrency: 5, name: "media" });
      },
    },
    {
      name: "a pause keeps its instant when it is repeated, and ends with the first resume",
      async run(world) {
        const { store } = world;
        await configure(store, "media", { paused: true });
        const [first] = await store.queues.settings();
        expect(first?.pausedAt).toEqual(expect.any(Number));
        advance(world, 60_000);
        await configure(store, "media", { paused: true });
        expect(await store.queues.settings()).toEqual([first]);
        await configure(store, "media", { paused: false });
        expect(await store.queues.settings()).toEqual([{ ...NOTHING, name: "media" }]);
      },
    },
    {
      name: "who changed a queue last is kept, and who paused it until that is over; what changes nothing is nobody's",
      async run(world) {
        const { store, other } = world;
        const act = async (by: string, change: QueueChange, onlyAbsent = false): Promise<QueueSettings> => {
          advance(world, 60_000);
          await store.queues.change({ name: "media", change, onlyAbsent, by });
          return (await other.queues.settings())[0]!;
        };
        const made = await act("ada", { paused: true });
        expect(made).toMatchObject({ pausedBy: "ada", changedBy: "ada", changedAt: made.pausedAt });
        const configured = await act("bob", { concurrency: 2, backoffEnabled: false });
        expect(configured).toMatchObject({ pausedBy: "ada", pausedAt: made.pausedAt, changedBy: "bob" });
        expect(configured.changedAt).toBeGreaterThanOrEqual(made.changedAt + 60_000);
        for (const [change, onlyAbsent] of [
          [{ paused: true }, false],
          [{ concurrency: 2, backoffEnabled: false, globalConcurrency: null }, false],
          [{ concurrency: 9, backoffEnabled: true }, true],
          [{}, true],
        ] as const)
          expect(await act("eve", change, onlyAbsent)).toEqual(configured);
        expect(await act("cyd", { concurrency: 9, backoffBaseSeconds: 4 }, true)).toMatchObject({ changedBy: "cyd" });
        const resumed = await act("Ада", { paused: false });
        expect(resumed).toMatchObject({ pausedAt: null, pausedBy: null, changedBy: "Ада" });
        expect(await act("eve", { paused: false })).toEqual(resumed);
        advance(world, 60_000);
        await configure(store, "media", { concurrency: null });
        expect((await store.queues.settings())[0]).toMatchObject({ changedBy: null });
      },
    },
    ...CLOSINGS.flatMap(closes),
    {
      name: "a pause leaves what is claimed already",
      async run({ store }) {
        const job = await insertJob(store, { queue: "media" });
        const run = await claimJob(store, job);
        await configure(store, "media", { paused: true });
        expect(await updateJob(store, run, { started: true, progress: 5 })).toMatchObject({ result: "applied" });
        const outcome = { kind: "completed", output: null } as const;
        expect(await updateJob(store, run, { outcome })).toMatchObject({ result: "applied" });
      },
    },
    {
      name: "changes of all processes at once are all written, and every version is given once",
      async run({ store, other }) {
        const before = (await store.workers.orders({ workerId: "nobody" })).version;
        const changes = Array.from({ length: 20 }, (_, n) =>
          configure(n % 2 === 0 ? store : other, `queue_${n % 5}`, { concurrency: n + 1 }),
        );
        const versions = (await Promise.all(changes)).toSorted((a, b) => a - b);
        expect(versions).toEqual(Array.from({ length: 20 }, (_, n) => before + n + 1));
        const { version, queues } = await other.workers.orders({ workerId: "nobody" });
        expect(version).toBe(versions.at(-1));
        expect(queues).toHaveLength(5);
      },
    },
    {
      name: "a change is heard by every listener of every store object",
      needs: ["notifications"],
      async run({ store, other }) {
        const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
        const counts = [own, foreign].map((recorder) => recorder.ordersHeard);
        await configure(store, "media", { paused: true });
        await own.until("orders", () => own.ordersHeard > counts[0]!);
        await foreign.until("orders", () => foreign.ordersHeard > counts[1]!);
      },
    },
    {
      name: "the lanes are the types that wait in each queue, with how long the first of them is due",
      async run(world) {
        const { store } = world;
        expect(await store.queues.lanes()).toEqual([]);
        const wanted = [
          { queue: "audio", type: "a" },
          { queue: "media", type: "a" },
          { queue: "media", type: "b" },
        ];
        for (const lane of wanted)
          for (const priority of ["critical", "normal", "low"] as const) await insertJob(store, { ...lane, priority });
        await insertJob(store, { queue: "media", type: "later", due: { delayMs: 60_000 } });
        const { type: ended } = await insertJob(store, { queue: "media" });
        await claimJob(store, { type: ended, queue: "media" });
        const gone = await insertJob(store, { queue: "gone" });
        await cancelJob(store, gone.id);
        advance(world, 10_000);
        const lanes = await store.queues.lanes();
        expect(lanes.map(({ queue, type }) => ({ queue, type }))).toEqual([
          ...wanted,
          { queue: "media", type: "later" },
        ]);
        const due = lanes.map(({ dueForMs }) => dueForMs);
        for (const ms of due.slice(0, 3)) expect(ms).toBeGreaterThanOrEqual(10_000);
        expect(due[3]).toBeLessThan(-40_000);
      },
    },
    {
      name: "depths count what is due of the types given, up to the limit",
      async run({ store }) {
        const jobs = Array.from({ length: 12 }, () => newJob({ queue: "media", type: "a" }));
        await store.jobs.insert({ jobs });
        await insertJob(store, { queue: "media", type: "b", priority: "critical" });
        await insertJob(store, { queue: "media", type: "a", due: { delayMs: 60_000 } });
        await insertJob(store, { queue: "audio", type: "a" });
        await claimJobs(store, { types: ["a"], queue: "media", limit: 2 });
        const depths = (types: readonly string[], limit: number) =>
          store.queues.depths({
            queues: [
              { name: "media", types },
              { name: "audio", types },
              { name: "none", types: [] },
            ],
            limit,
          });
        expect(await depths(["a", "b"], 1_000)).toEqual([11, 1, 0]);
        expect(await depths(["a"], 1_000)).toEqual([10, 1, 0]);
        expect(await depths(["a", "b"], 4)).toEqual([4, 1, 0]);
        expect(await store.queues.depths({ queues: [], limit: 4 })).toEqual([]);
      },
    },
  ],
};
