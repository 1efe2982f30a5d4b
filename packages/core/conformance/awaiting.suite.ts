import type { ChildEnd, NewJob, RunUpdate } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { asleep, nameOf, type Way, WAYS } from "./child-ends.ts";
import { OUTCOMES } from "./job-in.ts";
import { cancelJob, claimJobs, newJob, readJob, readState, runUpdate, updateJob } from "./one-job.ts";
import { childOf, type HeldRun, loadRun, newRun, readRun, runningRun, startRun, suspendRun } from "./one-run.ts";
import { registerWorker, rescueWorker } from "./one-worker.ts";
import type { Case, Suite } from "./suite.ts";
import { power, type World } from "./world.ts";

async function expectWoken(
  { store }: World,
  parent: HeldRun,
  child: NewJob,
  status: ChildEnd["status"],
): Promise<void> {
  expect((await loadRun(store, parent.id)).ended).toMatchObject([{ id: child.id, status }]);
  expect(await claimJobs(store, { types: [parent.type], queue: parent.queue })).toMatchObject([{ id: parent.id }]);
}

const wakes = (way: Way): readonly Case[] => [
  {
    name: `a run that sleeps on its child is due once ${nameOf(way)}`,
    async run(world) {
      const { store } = world;
      const { parent, child, end } = await asleep(world, way);
      expect(await claimJobs(store, { types: [parent.type], queue: parent.queue })).toEqual([]);
      await end();
      await expectWoken(world, parent, child, way.status);
    },
  },
  {
    name: `a run does not fall asleep on its child if before that ${nameOf(way)}`,
    async run(world) {
      const { store } = world;
      const parent = await runningRun(store);
      const child = await childOf(store, parent, way.job?.() ?? {});
      const end = await way.prepare(world, child, parent.id);
      const { wakes: read } = await loadRun(store, parent.id);
      await end();
      await suspendRun(store, parent, { wakes: read, waitingFor: child.type });
      await expectWoken(world, parent, child, way.status);
    },
  },
];

