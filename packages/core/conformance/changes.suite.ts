import { setImmediate as nextTurn } from "node:timers/promises";
import type { Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOME_KINDS, OUTCOMES, type PlacedJob } from "./job-in.ts";
import { cancelJob, claimJob, insertJob, newJob, readState, retryJob, runUpdate, updateJob } from "./one-job.ts";
import { rescueWorker } from "./one-worker.ts";
import { Recorder } from "./recorder.ts";
import type { Case, Suite } from "./suite.ts";
import { power, type World } from "./world.ts";

type Status = Parameters<typeof jobIn>[1];

/** Every verb that moves a job which exists, and the status to begin with. */
const MOVES: readonly (readonly [string, Status, (store: Store, job: PlacedJob) => Promise<unknown>])[] = [
  ["a claim", "pending", (store, job) => claimJob(store, job)],
  ["a start", "claimed", (store, job) => updateJob(store, job, { started: true })],
  ["progress", "running", (store, job) => updateJob(store, job, { progress: 40, message: "busy" })],
  ...OUTCOME_KINDS.map(
    (kind) =>
      [
        `the outcome ${kind}`,
        "running",
        (store: Store, job: PlacedJob) => updateJob(store, job, { outcome: OUTCOMES[kind] }),
      ] as const,
  ),
  ["a cancellation", "pending", (store, { id }) => cancelJob(store, id)],
  ["a cancel request", "running", (store, { id }) => cancelJob(store, id)],
  ["a cancelled run's end", "cancel_requested", (store, job) => updateJob(store, job, { outcome: OUTCOMES.failed })],
  ["a person's retry", "failed", (store, { id }) => retryJob(store, id)],
  ["a rescue", "running", (store, { workerId }) => rescueWorker(store, workerId)],
  ["the sweep to dead_letter", "failed", (store) => store.sweeps.deadLetter({ afterMs: 0, limit: 10 })],
];

const moves = ([name, from, move]: (typeof MOVES)[number]): Case => ({
  name: `${name} is heard with the revision that the row has`,
  async run({ store, other }) {
    const job = await jobIn(store, from);
    const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
    const { revision: before } = await readState(store, job.id);
    await move(store, job);
    const { revision } = await readState(store, job.id);
    expect(revision).toBe(before + 1);
    await own.until(`${name} of ${job.id} at ${revision}`, () => own.hasMoved(job.id, revision));
    const any = !other.capabilities.namedHints;
    await foreign.until(`${name} of ${job.id} at ${revision}`, () => foreign.hasMoved(job.id, revision, { any }));
    for (const heard of [...own.revisionsOf(job.id), ...foreign.revisionsOf(job.id)])
      expect(heard).toBeLessThanOrEqual(revision);
  },
});

/** Verbs after which a worker that waits should look. */
const WAKES: readonly (readonly [string, Status, (store: Store, job: PlacedJob) => Promise<unknown>])[] = [
  ["a job given back", "running", (store, job) => updateJob(store, job, { outcome: OUTCOMES.given_back })],
  ["a person's retry", "cancelled", (store, { id }) => retryJob(store, id)],
  ["a rescue", "claimed", (store, { workerId }) => rescueWorker(store, workerId)],
];

const wakes = ([name, from, verb]: (typeof WAKES)[number]): Case => ({
  name: `${name} wakes the workers of its queue`,
  async run({ store, other }) {
    const job = await jobIn(store, from, { queue: "media" });
    const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
    const any = !other.capabilities.namedHints;
    await verb(store, job);
    await own.until("available media", () => own.hasAvailable("media"));
    await foreign.until("available media", () => foreign.hasAvailable("media", { any }));
  },
});

/** A later change that everybody hears: what was not heard before it is not on its way. */
async function barrier(world: World, listener: Recorder): Promise<void> {
  const queue = `barrier_${newJob().id}`;
  await insertJob(world.store, { queue });
  await listener.until(`available ${queue}`, () => listener.hasAvailable(queue));
}

const hints = (recorder: Recorder): unknown[] => recorder.heard.filter(({ kind }) => kind !== "live");

