import type { JobRecord } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { CANCEL_REASON, jobIn, OUTCOME_KINDS, OUTCOMES, STATUS_AFTER } from "./job-in.ts";
import { claimJob, claimJobs, insertJob, readJob, runUpdate, updateJob } from "./one-job.ts";
import { registerWorker } from "./one-worker.ts";
import type { Case, Suite } from "./suite.ts";
import { advance } from "./world.ts";

type Kind = (typeof OUTCOME_KINDS)[number];

/** What a row of a run without a cancellation says besides its status once it has ended so. */
const SAYS: { readonly [K in Kind]: Partial<JobRecord> } = {
  completed: { output: '{"count":3}', error: null, publicError: null, attempts: 1, failedAt: null },
  retry: { output: null, error: OUTCOMES.retry.error, publicError: OUTCOMES.retry.publicError, attempts: 1 },
  failed: { output: null, error: OUTCOMES.failed.error, publicError: OUTCOMES.failed.publicError, attempts: 1 },
  dead_letter: {
    output: null,
    error: OUTCOMES.dead_letter.error,
    publicError: OUTCOMES.dead_letter.publicError,
    attempts: 1,
  },
  discarded: {
    output: null,
    error: OUTCOMES.discarded.error,
    publicError: OUTCOMES.discarded.publicError,
    attempts: 1,
  },
  given_back: { output: null, attempts: 0 },
  suspended: { output: null, attempts: 0 },
  compensated: {
    output: null,
    error: OUTCOMES.compensated.error,
    publicError: OUTCOMES.compensated.publicError,
    attempts: 1,
  },
};

/** The instant that an ending writes. */
const INSTANT: { readonly [K in Kind]?: keyof JobRecord } = {
  completed: "completedAt",
  failed: "failedAt",
  dead_letter: "failedAt",
  discarded: "failedAt",
  compensated: "failedAt",
};

const outcome = (kind: Kind, from: "claimed" | "running"): Case => ({
  name: `${kind} from ${from}${from === "claimed" ? ", merged with started" : ""}`,
  async run({ store }) {
    const job = await jobIn(store, from);
    const { revision } = await readJob(store, job.id);
    const says = { started: from === "claimed", progress: 80, message: "last words", outcome: OUTCOMES[kind] };
    expect(await updateJob(store, job, says)).toEqual({ id: job.id, result: "applied", cancelRequested: false });
    const after = await readJob(store, job.id);
    const { progress, message } = says;
    expect(after).toMatchObject({
      ...SAYS[kind],
      status: STATUS_AFTER[kind],
      revision: revision + 1,
      progress,
      message,
    });
    expect(after.startedAt).not.toBeNull();
    const instant = INSTANT[kind];
    if (instant !== undefined) expect(after[instant]).toBeGreaterThanOrEqual(after.createdAt);
    expect(after.discardedAt).toBe(kind === "discarded" ? after.failedAt : null);
  },
});

const heeded = (kind: Kind): Case => ({
  name: `${kind} on cancel_requested ${kind === "completed" ? "stays completed" : "becomes cancelled with the reason"}`,
  async run({ store }) {
    const job = await jobIn(store, "cancel_requested");
    const { revision } = await readJob(store, job.id);
    expect(await updateJob(store, job, { outcome: OUTCOMES[kind] })).toEqual({
      id: job.id,
      result: "applied",
      cancelRequested: false,
    });
    const after = await readJob(store, job.id);
    expect(after.revision).toBe(revision + 1);
    if (kind === "completed") {
      expect(after).toMatchObject({ status: "completed", output: '{"count":3}', publicError: null, cancelledAt: null });
    } else {
      const reason = { error: CANCEL_REASON, publicError: CANCEL_REASON };
      expect(after).toMatchObject({ status: "cancelled", output: null, completedAt: null, ...reason });
      expect(after).toMatchObject({ failedAt: null, discardedAt: null });
      expect(after.cancelledAt).toBeGreaterThanOrEqual(after.cancelRequestedAt!);
    }
    expect(await claimJobs(store, { types: [job.type] })).toEqual([]);
  },
});

const silent = (kind: Kind): Case => ({
  name: `${kind} of a run that said nothing, merged with started, clears what the attempt before left`,
  async run(world) {
    const { store } = world;
    const job = await jobIn(store, "running");
    await updateJob(store, job, { progress: 70, message: "almost", outcome: OUTCOMES.retry });
    const before = await readJob(store, job.id);
    advance(world, 60_000);
    await updateJob(store, await claimJob(store, job), { started: true, outcome: OUTCOMES[kind] });
    const after = await readJob(store, job.id);
    const { error = null, publicError = null } = SAYS[kind];
    expect(after).toMatchObject({ status: STATUS_AFTER[kind], progress: null, message: null, error, publicError });
    expect(after.startedAt! - before.startedAt!).toBeGreaterThanOrEqual(60_000);
  },
});