/** Runs that wait for the jobs and runs which they started. */
export const awaitingSuite: Suite = {
  topic: "awaiting",
  cases: [
    ...WAYS.flatMap(wakes),
    {
      name: "a child that is not at its end wakes nobody: it starts, speaks, is retried, given back, put away, rescued",
      async run({ store }) {
        const parent = await runningRun(store);
        const child = await childOf(store, parent, { maxAttempts: 9 });
        const before = await readJob(store, parent.id);
        for (const kind of ["retry", "given_back", "suspended"] as const) {
          const run = await startRun(store, child);
          await updateJob(store, run, { progress: 5 });
          await updateJob(store, run, { outcome: OUTCOMES[kind], wakes: parent.id });
        }
        await rescueWorker(store, (await startRun(store, child)).workerId);
        await startRun(store, child);
        await cancelJob(store, child.id);
        expect(await readJob(store, parent.id)).toEqual(before);
        expect(await loadRun(store, parent.id)).toMatchObject({ wakes: 0, ended: [] });
      },
    },
    {
      name: "a child's end that is sent again, or that is stale, wakes nobody",
      async run({ store }) {
        const parent = await runningRun(store);
        const child = await childOf(store, parent);
        const run = await startRun(store, child);
        const stale = { id: run.id, claimNo: run.claimNo + 1 };
        expect(await updateJob(store, stale, { outcome: OUTCOMES.failed, wakes: parent.id })).toMatchObject({
          result: "stale",
        });
        expect((await loadRun(store, parent.id)).wakes).toBe(0);
        const end = { outcome: OUTCOMES.completed, wakes: parent.id };
        for (let send = 0; send < 3; send++)
          expect(await updateJob(store, run, end)).toMatchObject({ result: "applied" });
        expect((await loadRun(store, parent.id)).wakes).toBe(1);
      },
    },
    {
      name: "a child ends whatever its wake-up finds: a run that has ended, one that is unknown, a job",
      async run({ store }) {
        const ended = await runningRun(store);
        await updateJob(store, ended, { outcome: OUTCOMES.completed });
        const job = await startRun(store, await childOf(store, await runningRun(store)));
        for (const id of [ended.id, newJob().id, job.id]) {
          const before = await store.jobs.get({ ids: [id] });
          const child = await runningRun(store);
          expect(await updateJob(store, child, { outcome: OUTCOMES.failed, wakes: id })).toMatchObject({
            result: "applied",
          });
          expect(await readJob(store, child.id)).toMatchObject({ status: "failed", attempts: 1 });
          expect(await store.jobs.get({ ids: [id] })).toEqual(before);
        }
      },
    },
    {
      name: "a batch may put a run away, end its child and end the child of that",
      async run({ store }) {
        const parent = await runningRun(store);
        const child = await startRun(store, await childOf(store, parent, newRun()));
        const grandchild = await startRun(store, await childOf(store, child));
        const [plain, late] = [await runningRun(store), await runningRun(store)];
        const updates: RunUpdate[] = [
          runUpdate(grandchild, { outcome: OUTCOMES.completed, wakes: child.id }),
          runUpdate(plain, { outcome: OUTCOMES.completed }),
          runUpdate(child, { outcome: OUTCOMES.compensated, wakes: parent.id }),
          runUpdate(parent, { outcome: { kind: "suspended", wakes: 0, dueAt: null, waitingFor: "child" } }),
          runUpdate({ ...late, claimNo: late.claimNo + 1 }, { outcome: OUTCOMES.compensated }),
        ];
        const results = await store.jobs.update({ updates });
        expect(results.map(({ id, result }) => [id, result])).toEqual(
          updates.map(({ id }) => [id, id === late.id ? "stale" : "applied"]),
        );
        expect((await loadRun(store, parent.id)).ended).toMatchObject([{ id: child.id, status: "compensated" }]);
        expect(await claimJobs(store, { types: [parent.type] })).toHaveLength(1);
        expect(await readState(store, grandchild.id)).toMatchObject({ status: "completed" });
      },
    },
    {
      name: "of 200 children that end in batches of several stores none is missed, and their run is woken",
      async run({ store, other }) {
        const parent = await runningRun(store);
        const type = newJob().type;
        for (let n = 0; n < 200; n++) await childOf(store, parent, { type });
        const workerId = await registerWorker(store);
        const children = await claimJobs(store, { types: [type], limit: 200, workerId });
        await suspendRun(store, parent);
        const end = async (through: typeof store, some: readonly { id: string; claimNo: number }[]): Promise<void> => {
          for (let n = 0; n < some.length; n += 10) {
            let updates = some
              .slice(n, n + 10)
              .map((run) => runUpdate(run, { started: true, outcome: OUTCOMES.completed, wakes: parent.id }));
            while (updates.length > 0) {
              const results = await through.jobs.update({ updates });
              for (const { result } of results) expect(["applied", "held"]).toContain(result);
              updates = updates.filter((_, at) => results[at]!.result === "held");
            }
          }
        };
        await Promise.all([end(store, children.slice(0, 100)), end(other, children.slice(100))]);
        expect((await loadRun(store, parent.id)).ended).toHaveLength(200);
        expect(await claimJobs(store, { types: [parent.type] })).toHaveLength(1);
      },
    },
    {
      name: "a child whose run somebody has locked is held, its neighbours are not, and it ends later",
      needs: ["lockRow"],
      async run(world) {
        const { store } = world;
        const [parent, free] = [await runningRun(store), await runningRun(store)];
        const child = await startRun(store, await childOf(store, parent));
        const neighbour = await startRun(store, await childOf(store, free));
        const release = await power(world, "lockRow")(parent.id);
        const updates = [
          runUpdate(child, { outcome: OUTCOMES.completed, wakes: parent.id }),
          runUpdate(neighbour, { outcome: OUTCOMES.completed, wakes: free.id }),
        ];
        expect(await store.jobs.update({ updates })).toMatchObject([{ result: "held" }, { result: "applied" }]);
        expect((await readState(store, child.id)).status).toBe("running");
        await release();
        expect(await store.jobs.update({ updates })).toMatchObject([{ result: "applied" }, { result: "applied" }]);
        expect(await loadRun(store, parent.id)).toMatchObject({ wakes: 1, ended: [{ id: child.id }] });
      },
    },
    {
      name: "a settled child's transaction wakes its run once it commits, and not if it rolls back",
      async run({ store, begin }) {
        const parent = await runningRun(store);
        const child = await startRun(store, await childOf(store, parent));
        const settle = async (tx: unknown): Promise<unknown> =>
          store.jobs.settleIn({ id: child.id, claimNo: child.claimNo, output: "1", tx });
        const first = await begin();
        await settle(first.tx);
        await first.rollback();
        expect(await loadRun(store, parent.id)).toMatchObject({ wakes: 0, ended: [] });
        const second = await begin();
        await settle(second.tx);
        expect((await loadRun(store, parent.id)).wakes).toBe(0);
        await second.commit();
        expect(await loadRun(store, parent.id)).toMatchObject({ wakes: 1, ended: [{ status: "completed" }] });
      },
    },
    {
      name: "a run reads how its children ended: what came out, what went wrong, and that one was deleted",
      async run({ store }) {
        const parent = await runningRun(store);
        const [done, failed, deleted, undone, cancelled] = [
          await childOf(store, parent),
          await childOf(store, parent),
          await childOf(store, parent),
          await childOf(store, parent, newRun()),
          await childOf(store, parent),
        ];
        await childOf(store, parent);
        await updateJob(store, await startRun(store, done), { outcome: OUTCOMES.completed, wakes: parent.id });
        const failure = { error: "Declined: no\n at x", errorName: "Declined", publicError: "No" };
        const failing = await startRun(store, failed);
        await updateJob(store, failing, { outcome: { kind: "failed", ...failure }, wakes: parent.id });
        await cancelJob(store, deleted.id);
        await store.ended.delete({ ids: [deleted.id] });
        const undoing = await startRun(store, undone);
        await updateJob(store, undoing, { outcome: { kind: "compensated", ...failure }, wakes: parent.id });
        await cancelJob(store, cancelled.id, "not needed");
        const { ended } = await loadRun(store, parent.id);
        const reason = { error: "not needed", errorName: null, publicError: "not needed" };
        const sorted = (ends: readonly ChildEnd[]): ChildEnd[] => ends.toSorted((a, b) => (a.id < b.id ? -1 : 1));
        expect(sorted(ended)).toEqual(
          sorted([
            { id: done.id, status: "completed", output: OUTCOMES.completed.output, failure: null },
            { id: failed.id, status: "failed", output: null, failure },
            { id: deleted.id, status: "deleted", output: null, failure: null },
            { id: undone.id, status: "compensated", output: null, failure },
            { id: cancelled.id, status: "cancelled", output: null, failure: reason },
          ]),
        );
      },
    },
    {
      name: "a child whose end is recorded is not told of again",
      async run({ store }) {
        const parent = await runningRun(store);
        const child = await childOf(store, parent);
        await updateJob(store, await startRun(store, child), { outcome: OUTCOMES.completed, wakes: parent.id });
        const step = { key: child.id, kind: "job", status: "completed", seq: 1, output: "3" } as const;
        const write = { ...step, run: { id: parent.id, claimNo: parent.claimNo }, ord: 1, attempt: 1, failure: null };
        await store.workflows.record({
          writes: [{ ...write, due: null, childId: null, hasUndo: false, signal: null }],
        });
        expect((await loadRun(store, parent.id)).ended).toEqual([]);
        expect((await readRun(store, parent.id)).steps).toMatchObject([{ childId: child.id, status: "completed" }]);
      },
    },
    {
      name: "cancelling a run cancels the children it waits for",
      async run({ store }) {
        const parent = await runningRun(store);
        const [waiting, running] = [await childOf(store, parent), await childOf(store, parent, newRun())];
        await startRun(store, running);
        await suspendRun(store, parent);
        expect(await cancelJob(store, parent.id)).toBe("cancelled");
        expect((await readState(store, waiting.id)).status).toBe("cancelled");
        expect((await readState(store, running.id)).status).toBe("cancel_requested");
        expect((await readState(store, parent.id)).status).toBe("cancelled");
      },
    },
  ],
};
