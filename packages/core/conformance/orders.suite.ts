import { randomUUID } from "node:crypto";
import { expect } from "./expect.ts";
import { claimJob, claimJobs, insertJob, newJob, updateJob } from "./one-job.ts";
import { heldRows, LEASE_MS, processIdentity, readWorker, registerWorker } from "./one-worker.ts";
import { Recorder } from "./recorder.ts";
import type { Suite } from "./suite.ts";

/** What workers say of themselves, and what they are told to heed. */
export const ordersSuite: Suite = {
  topic: "orders",
  cases: [
    {
      name: "a worker is listed with its label and what it serves; one that says nothing with null",
      async run({ store, other }) {
        const serves = { queues: { default: 10, media: 2 }, types: ["a", "b"] };
        const process = processIdentity();
        await store.workers.register({ workerId: "w1", leaseMs: LEASE_MS, process, label: "eu-worker-7-w1", serves });
        await store.workers.register({ workerId: "w2", leaseMs: LEASE_MS, process });
        expect(await readWorker(other, "w1")).toMatchObject({
          label: "eu-worker-7-w1",
          serves,
          draining: false,
          heeded: 0,
        });
        expect(await readWorker(other, "w2")).toMatchObject({
          label: null,
          serves: null,
          draining: false,
          leaseMs: LEASE_MS,
        });
      },
    },
    {
      name: "a worker that drains takes nothing, keeps what it holds, and is listed as such",
      async run({ store, other }) {
        const workerId = await registerWorker(store);
        const colleague = await registerWorker(store);
        const [held, waiting] = [await insertJob(store), await insertJob(store)];
        const run = await claimJob(store, held, workerId);
        expect(await other.workers.drain({ workerId })).toEqual(expect.any(Number));
        for (const oldestFirst of [false, true])
          expect(await claimJobs(store, { types: [waiting.type], workerId, oldestFirst })).toEqual([]);
        expect(await store.jobs.insertClaimed({ job: newJob(), workerId })).toBe(false);
        expect(await claimJobs(store, { types: [waiting.type], workerId: colleague })).toHaveLength(1);
        expect(await updateJob(store, run, { started: true })).toMatchObject({ result: "applied" });
        expect(await heldRows(store, workerId)).toHaveLength(1);
        expect(await readWorker(store, workerId)).toMatchObject({ draining: true });
        expect(await readWorker(store, colleague)).toMatchObject({ draining: false });
      },
    },
    {
      name: "the orders tell a worker whether it drains, with the version that says so",
      async run({ store, other }) {
        const [workerId, colleague] = [await registerWorker(store), await registerWorker(store)];
        const before = await store.workers.orders({ workerId });
        expect(before).toMatchObject({ draining: false, queues: [] });
        const version = await other.workers.drain({ workerId });
        expect(version).toBe(before.version + 1);
        expect(await store.workers.orders({ workerId })).toEqual({
          version,
          draining: true,
          drainingBy: null,
          queues: [],
        });
        expect(await store.workers.orders({ workerId: colleague })).toMatchObject({ draining: false });
        expect(await store.workers.drain({ workerId })).toBe(before.version + 2);
      },
    },
    {
      name: "who told a worker to drain is kept: the first who did",
      async run({ store, other }) {
        const [workerId, colleague] = [await registerWorker(store), await registerWorker(store)];
        expect(await readWorker(store, workerId)).toMatchObject({ drainingBy: null });
        for (const by of ["Ада", "bob"]) {
          await store.workers.drain({ workerId, by });
          expect(await readWorker(other, workerId)).toMatchObject({ draining: true, drainingBy: "Ада" });
        }
        expect(await other.workers.orders({ workerId })).toMatchObject({ draining: true, drainingBy: "Ада" });
        expect(await readWorker(store, colleague)).toMatchObject({ draining: false, drainingBy: null });
        await store.workers.drain({ workerId: colleague });
        await store.workers.drain({ workerId: colleague, by: "bob" });
        expect(await readWorker(store, colleague)).toMatchObject({ draining: true, drainingBy: null });
      },
    },
    {
      name: "nobody drains a worker that is unknown or retired",
      async run({ store }) {
        const retired = await registerWorker(store);
        await store.workers.retire({ workerId: retired });
        for (const workerId of [randomUUID(), retired]) expect(await store.workers.drain({ workerId })).toBeNull();
      },
    },
    {
      name: "what a worker has heeded is listed, and never falls",
      async run({ store, other }) {
        const workerId = await registerWorker(store);
        await store.workers.heed({ workerId, version: 3 });
        await store.workers.heed({ workerId, version: 2 });
        expect(await readWorker(other, workerId)).toMatchObject({ heeded: 3 });
        await store.workers.heed({ workerId: randomUUID(), version: 3 });
      },
    },
    {
      name: "a drain is heard by every listener of every store object",
      needs: ["notifications"],
      async run({ store, other }) {
        const workerId = await registerWorker(store);
        const [own, foreign] = [await Recorder.live(store), await Recorder.live(other)];
        const counts = [own, foreign].map((recorder) => recorder.ordersHeard);
        await store.workers.drain({ workerId });
        await own.until("orders", () => own.ordersHeard > counts[0]!);
        await foreign.until("orders", () => foreign.ordersHeard > counts[1]!);
      },
    },
    {
      name: "running handlers are counted by worker and queue",
      async run({ store }) {
        expect(await store.workers.running()).toEqual([]);
        const [ada, bob] = [await registerWorker(store), await registerWorker(store)];
        const start = async (workerId: string, queue: string): Promise<void> => {
          await updateJob(store, await claimJob(store, await insertJob(store, { queue }), workerId), { started: true });
        };
        await start(ada, "default");
        await start(ada, "media");
        await start(ada, "media");
        await start(bob, "media");
        await claimJob(store, await insertJob(store), bob);
        const counts = await store.workers.running();
        const shown = counts.map(({ workerId, queue, running }) => [workerId === ada ? "ada" : "bob", queue, running]);
        expect(shown.map(String).toSorted()).toEqual(["ada,default,1", "ada,media,2", "bob,media,1"]);
      },
    },
  ],
};