const CASES: readonly Case[] = [
  {
    name: "an insert is heard with its queue, by every listener of every store object",
    async run({ store, other }) {
      const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
      const second = new Recorder(store);
      await insertJob(store, { queue: "media" });
      await own.until("available media", () => own.hasAvailable("media"));
      await second.until("available media", () => second.hasAvailable("media"));
      const any = !other.capabilities.namedHints;
      await foreign.until("available media", () => foreign.hasAvailable("media", { any }));
    },
  },
  ...MOVES.map(moves),
  ...WAKES.map(wakes),
  {
    name: "hints say whether they come from this store object",
    async run({ store, other }) {
      const job = await jobIn(store, "running");
      const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
      await updateJob(store, job, { outcome: OUTCOMES.completed });
      const { revision } = await readState(store, job.id);
      const any = !other.capabilities.namedHints;
      await foreign.until("the outcome", () => foreign.hasMoved(job.id, revision, { any }));
      await own.until("the outcome", () => own.hasMoved(job.id, revision));
      const origins = (recorder: Recorder): unknown[] =>
        recorder.heard.flatMap((one) =>
          one.kind === "moved" && one.hints !== "any" && one.hints.some(({ id }) => id === job.id) ? [one.origin] : [],
        );
      expect(origins(own)).toContain("own");
      expect(foreign.heard.flatMap((one) => (one.kind === "moved" ? [one.origin] : []))).not.toContain("own");
    },
  },
  {
    name: "a batch is heard for every job of it",
    async run({ store, other }) {
      const jobs = [];
      for (let n = 0; n < 5; n++) jobs.push(await jobIn(store, "running"));
      const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
      const updates = jobs.map((job) => runUpdate(job, { progress: 1, outcome: OUTCOMES.completed }));
      await store.jobs.update({ updates });
      const any = !other.capabilities.namedHints;
      for (const { id } of jobs) {
        const { revision } = await readState(store, id);
        await own.until(`${id} at ${revision}`, () => own.hasMoved(id, revision));
        await foreign.until(`${id} at ${revision}`, () => foreign.hasMoved(id, revision, { any }));
      }
    },
  },
  {
    name: "a listener that does not care what moves hears that others ask a running job to stop",
    async run({ store, other }) {
      const job = await jobIn(store, "running");
      const heard: string[] = [];
      const live = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      other.changes.subscribe({
        onAvailable: () => {},
        onCancelRequests: (ids) => {
          heard.push(...(ids === "any" ? ["any"] : ids.map(({ id }) => id)));
          if (heard.at(-1) === (other.capabilities.namedHints ? job.id : "any")) asked.resolve();
        },
        onLive: (isLive) => isLive && live.resolve(),
      });
      await live.promise;
      await cancelJob(store, job.id);
      await asked.promise;
    },
  },
  {
    name: "nothing is heard of an insert in a transaction until that commits",
    async run(world) {
      const { store, other, begin } = world;
      const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
      await barrier(world, own);
      const { tx, commit } = await begin();
      const heardBefore = hints(own).length;
      await store.jobs.insert({ jobs: [newJob({ queue: "later" })], tx });
      await nextTurn();
      await Promise.all([store.ping(), other.ping()]);
      await nextTurn();
      expect(hints(own).slice(heardBefore)).toEqual([]);
      expect(foreign.hasAvailable("later")).toBe(false);
      await commit();
      await own.until("available later", () => own.hasAvailable("later", { any: true }));
      await foreign.until("available later", () => foreign.hasAvailable("later", { any: true }));
    },
  },
  {
    name: "nothing is ever heard of a transaction that rolled back",
    async run(world) {
      const { store, other, begin } = world;
      const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
      const { tx, rollback } = await begin();
      const job = newJob({ queue: "never" });
      await store.jobs.insert({ jobs: [job], tx });
      await rollback();
      await barrier(world, own);
      expect(own.hasAvailable("never")).toBe(false);
      expect(foreign.hasAvailable("never")).toBe(false);
      expect([...own.revisionsOf(job.id), ...foreign.revisionsOf(job.id)]).toEqual([]);
    },
  },
  {
    name: "an unsubscribed listener hears nothing more, and the others go on hearing",
    async run(world) {
      const [staying, leaving] = [await Recorder.live(world.store), new Recorder(world.store)];
      await barrier(world, staying);
      leaving.unsubscribe();
      leaving.unsubscribe();
      const heard = leaving.heard.length;
      await barrier(world, staying);
      expect(leaving.heard.slice(heard)).toEqual([]);
    },
  },
  {
    name: "a store whose last listener left can be listened to again",
    async run(world) {
      (await Recorder.live(world.store)).unsubscribe();
      await barrier(world, await Recorder.live(world.store));
    },
  },
  {
    name: "after a loss listeners are told, look at everything, and hear again",
    needs: ["cutConnections"],
    async run(world) {
      const { store, other } = world;
      const foreign = await Recorder.live(other);
      const before = foreign.heard.length;
      const cut = await power(world, "cutConnections")();
      await cut();
      const since = (): string[] =>
        foreign.heard.slice(before).map((one) => {
          if (one.kind === "live") return `live ${one.live}`;
          if (one.kind === "orders") return "orders any";
          const what = one.kind === "available" ? one.queues : one.hints;
          return `${one.kind} ${what === "any" ? "any" : "named"}`;
        });
      await foreign.until("live again", () => since().lastIndexOf("live true") > since().indexOf("live false"));
      const told = since();
      expect(told.indexOf("live false")).toBeGreaterThanOrEqual(0);
      for (const any of ["available any", "moved any", "orders any"]) {
        expect(told.indexOf(any)).toBeGreaterThan(told.indexOf("live false"));
        expect(told.indexOf(any)).toBeLessThan(told.lastIndexOf("live true"));
      }
      await insertJob(store, { queue: "afterwards" });
      await foreign.until("available afterwards", () => foreign.hasAvailable("afterwards"));
    },
  },
];

/** Hints of what changed: after commit only, here and in other processes. */
export const changesSuite: Suite = {
  topic: "changes",
  cases: CASES.map((one) => ({ ...one, needs: [...(one.needs ?? []), "notifications"] })),
};
