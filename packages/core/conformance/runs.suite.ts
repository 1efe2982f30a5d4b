import type { NewJob } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { registerCron, tick } from "./one-cron.ts";
import { cancelJob, claimJobs, insertJob, keyClaim, newJob, only, readJob, updateJob } from "./one-job.ts";
import {
  busyRun,
  insertRun,
  keptOf,
  loadRun,
  newRun,
  readRun,
  runningRun,
  sendSignal,
  sleepingRun,
} from "./one-run.ts";
import { registerWorker } from "./one-worker.ts";
import type { Case, Suite } from "./suite.ts";
import { advance, type World } from "./world.ts";

const HOUR_MS = 3_600_000;

const FAILURE = { error: "Declined: no\n at x", errorName: "Declined", publicError: "No" };

const STARTED = { timeoutMs: HOUR_MS, declared: ["charge", "ship"] };

/** Every way in which a run comes into being. */
const WAYS: Readonly<Record<string, (world: World, run: NewJob) => Promise<unknown>>> = {
  "it is inserted alone": ({ store }, run) => store.jobs.insert({ jobs: [run] }),
  "it is inserted among jobs": ({ store }, run) =>
    store.jobs.insert({ jobs: [newJob(), run, newJob({ limitKey: "k" })] }),
  "it is inserted with an idempotency key": ({ store }, run) =>
    store.jobs.insert({ jobs: [{ ...run, keys: [keyClaim("k")] }] }),
  "it is inserted with a concurrency key": ({ store }, run) => store.jobs.insert({ jobs: [{ ...run, limitKey: "k" }] }),
  async "it is inserted in a transaction"({ store, begin }, run) {
    const { tx, commit } = await begin();
    await store.jobs.insert({ jobs: [run, newJob()], tx });
    await commit();
  },
  async "a worker that is there wants to have it at once"({ store }, run) {
    expect(await store.jobs.insertClaimed({ job: run, workerId: await registerWorker(store) })).toBe(false);
  },
  async "it is the child of a run"({ store }, run) {
    const { id, claimNo } = await runningRun(store);
    await store.children.dispatch({ calls: [{ parent: { id, claimNo }, key: "k", job: run }] });
  },
  async "it is the job of a tick"({ store, ...world }, run) {
    const row = await registerCron(store);
    advance({ store, ...world }, 60_000);
    const runs = { jobs: [run], scheduledAt: row.lastTick + 1 };
    expect(await store.crons.advance(tick(row, row.lastTick + 1, { runs }))).toBe(true);
  },
  async "somebody triggers a cron"({ store }, run) {
    const { name, lastTick } = await registerCron(store);
    expect(await store.crons.trigger({ name, job: run, scheduledAt: lastTick })).toBe(true);
  },
};

const begins = ([name, begin]: [string, (typeof WAYS)[string]]): Case => ({
  name: `when its time is up, and its steps for a stepper, are decided if ${name}`,
  async run(world) {
    const { store } = world;
    const run = newRun({ run: STARTED });
    await begin(world, run);
    const read = await readRun(store, run.id);
    expect(read).toMatchObject({
      status: "pending",
      type: run.type,
      neverClaimed: true,
      declared: ["charge", "ship"],
      waitingFor: null,
      undoing: null,
      isUndone: false,
      blocked: null,
      steps: [],
    });
    expect(read.timeoutAt).toBe(read.createdAt + HOUR_MS);
    const { now: _now, ...memo } = await loadRun(store, run.id);
    const nothing = { undoing: null, steps: [], signals: [], ended: [] };
    expect(memo).toEqual({ id: run.id, wakes: 0, timeoutAt: read.timeoutAt, ...nothing });
  },
});

