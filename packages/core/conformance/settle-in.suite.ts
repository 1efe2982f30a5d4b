import type { SettleInResult, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES, type PlacedJob } from "./job-in.ts";
import { claimJob, newJob, readJob, readState, updateJob } from "./one-job.ts";
import { Recorder } from "./recorder.ts";
import type { Case, Suite } from "./suite.ts";

const OUTPUT = '{ "text":"quotes \\" \\\\ { } , NULL é🙂", "n":1.0 }';

function settleIn(store: Store, { id, claimNo }: PlacedJob, tx: unknown): Promise<SettleInResult> {
  return store.jobs.settleIn({ id, claimNo, output: OUTPUT, tx });
}

const commits = (status: "claimed" | "running" | "cancel_requested"): Case => ({
  name: `a job that is ${status} is completed once the transaction that settled it commits, and not before`,
  async run({ store, other, begin }) {
    const job = await jobIn(store, status);
    const before = await readJob(store, job.id);
    const { tx, commit } = await begin();
    expect(await settleIn(store, job, tx)).toBe("completed");
    expect(await readJob(store, job.id)).toEqual(before);
    await commit();
    const after = await readJob(other, job.id);
    expect(after).toMatchObject({
      status: "completed",
      output: OUTPUT,
      error: null,
      attempts: 1,
      revision: before.revision + 1,
    });
    expect(after.startedAt).not.toBeNull();
    expect(after.completedAt).toBeGreaterThanOrEqual(before.createdAt);
    expect(await store.workers.beat({ workerId: job.workerId, leaseMs: 30_000 })).toEqual({ alive: true, rows: [] });
  },
});

const rollsBack = (status: "claimed" | "running" | "cancel_requested"): Case => ({
  name: `a job that is ${status} is as it was once the transaction that settled it rolls back`,
  async run({ store, begin }) {
    const job = await jobIn(store, status);
    const before = await readJob(store, job.id);
    const { tx, rollback } = await begin();
    expect(await settleIn(store, job, tx)).toBe("completed");
    await rollback();
    expect(await readJob(store, job.id)).toEqual(before);
    expect(await updateJob(store, job, { started: true, outcome: OUTCOMES.retry })).toMatchObject({
      result: "applied",
    });
    expect((await readJob(store, job.id)).status).toBe(status === "cancel_requested" ? "cancelled" : "retry");
  },
});

