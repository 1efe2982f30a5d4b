import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { claimJob, insertJob, readJob, updateJob } from "./one-job.ts";
import { heldRows, LEASE_MS, processIdentity, readWorker, registerWorker, rescueWorker } from "./one-worker.ts";
import type { Suite } from "./suite.ts";
import { advance } from "./world.ts";

const SLACK_MS = 5_000;

/** Worker processes, and how long they are believed to live. */
export const leaseSuite: Suite = {
  topic: "lease",
  cases: [
    {
      name: "a registered worker is listed with its process and its lease",
      async run({ store, other }) {
        const process = processIdentity({ host: "böx", pid: 99, processStart: "Sun Nov 22 02:21:35 2026" });
        await store.workers.register({ workerId: "worker-1", leaseMs: LEASE_MS, process });
        const { leaseLeftMs, ...worker } = (await readWorker(other, "worker-1"))!;
        expect(worker).toMatchObject({ id: "worker-1", ...process });
        expect(leaseLeftMs).toBeGreaterThan(LEASE_MS - SLACK_MS);
        expect(leaseLeftMs).toBeLessThanOrEqual(LEASE_MS);
      },
    },
    {
      name: "no worker is listed in an empty database",
      async run({ store }) {
        expect(await store.workers.list()).toEqual([]);
      },
    },
    {
      name: "a lease runs out by the store's clock, and the worker is listed still",
      async run(world) {
        const workerId = await registerWorker(world.store, LEASE_MS);
        advance(world, LEASE_MS - SLACK_MS);
        expect((await readWorker(world.store, workerId))!.leaseLeftMs).toBeGreaterThan(0);
        advance(world, 2 * SLACK_MS);
        const { leaseLeftMs } = (await readWorker(world.store, workerId))!;
        expect(leaseLeftMs).toBeLessThan(0);
        expect(leaseLeftMs).toBeGreaterThan(-2 * SLACK_MS);
      },
    },
    {
      name: "a beat renews the lease, from now on and by its own length",
      async run(world) {
        const { store } = world;
        const workerId = await registerWorker(store, LEASE_MS);
        advance(world, LEASE_MS / 2);
        expect(await store.workers.beat({ workerId, leaseMs: 2 * LEASE_MS })).toEqual({ alive: true, rows: [] });
        const { leaseLeftMs } = (await readWorker(store, workerId))!;
        expect(leaseLeftMs).toBeGreaterThan(2 * LEASE_MS - SLACK_MS);
        expect(leaseLeftMs).toBeLessThanOrEqual(2 * LEASE_MS);
      },
    },
    {
      name: "a late beat renews too, as long as nobody retired the worker",
      async run(world) {
        const workerId = await registerWorker(world.store, LEASE_MS);
        advance(world, 2 * LEASE_MS);
        expect((await world.store.workers.beat({ workerId, leaseMs: LEASE_MS })).alive).toBe(true);
        expect(await rescueWorker(world.store, workerId, "lease")).toBeNull();
      },
    },
    {
      name: "a beat lists the rows that the worker holds, with fence and cancel flag, and no others",
      async run({ store }) {
        const workerId = await registerWorker(store);
        const take = async (type: string): Promise<{ id: string; claimNo: number }> => {
          await insertJob(store, { type });
          return claimJob(store, { type }, workerId);
        };
        const claimed = await take("claimed");
        const running = await take("running");
        const flagged = await take("flagged");
        const ended = await take("ended");
        for (const run of [running, flagged, ended]) await updateJob(store, run, { started: true });
        await store.jobs.cancel({ ids: [flagged.id], reason: "stop" });
        await updateJob(store, ended, { outcome: OUTCOMES.completed });
        await jobIn(store, "running");
        await insertJob(store);
        const rows = await heldRows(store, workerId);
        const row = ({ id, claimNo }: { id: string; claimNo: number }, cancelRequested: boolean): object => ({
          id,
          claimNo,
          cancelRequested,
        });
        expect(rows).toHaveLength(3);
        expect(rows).toEqual(expect.arrayContaining([row(claimed, false), row(running, false), row(flagged, true)]));
      },
    },
    {
      name: "a beat changes no job",
      async run({ store }) {
        const { id, workerId } = await jobIn(store, "running");
        const before = await readJob(store, id);
        await heldRows(store, workerId);
        expect(await readJob(store, id)).toEqual(before);
      },
    },
    {
      name: "a claimed job that someone cancels is no row of its worker any more",
      async run({ store }) {
        const { workerId } = await jobIn(store, "cancelled");
        expect(await heldRows(store, workerId)).toEqual([]);
      },
    },
    {
      name: "a retired worker is not listed, and stays retired",
      async run({ store }) {
        const workerId = await registerWorker(store);
        await store.workers.retire({ workerId });
        await store.workers.retire({ workerId });
        expect(await readWorker(store, workerId)).toBeUndefined();
        expect(await store.workers.beat({ workerId, leaseMs: LEASE_MS })).toEqual({ alive: false, rows: [] });
        expect(await readWorker(store, workerId)).toBeUndefined();
        expect(await rescueWorker(store, workerId)).toBeNull();
      },
    },
    {
      name: "a worker that is retired while it holds a row leaves nothing stuck",
      async run(world) {
        const { store } = world;
        const job = await jobIn(store, "claimed", { leaseMs: LEASE_MS });
        await store.workers.retire({ workerId: job.workerId });
        advance(world, 2 * LEASE_MS);
        for (const { id } of await store.workers.list()) await rescueWorker(store, id, "lease");
        expect((await claimJob(store, job)).id).toBe(job.id);
      },
    },
    {
      name: "retiring one worker leaves the others alone",
      async run({ store }) {
        const { workerId } = await jobIn(store, "running");
        await store.workers.retire({ workerId: await registerWorker(store) });
        expect((await store.workers.list()).map(({ id }) => id)).toEqual([workerId]);
        expect(await heldRows(store, workerId)).toHaveLength(1);
      },
    },
  ],
};