/** Runs of workflows: rows like those of jobs, and what they have besides. */
export const runsSuite: Suite = {
  topic: "runs",
  cases: [
    ...Object.entries(WAYS).map(begins),
    {
      name: "a run without a timeout has none, and nothing is left of one whose insert rolled back",
      async run(world) {
        const { store, begin } = world;
        const { tx, rollback } = await begin();
        await store.jobs.insert({ jobs: [newRun({ run: STARTED })], tx });
        await rollback();
        expect((await keptOf(world)).runs).toBe(0);
        const { id } = await insertRun(store);
        expect(await readRun(store, id)).toMatchObject({ timeoutAt: null, declared: null });
      },
    },
    {
      name: "a run whose key is held is not made, and none is replaced",
      async run(world) {
        const { store } = world;
        const first = await insertRun(store, { keys: [keyClaim("k")], input: "1" });
        const again = newRun({ type: first.type, keys: [keyClaim("k")], input: "2" });
        const before = await readRun(store, first.id);
        expect(await store.jobs.insert({ jobs: [again] })).toEqual([{ id: first.id, created: false }]);
        expect(await store.jobs.insert({ jobs: [{ ...again, replace: true }] })).toEqual([
          { id: first.id, created: false },
        ]);
        expect(await readRun(store, first.id)).toEqual(before);
        expect((await keptOf(world)).runs).toBe(1);
        const twins = [newRun({ keys: [keyClaim("l")], input: "1" }), newRun({ keys: [keyClaim("l")], input: "2" })];
        const [one] = await store.jobs.insert({ jobs: [twins[0]!, { ...twins[1]!, replace: true }] });
        expect(await readRun(store, one!.id)).toMatchObject({ input: "1", type: twins[0]!.type });
      },
    },
    {
      name: "unknown ids and those of jobs are left out when runs are read, and each run is read once",
      async run({ store }) {
        const [one, two] = [await busyRun(store), await busyRun(store)];
        const ids = [two.id, newJob().id, (await insertJob(store)).id, one.id, two.id];
        for (const verb of ["load", "states", "get"] as const) {
          const found = await store.workflows[verb]({ ids });
          expect(found.map(({ id }) => id).toSorted()).toEqual([one.id, two.id].toSorted());
          for (const { steps } of found) expect(steps).toMatchObject([{ key: "a" }]);
          expect(await store.workflows[verb]({ ids: [] })).toEqual([]);
        }
      },
    },
    {
      name: "a run's state and record say what its job's do, and its steps, alive and ended",
      async run({ store, other }) {
        const run = await busyRun(store, { run: STARTED, owner: "ada", input: '{"n": 1}' });
        const expectSame = async (): Promise<void> => {
          const [state] = await other.workflows.states({ ids: [run.id] });
          const record = await readRun(other, run.id);
          expect(state).toMatchObject(only(await store.jobs.states({ ids: [run.id] })));
          expect(record).toMatchObject(await readJob(store, run.id));
          const { declared, timeoutAt, steps, neverClaimed } = record;
          expect(state).toMatchObject({ declared, timeoutAt, steps, neverClaimed });
          expect(record).toMatchObject({ declared: ["charge", "ship"], steps: [{ key: "a" }], neverClaimed: false });
        };
        await expectSame();
        await updateJob(store, run, { outcome: OUTCOMES.completed });
        await expectSame();
      },
    },
    {
      name: "the time that a run reads is the store's",
      async run(world) {
        const { store } = world;
        const { id } = await insertRun(store);
        const { now } = await loadRun(store, id);
        expect(Math.abs(now - (await readJob(store, id)).createdAt)).toBeLessThan(HOUR_MS);
        advance(world, HOUR_MS);
        expect((await loadRun(store, id)).now - now).toBeGreaterThanOrEqual(HOUR_MS);
      },
    },
    {
      name: "a run is turned round by the worker that has it and by no other, and says why and how it will end",
      async run({ store, other }) {
        const run = await runningRun(store);
        const asleep = await sleepingRun(store);
        const { revision } = await readJob(store, run.id);
        const stale = { id: run.id, claimNo: run.claimNo + 1 };
        const [one, two] = [
          { failure: FAILURE, endsAs: "failed" },
          { failure: { ...FAILURE, errorName: null }, endsAs: "cancelled" },
        ] as const;
        expect(
          await store.workflows.undo({
            runs: [
              { ...stale, ...one },
              { id: asleep.id, claimNo: asleep.claimNo, ...one },
            ],
          }),
        ).toEqual([false, false]);
        expect(await readRun(store, run.id)).toMatchObject({ undoing: null, revision });
        expect(await readRun(store, asleep.id)).toMatchObject({ undoing: null });
        expect(await store.workflows.undo({ runs: [] })).toEqual([]);
        const fence = { id: run.id, claimNo: run.claimNo };
        expect(await store.workflows.undo({ runs: [{ ...fence, ...one }] })).toEqual([true]);
        expect(await readRun(other, run.id)).toMatchObject({ undoing: one, revision: revision + 1, isUndone: false });
        expect((await loadRun(other, run.id)).undoing).toEqual(one);
        await cancelJob(store, run.id);
        expect(await store.workflows.undo({ runs: [{ ...fence, ...two }] })).toEqual([true]);
        expect((await loadRun(store, run.id)).undoing).toEqual(two);
      },
    },
    {
      name: "that a run is blocked is noted by the worker that has it and by no other, and taken back",
      async run({ store, other }) {
        const run = await runningRun(store);
        const { revision } = await readJob(store, run.id);
        const fence = { id: run.id, claimNo: run.claimNo };
        const why = "a step has no undo";
        expect(await store.workflows.block({ run: { ...fence, claimNo: fence.claimNo + 1 }, why })).toBe(false);
        expect(await store.workflows.block({ run: fence, why })).toBe(true);
        expect(await readRun(other, run.id)).toMatchObject({ blocked: why, revision: revision + 1 });
        expect(await store.workflows.block({ run: fence, why: null })).toBe(true);
        expect(await readRun(store, run.id)).toMatchObject({ blocked: null, revision: revision + 2 });
      },
    },
    {
      name: "a run that was undone has failed, or was cancelled, and says that it was undone",
      async run({ store }) {
        const [failed, cancelled] = [await runningRun(store), await runningRun(store)];
        await cancelJob(store, cancelled.id);
        const outcome = { kind: "compensated", ...FAILURE } as const;
        for (const run of [failed, cancelled]) await updateJob(store, run, { outcome });
        expect(await readRun(store, failed.id)).toMatchObject({
          status: "failed",
          isUndone: true,
          error: FAILURE.error,
        });
        expect(await readRun(store, cancelled.id)).toMatchObject({ status: "cancelled", isUndone: true });
        const other = await runningRun(store);
        await updateJob(store, other, { outcome: OUTCOMES.failed });
        expect(await readRun(store, other.id)).toMatchObject({ status: "failed", isUndone: false });
        const entry = { event: "error", errorName: "Declined", error: FAILURE.error };
        expect(await store.history.read({ jobIds: [failed.id] })).toMatchObject([entry]);
      },
    },
    {
      name: "people find runs beside jobs, each with the status of a workflow",
      async run({ store, rows }) {
        const created = await insertRun(store);
        const running = await runningRun(store);
        const waiting = await sleepingRun(store, { waitingFor: "event paid" });
        const woken = await runningRun(store);
        await sendSignal(store, woken.id);
        await updateJob(store, woken, {
          outcome: { kind: "suspended", wakes: 0, dueAt: null, waitingFor: "event paid" },
        });
        const undoing = await runningRun(store);
        const fence = { id: undoing.id, claimNo: undoing.claimNo };
        await store.workflows.undo({ runs: [{ ...fence, failure: FAILURE, endsAs: "failed" }] });
        const ended = await Promise.all(
          (["completed", "failed", "dead_letter", "compensated"] as const).map(async (kind) => {
            const run = await runningRun(store);
            await updateJob(store, run, { outcome: OUTCOMES[kind] });
            return run;
          }),
        );
        const cancelled = await insertRun(store);
        await cancelJob(store, cancelled.id);
        const job = await jobIn(store, "pending");
        const found = await rows("SELECT id, kind, job_type, status FROM forge_jobs");
        const view = new Map(found.map((row) => [row["id"], [row["kind"], row["job_type"], row["status"]]]));
        const expectRun = ({ id, type }: { id: string; type: string }, status: string): void =>
          expect(view.get(id)).toEqual(["workflow", type.split("@")[0], status]);
        expectRun(created, "created");
        expectRun(running, "running");
        expectRun(waiting, "waiting");
        expectRun(woken, "running");
        expectRun(undoing, "compensating");
        for (const [n, status] of ["completed", "failed", "failed", "compensated"].entries())
          expectRun(ended[n]!, status);
        expectRun(cancelled, "cancelled");
        expect(view.get(job.id)).toEqual(["job", job.type, "pending"]);
      },
    },
    {
      name: "runs are claimed by their version, and those of one that nobody serves stay",
      async run({ store }) {
        const [first, second] = [
          await insertRun(store, { type: "ship@1" }),
          await insertRun(store, { type: "ship@2" }),
        ];
        expect(await claimJobs(store, { types: ["ship@2"] })).toMatchObject([{ id: second.id }]);
        expect(await claimJobs(store, { types: ["ship@2", "ship"] })).toEqual([]);
        expect(await claimJobs(store, { types: ["ship@1"] })).toMatchObject([{ id: first.id }]);
      },
    },
  ],
};
