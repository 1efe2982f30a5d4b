import type { Suspension } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { CANCEL_REASON } from "./job-in.ts";
import { cancelJob, claimJob, claimJobs, readJob, runUpdate, updateJob } from "./one-job.ts";
import {
  type HeldRun,
  insertRun,
  loadRun,
  newSignal,
  readRun,
  runningRun,
  sendSignal,
  sleepingRun,
  startRun,
  suspendRun,
} from "./one-run.ts";
import { registerWorker, rescueWorker } from "./one-worker.ts";
import { Recorder } from "./recorder.ts";
import type { Suite } from "./suite.ts";
import { advance, power } from "./world.ts";

const MINUTE_MS = 60_000;

const outcome = (says: Partial<Suspension> = {}): Suspension => ({
  kind: "suspended",
  wakes: 0,
  dueAt: null,
  waitingFor: null,
  ...says,
});

/** Runs that are put away until a time, or until they are woken. */
export const suspendSuite: Suite = {
  topic: "suspend",
  cases: [
    {
      name: "a run that sleeps until a time is given up by its worker, uncounted, and claimed then and not before",
      async run(world) {
        const { store, other } = world;
        const run = await runningRun(store);
        const { now } = await loadRun(store, run.id);
        const dueAt = now + MINUTE_MS;
        const { revision } = await readJob(store, run.id);
        const answer = await suspendRun(store, run, { dueAt, waitingFor: "sleep" });
        expect(answer).toEqual({ id: run.id, result: "applied", cancelRequested: false });
        expect(await readRun(other, run.id)).toMatchObject({
          status: "pending",
          attempts: 0,
          scheduledAt: dueAt,
          waitingFor: "sleep",
          revision: revision + 1,
        });
        expect(await store.workers.beat({ workerId: run.workerId, leaseMs: MINUTE_MS })).toMatchObject({ rows: [] });
        const next = await store.jobs.nextDue({ queue: "default", types: [run.type] });
        expect(next).toBeGreaterThan(MINUTE_MS / 2);
        expect(next).toBeLessThanOrEqual(MINUTE_MS);
        expect(await claimJobs(store, { types: [run.type] })).toEqual([]);
        advance(world, MINUTE_MS);
        expect(await startRun(store, run)).toMatchObject({
          id: run.id,
          attempt: 1,
          claimNo: run.claimNo + 1,
          deaths: 0,
        });
      },
    },
    {
      name: "a run that sleeps for ever is due never, until a signal wakes it",
      async run({ store, other }) {
        const run = await runningRun(store);
        expect(await suspendRun(store, run, { waitingFor: "event paid" })).toMatchObject({ result: "applied" });
        expect(await readRun(other, run.id)).toMatchObject({ status: "pending", waitingFor: "event paid" });
        expect(await store.jobs.nextDue({ queue: "default", types: [run.type] })).toBeNull();
        expect(await claimJobs(store, { types: [run.type] })).toEqual([]);
        expect(await sendSignal(other, run.id, { payload: '{"sum":5}' })).toBe("accepted");
        expect(await store.jobs.nextDue({ queue: "default", types: [run.type] })).toBe(0);
        const again = await startRun(store, run);
        expect(again).toMatchObject({ id: run.id, claimNo: run.claimNo + 1, attempt: 1 });
        expect((await loadRun(store, run.id)).signals).toMatchObject([{ name: "paid", payload: '{"sum":5}' }]);
        expect(await readRun(store, run.id)).toMatchObject({ status: "running", waitingFor: null });
      },
    },
    {
      name: "a run that was woken after it read what it sleeps on is due at once, whatever it sleeps on",
      async run({ store }) {
        for (const dueAt of [null, 9_000_000_000_000]) {
          const run = await runningRun(store);
          const { wakes } = await loadRun(store, run.id);
          await sendSignal(store, run.id);
          expect(await suspendRun(store, run, { wakes, dueAt, waitingFor: "event paid" })).toMatchObject({
            result: "applied",
          });
          expect(await readRun(store, run.id)).toMatchObject({ status: "pending", waitingFor: null });
          expect((await readJob(store, run.id)).scheduledAt).toBeLessThan(9_000_000_000_000);
          expect(await claimJobs(store, { types: [run.type] })).toMatchObject([{ id: run.id }]);
        }
      },
    },
    {
      name: "a wake-up that a run has read does not wake it again",
      async run({ store }) {
        const run = await runningRun(store);
        await sendSignal(store, run.id);
        await suspendRun(store, run);
        expect(await claimJobs(store, { types: [run.type] })).toEqual([]);
      },
    },
    {
      name: "a signal brings forward what sleeps until a time",
      async run({ store }) {
        const run = await sleepingRun(store, { dueAt: 9_000_000_000_000 });
        await sendSignal(store, run.id);
        expect(await claimJobs(store, { types: [run.type] })).toMatchObject([{ id: run.id }]);
      },
    },
    {
      name: "the first words of a run and its sleep may come in one",
      async run({ store }) {
        const job = await insertRun(store);
        const run = await claimJob(store, job);
        await updateJob(store, run, { started: true, progress: 5, message: "on it", outcome: outcome({ dueAt: 0 }) });
        const after = await readJob(store, job.id);
        expect(after).toMatchObject({ status: "pending", attempts: 0, progress: 5, message: "on it", error: null });
        expect(after.startedAt).toBeGreaterThanOrEqual(after.createdAt);
        expect(after.scheduledAt).toBe(0);
      },
    },
    {
      name: "a run that somebody cancels does not go to sleep: it is cancelled",
      async run({ store }) {
        const run = await runningRun(store);
        await cancelJob(store, run.id, CANCEL_REASON);
        expect(await suspendRun(store, run, { waitingFor: "event" })).toMatchObject({ result: "applied" });
        expect(await readJob(store, run.id)).toMatchObject({ status: "cancelled", error: CANCEL_REASON });
        expect(await suspendRun(store, run, { wakes: 0 })).toMatchObject({ result: "applied" });
      },
    },
    {
      name: "a run that sleeps is cancelled at once",
      async run({ store }) {
        const run = await sleepingRun(store);
        expect(await cancelJob(store, run.id, CANCEL_REASON)).toBe("cancelled");
        expect(await readRun(store, run.id)).toMatchObject({ status: "cancelled", waitingFor: null });
      },
    },
    {
      name: "a sleep that is sent again is recognised, and changes nothing; after another claim it is stale",
      async run({ store, other }) {
        const run = await sleepingRun(store, { dueAt: 5, waitingFor: "sleep" });
        const before = await readRun(store, run.id);
        const again = (through: typeof store) => suspendRun(through, run, { wakes: 0, dueAt: 5, waitingFor: "sleep" });
        for (const through of [store, other]) expect(await again(through)).toMatchObject({ result: "applied" });
        expect(await readRun(store, run.id)).toEqual(before);
        const next = await startRun(store, run);
        expect(await again(store)).toMatchObject({ result: "stale" });
        expect(await readJob(store, run.id)).toMatchObject({ status: "running" });
        expect(next.claimNo).toBe(run.claimNo + 1);
      },
    },
    {
      name: "a sleep clears the count of deaths, and a worker's death between two sleeps loses nothing",
      async run({ store }) {
        const job = await insertRun(store);
        const first = await startRun(store, job);
        await rescueWorker(store, first.workerId);
        const second = await startRun(store, job);
        expect(second.deaths).toBe(1);
        await suspendRun(store, second, { dueAt: 5 });
        const third = await startRun(store, job);
        expect(third).toMatchObject({ deaths: 0, attempt: 1 });
        await sendSignal(store, job.id);
        await rescueWorker(store, third.workerId);
        const fourth = await startRun(store, job);
        expect((await loadRun(store, job.id)).wakes).toBe(1);
        await suspendRun(store, fourth, { wakes: 0 });
        expect(await claimJobs(store, { types: [job.type] })).toHaveLength(1);
      },
    },
    {
      name: "a run with a concurrency key sleeps outside of its key's limit, and waits for it when it is woken",
      async run({ store }) {
        const workerId = await registerWorker(store);
        const run = await insertRun(store, { limitKey: "k" });
        const other = await insertRun(store, { limitKey: "k", type: run.type });
        const limits = { global: false, keyed: [{ type: run.type, perKey: 1 }] };
        const claim = { workerId, queue: "default", types: [run.type], limit: 10, oldestFirst: false, limits };
        const [first, ...rest] = await store.jobs.claim(claim);
        expect(rest).toEqual([]);
        await updateJob(store, first!, { started: true, outcome: outcome() });
        const [second] = await store.jobs.claim(claim);
        expect([first!.id, second!.id].toSorted()).toEqual([run.id, other.id].toSorted());
        await sendSignal(store, first!.id);
        expect(await store.jobs.claim(claim)).toEqual([]);
        await updateJob(store, second!, { started: true, outcome: outcome() });
        expect(await store.jobs.claim(claim)).toMatchObject([{ id: first!.id }]);
      },
    },
    {
      name: "a sleep is heard of, and the workers of its queue hear when it is due at a time",
      needs: ["notifications"],
      async run({ store, other }) {
        const run = await runningRun(store, { queue: "media" });
        const silent = await runningRun(store, { queue: "audio" });
        const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
        await suspendRun(store, silent);
        await suspendRun(store, run, { dueAt: 9_000_000_000_000 });
        const { revision } = await readJob(store, run.id);
        const any = !other.capabilities.namedHints;
        await own.until("moved", () => own.hasMoved(run.id, revision));
        await foreign.until("moved", () => foreign.hasMoved(run.id, revision, { any }));
        await own.until("available", () => own.hasAvailable("media"));
        await foreign.until("available", () => foreign.hasAvailable("media", { any }));
        expect(own.hasAvailable("audio")).toBe(false);
      },
    },
    {
      name: "a run whose row somebody has locked is held, and goes to sleep later, or not if it was woken meanwhile",
      needs: ["lockRow"],
      async run(world) {
        const { store } = world;
        const run = await runningRun(store);
        const release = await power(world, "lockRow")(run.id);
        const said = { updates: [runUpdate(run, { outcome: outcome() })] };
        expect(await store.jobs.update(said)).toMatchObject([{ result: "held" }]);
        await release();
        await sendSignal(store, run.id);
        expect(await store.jobs.update(said)).toMatchObject([{ result: "applied" }]);
        expect(await claimJobs(store, { types: [run.type] })).toHaveLength(1);
      },
    },
    {
      name: "whenever signals and sleeps meet, no run sleeps on a signal that it has not read",
      async run({ store, other }) {
        const runs: HeldRun[] = [];
        for (let n = 0; n < 20; n++) runs.push(await runningRun(store));
        for (let round = 0; round < 8; round++) {
          const memos = await store.workflows.load({ ids: runs.map(({ id }) => id) });
          const known = new Map(memos.map((memo) => [memo.id, memo]));
          let left = runs.map((run) => runUpdate(run, { outcome: outcome({ wakes: known.get(run.id)!.wakes }) }));
          const sleep = async (): Promise<void> => {
            while (left.length > 0) {
              const results = await store.jobs.update({ updates: left });
              for (const { result } of results) expect(["applied", "held"]).toContain(result);
              left = left.filter((_, n) => results[n]!.result === "held");
            }
          };
          const send = async (): Promise<void> => {
            for (const some of [runs.slice(0, 7), runs.slice(7, 14), runs.slice(14)]) {
              const answers = await other.workflows.signal({ signals: some.map(({ id }) => newSignal(id)) });
              expect(new Set(answers)).toEqual(new Set(["accepted"]));
            }
          };
          await Promise.all(round % 2 === 0 ? [sleep(), send()] : [send(), sleep()]);
          const taken = await claimJobs(store, { types: runs.map(({ type }) => type) });
          expect(taken.map(({ id }) => id).toSorted()).toEqual(runs.map(({ id }) => id).toSorted());
          await store.jobs.update({ updates: taken.map((run) => runUpdate(run, { started: true })) });
          runs.splice(0, runs.length, ...taken.map((run) => ({ ...run, workerId: "" })));
        }
      },
    },
  ],
};
