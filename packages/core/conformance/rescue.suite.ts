import { expect } from "./expect.ts";
import { CANCEL_REASON, jobIn, OUTCOME_KINDS, OUTCOMES, type PlacedJob } from "./job-in.ts";
import { claimJob, insertJob, readJob, updateJob } from "./one-job.ts";
import { DEATH, heldRows, LEASE_MS, MAX_DEATHS, readWorker, registerWorker, rescueWorker } from "./one-worker.ts";
import type { Suite } from "./suite.ts";
import { advance, type World } from "./world.ts";

/** Lets the job's worker die while it runs it, so many times. */
async function dieRunning({ store }: World, job: { id: string; type: string }, times: number): Promise<void> {
  for (let death = 0; death < times; death++) {
    const workerId = await registerWorker(store);
    await updateJob(store, await claimJob(store, job, workerId), { started: true });
    expect(await rescueWorker(store, workerId)).toEqual([job.id]);
  }
}

/** What becomes of the jobs of a worker that died. */
export const rescueSuite: Suite = {
  topic: "rescue",
  cases: [
    {
      name: "a worker whose lease runs is not rescued by lease, and nothing changes",
      async run({ store }) {
        const { id, workerId } = await jobIn(store, "running", { leaseMs: LEASE_MS });
        const before = await readJob(store, id);
        expect(await rescueWorker(store, workerId, "lease")).toBeNull();
        expect(await readJob(store, id)).toEqual(before);
        expect(await heldRows(store, workerId)).toHaveLength(1);
      },
    },
    {
      name: "a rescue checks the lease again: one that was renewed meanwhile holds",
      async run(world) {
        const { store, other } = world;
        const { id, workerId } = await jobIn(store, "running", { leaseMs: LEASE_MS });
        advance(world, 2 * LEASE_MS);
        expect((await readWorker(other, workerId))!.leaseLeftMs).toBeLessThan(0);
        await heldRows(store, workerId);
        expect(await rescueWorker(other, workerId, "lease")).toBeNull();
        expect((await readJob(store, id)).status).toBe("running");
      },
    },
    {
      name: "a worker whose lease ended is rescued by lease",
      async run(world) {
        const { store, other } = world;
        const { id, workerId } = await jobIn(store, "running", { leaseMs: LEASE_MS });
        advance(world, 2 * LEASE_MS);
        expect(await rescueWorker(other, workerId, "lease")).toEqual([id]);
        expect((await readJob(store, id)).status).toBe("pending");
      },
    },
    {
      name: "a worker that is gone is rescued though its lease runs",
      async run({ store, other }) {
        const { id, workerId } = await jobIn(store, "running", { leaseMs: LEASE_MS });
        expect(await rescueWorker(other, workerId, "gone")).toEqual([id]);
        expect((await readJob(store, id)).status).toBe("pending");
      },
    },
    {
      name: "a rescued worker is retired: its beats say so, and it is rescued once",
      async run({ store }) {
        const { workerId } = await jobIn(store, "running");
        expect(await rescueWorker(store, workerId)).toHaveLength(1);
        expect(await readWorker(store, workerId)).toBeUndefined();
        expect(await store.workers.beat({ workerId, leaseMs: LEASE_MS })).toEqual({ alive: false, rows: [] });
        expect(await rescueWorker(store, workerId)).toBeNull();
      },
    },
    {
      name: "of many rescuers at once one rescues",
      async run({ store, other }) {
        const job = await jobIn(store, "running");
        const answers = await Promise.all(
          [store, other, store, other].map((through) => rescueWorker(through, job.workerId)),
        );
        expect(answers.filter((answer) => answer !== null)).toEqual([[job.id]]);
        expect(await claimJob(store, job)).toMatchObject({ deaths: 1 });
      },
    },
    {
      name: "a worker without rows is rescued with an empty list",
      async run({ store }) {
        expect(await rescueWorker(store, await registerWorker(store))).toEqual([]);
      },
    },
    {
      name: "claimed jobs go back, due now, no death counted but noted, the attempt not counted",
      async run({ store }) {
        const job = await jobIn(store, "claimed");
        const { revision } = await readJob(store, job.id);
        await rescueWorker(store, job.workerId);
        expect(await readJob(store, job.id)).toMatchObject({ status: "pending", attempts: 0, revision: revision + 1 });
        expect(await claimJob(store, job)).toMatchObject({ attempt: 1, maxAttempts: 3, deaths: -1 });
      },
    },
    {
      name: "running jobs go back, due now, one death richer, the attempt not counted",
      async run({ store }) {
        const job = await jobIn(store, "running");
        const { revision } = await readJob(store, job.id);
        await rescueWorker(store, job.workerId);
        expect(await readJob(store, job.id)).toMatchObject({ status: "pending", attempts: 0, revision: revision + 1 });
        expect(await claimJob(store, job)).toMatchObject({ attempt: 1, maxAttempts: 3, deaths: 1 });
      },
    },
    {
      name: "a job that runs at its last allowed death becomes dead_letter with the reason",
      async run(world) {
        const job = await insertJob(world.store);
        await dieRunning(world, job, MAX_DEATHS - 1);
        expect((await readJob(world.store, job.id)).status).toBe("pending");
        await dieRunning(world, job, 1);
        const after = await readJob(world.store, job.id);
        expect(after).toMatchObject({ status: "dead_letter", ...DEATH, output: null });
        expect(after.failedAt).toBeGreaterThanOrEqual(after.createdAt);
      },
    },
    {
      name: "a job that was merely claimed is never poison",
      async run({ store }) {
        const job = await insertJob(store);
        for (let death = 0; death <= MAX_DEATHS; death++) {
          const workerId = await registerWorker(store);
          expect(await claimJob(store, job, workerId)).toMatchObject({ deaths: death === 0 ? 0 : -1 });
          await rescueWorker(store, workerId);
        }
        expect((await readJob(store, job.id)).status).toBe("pending");
      },
    },
    {
      name: "deaths while running count from one after deaths while merely claimed, and stay through later ones",
      async run(world) {
        const { store } = world;
        const job = await insertJob(store);
        const dieClaimed = async (): Promise<number> => {
          const workerId = await registerWorker(store);
          const { deaths } = await claimJob(store, job, workerId);
          await rescueWorker(store, workerId);
          return deaths;
        };
        expect([await dieClaimed(), await dieClaimed()]).toEqual([0, -1]);
        await dieRunning(world, job, MAX_DEATHS - 1);
        expect([await dieClaimed(), await dieClaimed()]).toEqual([MAX_DEATHS - 1, MAX_DEATHS - 1]);
        await dieRunning(world, job, 1);
        expect((await readJob(store, job.id)).status).toBe("dead_letter");
      },
    },
    {
      name: "every outcome clears the note of a death while merely claimed",
      async run({ store }) {
        for (const kind of OUTCOME_KINDS) {
          const job = await jobIn(store, "claimed");
          await rescueWorker(store, job.workerId);
          const run = await claimJob(store, job);
          expect(run.deaths).toBe(-1);
          await updateJob(store, run, { started: true, outcome: OUTCOMES[kind] });
          if (kind === "completed" || kind === "discarded") continue;
          if (kind === "failed" || kind === "dead_letter" || kind === "compensated")
            await store.jobs.retry({ ids: [job.id] });
          expect((await claimJob(store, job)).deaths).toBe(0);
        }
      },
    },
    {
      name: "every outcome clears the count of deaths",
      async run(world) {
        const { store } = world;
        for (const kind of OUTCOME_KINDS) {
          const job = await insertJob(store);
          await dieRunning(world, job, MAX_DEATHS - 1);
          const run = await claimJob(store, job);
          expect(run.deaths).toBe(MAX_DEATHS - 1);
          await updateJob(store, run, { started: true, outcome: OUTCOMES[kind] });
          if (kind === "completed" || kind === "discarded") continue;
          if (kind === "failed" || kind === "dead_letter" || kind === "compensated")
            await store.jobs.retry({ ids: [job.id] });
          expect((await claimJob(store, job)).deaths).toBe(0);
        }
      },
    },
    {
      name: "jobs asked to stop become cancelled with their reason, the attempt not counted",
      async run({ store }) {
        const { id, workerId } = await jobIn(store, "cancel_requested");
        expect(await rescueWorker(store, workerId)).toEqual([id]);
        const after = await readJob(store, id);
        expect(after).toMatchObject({
          status: "cancelled",
          error: CANCEL_REASON,
          publicError: CANCEL_REASON,
          attempts: 0,
        });
        expect(after.cancelledAt).toBeGreaterThanOrEqual(after.cancelRequestedAt!);
      },
    },
    {
      name: "all rows of the dead worker move, each by its status, and nobody else's",
      async run(world) {
        const { store } = world;
        const workerId = await registerWorker(store);
        const taken: PlacedJob[] = [];
        for (const type of ["claimed", "running", "flagged"]) {
          const job = await insertJob(store, { type });
          taken.push({ ...job, workerId, ...(await claimJob(store, { type }, workerId)) });
        }
        for (const job of taken.slice(1)) await updateJob(store, job, { started: true });
        await store.jobs.cancel({ ids: [taken[2]!.id], reason: "stop" });
        const bystanders = [
          await jobIn(store, "claimed"),
          await jobIn(store, "running"),
          await jobIn(store, "cancel_requested"),
        ];
        const before = await Promise.all(bystanders.map(({ id }) => readJob(store, id)));
        const moved = await rescueWorker(store, workerId);
        expect(moved?.toSorted()).toEqual(taken.map(({ id }) => id).toSorted());
        const statuses = await Promise.all(taken.map(async ({ id }) => (await readJob(store, id)).status));
        expect(statuses).toEqual(["pending", "pending", "cancelled"]);
        expect(await Promise.all(bystanders.map(({ id }) => readJob(store, id)))).toEqual(before);
      },
    },
    {
      name: "a late finisher is refused, before and after another worker took its job",
      async run({ store }) {
        const job = await jobIn(store, "running");
        await rescueWorker(store, job.workerId);
        const rescued = await readJob(store, job.id);
        for (const kind of OUTCOME_KINDS) {
          if (kind === "given_back" || kind === "suspended") continue; // Already true: its answer may say so.
          expect(await updateJob(store, job, { outcome: OUTCOMES[kind] })).toMatchObject({ result: "stale" });
        }
        expect(await readJob(store, job.id)).toEqual(rescued);
        const run = await claimJob(store, job);
        await updateJob(store, run, { started: true });
        for (const kind of OUTCOME_KINDS) {
          expect(await updateJob(store, job, { outcome: OUTCOMES[kind] })).toMatchObject({ result: "stale" });
        }
        await updateJob(store, run, { outcome: OUTCOMES.completed });
        expect(await readJob(store, job.id)).toMatchObject({ status: "completed", attempts: 1 });
      },
    },
    {
      name: "a late finisher of a job that was cancelled by the rescue is refused",
      async run({ store }) {
        const job = await jobIn(store, "cancel_requested");
        await rescueWorker(store, job.workerId);
        const rescued = await readJob(store, job.id);
        expect(await updateJob(store, job, { outcome: OUTCOMES.completed })).toMatchObject({ result: "stale" });
        expect(await readJob(store, job.id)).toEqual(rescued);
      },
    },
    {
      name: "a rescue and an outcome at once: one of them has the job",
      async run({ store, other }) {
        for (let round = 0; round < 10; round++) {
          const job = await jobIn(store, "running");
          const [moved, answer] = await Promise.all([
            rescueWorker(other, job.workerId),
            updateJob(store, job, { outcome: OUTCOMES.completed }),
          ]);
          const { status } = await readJob(store, job.id);
          if (moved?.length === 1) {
            expect(status).toBe("pending");
            expect(answer.result).not.toBe("applied");
          } else {
            expect({ status, moved, result: answer.result }).toEqual({
              status: "completed",
              moved: [],
              result: "applied",
            });
          }
        }
      },
    },
    {
      name: "a rescue and a claim at once leave no job with the retired worker",
      async run({ store, other }) {
        for (let round = 0; round < 10; round++) {
          const job = await insertJob(store);
          const workerId = await registerWorker(store);
          await Promise.all([
            rescueWorker(other, workerId),
            store.jobs.claim({ workerId, queue: "default", types: [job.type], limit: 1, oldestFirst: false }),
          ]);
          expect((await readJob(store, job.id)).status).toBe("pending");
        }
      },
    },
  ],
};