/** Every way a run ends. */
export const settleSuite: Suite = {
  topic: "settle",
  cases: [
    ...OUTCOME_KINDS.map((kind) => outcome(kind, "running")),
    ...OUTCOME_KINDS.map((kind) => outcome(kind, "claimed")),
    ...OUTCOME_KINDS.map(silent),
    ...OUTCOME_KINDS.map(heeded),
    {
      name: "a job may complete without an output",
      async run({ store }) {
        const job = await jobIn(store, "running");
        await updateJob(store, job, { outcome: { kind: "completed", output: null } });
        expect(await readJob(store, job.id)).toMatchObject({ status: "completed", output: null });
      },
    },
    {
      name: "a batch may hold every outcome, and each row ends by its own",
      async run({ store }) {
        const jobs = await Promise.all(OUTCOME_KINDS.map(() => jobIn(store, "running")));
        const updates = OUTCOME_KINDS.map((kind, n) => runUpdate(jobs[n]!, { outcome: OUTCOMES[kind] }));
        const results = await store.jobs.update({ updates });
        expect(new Set(results.map(({ result }) => result))).toEqual(new Set(["applied"]));
        for (const [n, kind] of OUTCOME_KINDS.entries()) {
          const after = await readJob(store, jobs[n]!.id);
          expect(after).toMatchObject({ ...SAYS[kind], status: STATUS_AFTER[kind] });
          expect(after.discardedAt !== null).toBe(kind === "discarded");
        }
      },
    },
    {
      name: "an output is written as it is, also one of 1 MiB",
      async run({ store }) {
        for (const output of ['{ "b":1.0, "a":"é🙂" }', JSON.stringify("é".repeat(512 * 1024 - 1))]) {
          const job = await jobIn(store, "running");
          await updateJob(store, job, { outcome: { kind: "completed", output } });
          expect((await readJob(store, job.id)).output === output).toBe(true);
        }
      },
    },
    {
      name: "an ended job is one row among the live and the ended",
      async run({ store, rows }) {
        for (const kind of OUTCOME_KINDS) {
          const job = await jobIn(store, "running");
          await updateJob(store, job, { outcome: OUTCOMES[kind] });
          expect(await rows(`SELECT status FROM forge_jobs WHERE id = '${job.id}'`)).toEqual([
            { status: STATUS_AFTER[kind] },
          ]);
        }
      },
    },
    {
      name: "a given back job waits out its delay and runs as the same attempt",
      async run(world) {
        const { store } = world;
        const job = await jobIn(store, "running");
        await updateJob(store, job, { outcome: { kind: "given_back", delayMs: 60_000 } });
        expect(await claimJobs(store, { types: [job.type] })).toEqual([]);
        advance(world, 60_000);
        expect(await claimJob(store, job)).toMatchObject({ attempt: 1, maxAttempts: 3 });
      },
    },
    {
      name: "retries count up to the end of the budget",
      async run({ store }) {
        const job = await insertJob(store, { maxAttempts: 2 });
        const first = await claimJob(store, job);
        expect(first).toMatchObject({ attempt: 1, maxAttempts: 2 });
        await updateJob(store, first, { started: true, outcome: OUTCOMES.retry });
        const second = await claimJob(store, job);
        expect(second).toMatchObject({ attempt: 2, maxAttempts: 2 });
        await updateJob(store, second, { started: true, outcome: OUTCOMES.completed });
        expect(await readJob(store, job.id)).toMatchObject({ status: "completed", attempts: 2, publicError: null });
      },
    },
    {
      name: "a run that ended is no row of its worker any more",
      async run({ store }) {
        for (const kind of OUTCOME_KINDS) {
          const workerId = await registerWorker(store);
          const job = await insertJob(store);
          const run = await claimJob(store, job, workerId);
          await updateJob(store, run, { started: true, outcome: OUTCOMES[kind] });
          expect(await store.workers.beat({ workerId, leaseMs: 30_000 })).toEqual({ alive: true, rows: [] });
        }
      },
    },
    {
      name: "a new run's instants replace those of the run before",
      async run(world) {
        const { store } = world;
        const job = await jobIn(store, "retry");
        const before = await readJob(store, job.id);
        advance(world, 60_000);
        await updateJob(store, await claimJob(store, job), { started: true });
        const after = await readJob(store, job.id);
        expect(after.claimedAt! - before.claimedAt!).toBeGreaterThanOrEqual(60_000);
        expect(after.startedAt! - before.startedAt!).toBeGreaterThanOrEqual(60_000);
        expect(after.createdAt).toBe(before.createdAt);
      },
    },
  ],
};