/** Settling inside a transaction of the user's. */
export const settleInSuite: Suite = {
  topic: "settle-in",
  cases: [
    ...(["claimed", "running", "cancel_requested"] as const).flatMap((status) => [commits(status), rollsBack(status)]),
    {
      name: "the commit tells everybody of the room that it made under a limit",
      needs: ["notifications"],
      async run({ store, other, begin }) {
        const job = await jobIn(store, "running", { queue: "media" });
        const heard = [await Recorder.live(store), await Recorder.live(other)];
        const { tx, commit } = await begin();
        const { id, claimNo } = job;
        await store.jobs.settleIn({ id, claimNo, output: null, tx, frees: "media" });
        await commit();
        for (const recorder of heard) {
          await recorder.until("room", () => recorder.hasAvailable("media", { any: true }));
          recorder.unsubscribe();
        }
      },
    },
    {
      name: "whatever the run says after the commit changes nothing, and completing it is recognised",
      async run({ store, other, begin }) {
        const job = await jobIn(store, "running");
        const { tx, commit } = await begin();
        await settleIn(store, job, tx);
        await commit();
        const settled = await readJob(store, job.id);
        for (const through of [store, other]) {
          expect(await updateJob(through, job, { started: true })).toMatchObject({ result: "stale" });
          expect(await updateJob(through, job, { progress: 99 })).toMatchObject({ result: "stale" });
          for (const kind of ["retry", "failed", "dead_letter", "given_back"] as const) {
            expect(await updateJob(through, job, { outcome: OUTCOMES[kind] })).toMatchObject({ result: "stale" });
          }
          expect(await updateJob(through, job, { outcome: OUTCOMES.completed })).toMatchObject({ result: "applied" });
        }
        expect(await readJob(store, job.id)).toEqual(settled);
      },
    },
    {
      name: "a run without the fence settles nothing, and the transaction goes on",
      async run({ store, begin }) {
        const running = await jobIn(store, "running");
        const [retried, absent] = [await jobIn(store, "retry"), { ...newJob(), claimNo: 1, workerId: "w" }];
        const again = await jobIn(store, "retry");
        await claimJob(store, again);
        const places = [running.id, retried.id, again.id];
        const before = await store.jobs.get({ ids: places });
        const { tx, commit } = await begin();
        expect(await settleIn(store, { ...running, claimNo: running.claimNo - 1 }, tx)).toBe("stale");
        expect(await settleIn(store, { ...running, claimNo: running.claimNo + 1 }, tx)).toBe("stale");
        for (const job of [retried, again, absent]) expect(await settleIn(store, job, tx)).toBe("stale");
        const beside = newJob();
        await store.jobs.insert({ jobs: [beside], tx });
        await commit();
        expect(await store.jobs.get({ ids: places })).toEqual(before);
        expect((await readState(store, beside.id)).status).toBe("pending");
      },
    },
    {
      name: "a run settles its job once, in one transaction or in two",
      async run({ store, begin }) {
        const job = await jobIn(store, "running");
        const first = await begin();
        expect(await settleIn(store, job, first.tx)).toBe("completed");
        expect(await settleIn(store, job, first.tx)).toBe("already");
        await first.commit();
        const settled = await readJob(store, job.id);
        const second = await begin();
        expect(await settleIn(store, job, second.tx)).toBe("already");
        await second.commit();
        expect(await readJob(store, job.id)).toEqual(settled);
      },
    },
    {
      name: "a job that failed is not settled again by its run",
      async run({ store, begin }) {
        for (const status of ["failed", "dead_letter", "cancelled"] as const) {
          const job = await jobIn(store, status);
          const before = await readJob(store, job.id);
          const { tx, commit } = await begin();
          expect(await settleIn(store, job, tx)).toBe("stale");
          await commit();
          expect(await readJob(store, job.id)).toEqual(before);
        }
      },
    },
    {
      name: "a job and what its run dispatched come to be in one commit",
      async run({ store, begin }) {
        for (const end of ["commit", "rollback"] as const) {
          const job = await jobIn(store, "running");
          const next = newJob();
          const transaction = await begin();
          await store.jobs.insert({ jobs: [next], tx: transaction.tx });
          await settleIn(store, job, transaction.tx);
          await transaction[end]();
          expect((await readState(store, job.id)).status).toBe(end === "commit" ? "completed" : "running");
          expect(await store.jobs.states({ ids: [next.id] })).toHaveLength(end === "commit" ? 1 : 0);
        }
      },
    },
    {
      name: "while the transaction is open the row is held, and its neighbours are not",
      needs: ["concurrentWriters"],
      async run({ store, other, begin }) {
        for (const end of ["commit", "rollback"] as const) {
          const [job, neighbour] = [await jobIn(store, "running"), await jobIn(store, "running")];
          const transaction = await begin();
          await settleIn(store, job, transaction.tx);
          expect(await updateJob(other, job, { progress: 50 })).toMatchObject({ result: "held" });
          expect(await updateJob(other, job, { outcome: OUTCOMES.failed })).toMatchObject({ result: "held" });
          expect(await updateJob(other, neighbour, { progress: 50 })).toMatchObject({ result: "applied" });
          await transaction[end]();
          const result = end === "commit" ? "stale" : "applied";
          expect(await updateJob(other, job, { progress: 50 })).toMatchObject({ result });
        }
      },
    },
    {
      name: "a run settles also while what it said before is being written",
      needs: ["concurrentWriters"],
      async run({ store, other, begin }) {
        for (let round = 0; round < 20; round++) {
          const job = await jobIn(store, "claimed");
          const { tx, commit } = await begin();
          const [result] = await Promise.all([
            settleIn(store, job, tx),
            updateJob(other, job, { started: true, progress: round }),
          ]);
          expect(result).toBe("completed");
          await commit();
          expect(await readJob(store, job.id)).toMatchObject({ status: "completed", output: OUTPUT });
        }
      },
    },
    {
      name: "listeners hear of it after the commit, and never of one that rolled back",
      needs: ["notifications"],
      async run({ store, other, begin }) {
        const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
        const [kept, undone] = [await jobIn(store, "running"), await jobIn(store, "running")];
        const { revision } = await readJob(store, kept.id);
        const lost = await begin();
        await settleIn(store, undone, lost.tx);
        await lost.rollback();
        const { tx, commit } = await begin();
        await settleIn(store, kept, tx);
        expect([...own.revisionsOf(kept.id), ...foreign.revisionsOf(kept.id)]).not.toContain(revision + 1);
        for (const { heard } of [own, foreign]) heard.length = 0;
        await commit();
        const any = !store.capabilities.namedHints;
        for (const recorder of [own, foreign]) {
          await recorder.until("word of the settled job", () => recorder.hasMoved(kept.id, revision + 1, { any }));
        }
        expect([...own.revisionsOf(undone.id), ...foreign.revisionsOf(undone.id)]).not.toContain(revision + 1);
      },
    },
  ],
};
