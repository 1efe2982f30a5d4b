import type { RunUpdate } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOME_KINDS, OUTCOMES, STATUS_AFTER, type PlacedJob } from "./job-in.ts";
import { claimJob, newJob, readJob, readState, runUpdate, updateJob } from "./one-job.ts";
import { registerWorker } from "./one-worker.ts";
import type { Suite } from "./suite.ts";
import { power } from "./world.ts";

const APPLIED = { result: "applied", cancelRequested: false } as const;

/** What running jobs say before they end, and how a batch of updates is answered. */
export const updateSuite: Suite = {
  topic: "update",
  cases: [
    {
      name: "started moves claimed to running",
      async run({ store }) {
        const job = await jobIn(store, "claimed");
        const before = await readJob(store, job.id);
        expect(await updateJob(store, job, { started: true })).toEqual({ id: job.id, ...APPLIED });
        const after = await readJob(store, job.id);
        expect(after).toEqual({
          ...before,
          status: "running",
          startedAt: after.startedAt,
          revision: before.revision + 1,
        });
        expect(after.startedAt).toBeGreaterThanOrEqual(before.claimedAt!);
      },
    },
    {
      name: "started clears what the attempt before left, and the claim alone does not",
      async run({ store }) {
        const job = await jobIn(store, "running");
        await updateJob(store, job, { progress: 70, message: "almost" });
        await updateJob(store, job, { outcome: OUTCOMES.retry });
        const run = await claimJob(store, job);
        const { publicError, error } = OUTCOMES.retry;
        expect(await readJob(store, job.id)).toMatchObject({ progress: 70, message: "almost", publicError, error });
        await updateJob(store, run, { started: true });
        expect(await readJob(store, job.id)).toMatchObject({
          progress: null,
          message: null,
          publicError: null,
          error: null,
        });
      },
    },
    {
      name: "started with progress clears first and writes then",
      async run({ store }) {
        const job = await jobIn(store, "retry");
        const run = await claimJob(store, job);
        await updateJob(store, run, { started: true, progress: 5, message: "again" });
        expect(await readJob(store, job.id)).toMatchObject({
          status: "running",
          progress: 5,
          message: "again",
          error: null,
        });
      },
    },
    {
      name: "progress and message are written, left alone where undefined, and cleared by null",
      async run({ store }) {
        const job = await jobIn(store, "running");
        const say = async (says: Partial<RunUpdate>): Promise<object> => {
          const { revision } = await readState(store, job.id);
          await updateJob(store, job, says);
          const { progress, message, ...rest } = await readState(store, job.id);
          expect(rest).toMatchObject({ status: "running", revision: revision + 1 });
          return { progress, message };
        };
        expect(await say({ progress: 20, message: "Fetching users..." })).toEqual({
          progress: 20,
          message: "Fetching users...",
        });
        expect(await say({ progress: 33.5 })).toEqual({ progress: 33.5, message: "Fetching users..." });
        expect(await say({ message: "Ещё 🙂" })).toEqual({ progress: 33.5, message: "Ещё 🙂" });
        expect(await say({ progress: null })).toEqual({ progress: null, message: "Ещё 🙂" });
        expect(await say({ progress: 0, message: null })).toEqual({ progress: 0, message: null });
        expect(await say({ progress: 100, message: "" })).toEqual({ progress: 100, message: "" });
      },
    },
    {
      name: "an update that says nothing is applied and changes no field",
      async run({ store }) {
        const job = await jobIn(store, "running");
        const { revision: _, ...before } = await readJob(store, job.id);
        expect(await updateJob(store, job)).toEqual({ id: job.id, ...APPLIED });
        expect(await readJob(store, job.id)).toMatchObject(before);
      },
    },
    {
      name: "every update tells a running handler that it is to be cancelled",
      async run({ store }) {
        const job = await jobIn(store, "cancel_requested");
        for (const says of [{}, { progress: 50 }, { started: true }] satisfies Partial<RunUpdate>[]) {
          expect(await updateJob(store, job, says)).toEqual({ id: job.id, result: "applied", cancelRequested: true });
        }
        expect(await readState(store, job.id)).toMatchObject({ status: "cancel_requested", progress: 50 });
      },
    },
    {
      name: "an empty batch is answered with an empty list",
      async run({ store }) {
        expect(await store.jobs.update({ updates: [] })).toEqual([]);
      },
    },
    {
      name: "a mixed batch is answered in its order, each row as if it were alone",
      async run({ store }) {
        const ended = await Promise.all(OUTCOME_KINDS.map(() => jobIn(store, "running")));
        const merged = await Promise.all(OUTCOME_KINDS.map(() => jobIn(store, "claimed")));
        const started = await jobIn(store, "claimed");
        const talking = await jobIn(store, "running");
        const stale = await jobIn(store, "running");
        const settled = await jobIn(store, "failed");
        const flagged = await jobIn(store, "cancel_requested");
        const absent = newJob();
        const updates: RunUpdate[] = [
          runUpdate({ ...stale, claimNo: stale.claimNo + 1 }, { outcome: OUTCOMES.completed }),
          ...ended.map((job, n) => runUpdate(job, { outcome: OUTCOMES[OUTCOME_KINDS[n]!] })),
          runUpdate(started, { started: true }),
          runUpdate({ ...absent, claimNo: 1 }, { progress: 1 }),
          ...merged.map((job, n) =>
            runUpdate(job, { started: true, progress: 9, outcome: OUTCOMES[OUTCOME_KINDS[n]!] }),
          ),
          runUpdate(settled, { outcome: OUTCOMES.completed }),
          runUpdate(flagged, { progress: 77 }),
          runUpdate(talking, { progress: 50, message: "half" }),
        ];
        const answer = await store.jobs.update({ updates });
        expect(answer.map(({ id }) => id)).toEqual(updates.map(({ id }) => id));
        const applied = (jobs: readonly PlacedJob[]): object[] => jobs.map(({ id }) => ({ id, ...APPLIED }));
        expect(answer).toMatchObject([
          { result: "stale" },
          ...applied(ended),
          ...applied([started]),
          { result: "stale" },
          ...applied(merged),
          { id: settled.id },
          { result: "applied", cancelRequested: true },
          ...applied([talking]),
        ]);
        for (const [n, kind] of OUTCOME_KINDS.entries()) {
          expect((await readJob(store, ended[n]!.id)).status).toBe(STATUS_AFTER[kind]);
          expect((await readJob(store, merged[n]!.id)).status).toBe(STATUS_AFTER[kind]);
        }
        expect((await readJob(store, stale.id)).status).toBe("running");
        expect((await readJob(store, settled.id)).status).toBe("failed");
        expect(await readJob(store, talking.id)).toMatchObject({ status: "running", progress: 50, message: "half" });
        expect(await readJob(store, flagged.id)).toMatchObject({ status: "cancel_requested", progress: 77 });
      },
    },
    {
      name: "500 outcomes of one batch all settle with their own output",
      async run({ store }) {
        const jobs = Array.from({ length: 500 }, () => newJob({ type: "t" }));
        await store.jobs.insert({ jobs });
        const workerId = await registerWorker(store);
        const runs = await store.jobs.claim({
          workerId,
          queue: "default",
          types: ["t"],
          limit: 500,
          oldestFirst: false,
        });
        const updates = runs.map((run, n) =>
          runUpdate(run, { started: true, outcome: { kind: "completed", output: `{"n":${n}}` } }),
        );
        const answer = await store.jobs.update({ updates });
        expect(answer).toEqual(runs.map(({ id }) => ({ id, ...APPLIED })));
        const outputs = new Map(
          (await store.jobs.get({ ids: runs.map(({ id }) => id) })).map((job) => [job.id, job.output]),
        );
        expect(runs.map(({ id }) => outputs.get(id))).toEqual(runs.map((_, n) => `{"n":${n}}`));
      },
    },
    {
      name: "a row that somebody else has locked is reported held, the others are written, and it is applied later",
      needs: ["lockRow"],
      async run(world) {
        const { store } = world;
        const [held, free] = [await jobIn(store, "running"), await jobIn(store, "running")];
        const updates = [held, free].map((job) => runUpdate(job, { progress: 60, outcome: OUTCOMES.completed }));
        const before = await readJob(store, held.id);
        const unlock = await power(world, "lockRow")(held.id);
        expect(await store.jobs.update({ updates })).toMatchObject([{ result: "held" }, { result: "applied" }]);
        expect(await readJob(store, held.id)).toEqual(before);
        expect((await readJob(store, free.id)).status).toBe("completed");
        await unlock();
        expect(await store.jobs.update({ updates })).toMatchObject([{ result: "applied" }, { result: "applied" }]);
        expect((await readJob(store, held.id)).status).toBe("completed");
      },
    },
    {
      name: "batches at once over the same jobs in opposite order all come through",
      async run({ store, other }) {
        const jobs = await Promise.all(Array.from({ length: 20 }, () => jobIn(store, "running")));
        const batch = (order: readonly PlacedJob[], progress: number): RunUpdate[] =>
          order.map((job) => runUpdate(job, { progress }));
        for (let round = 1; round <= 5; round++) {
          const answers = await Promise.all([
            store.jobs.update({ updates: batch(jobs, round) }),
            other.jobs.update({ updates: batch(jobs.toReversed(), round) }),
          ]);
          for (const { result } of answers.flat()) expect(["applied", "held"]).toContain(result);
        }
      },
    },
  ],
};
