import type { ChildEnd, NewJob, Outcome } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { OUTCOMES } from "./job-in.ts";
import { cancelJob, claimJob, updateJob } from "./one-job.ts";
import { childOf, type HeldRun, newRun, runningRun, startRun, suspendRun } from "./one-run.ts";
import { MAX_DEATHS, rescueWorker } from "./one-worker.ts";
import type { World } from "./world.ts";

/** One way in which a child ends for which a run waits. */
export interface Way {
  readonly name: string;
  readonly status: ChildEnd["status"];
  readonly job?: () => Partial<NewJob>;
  /** Brings the new child to where its end is one verb away; the answer is that verb. */
  readonly prepare: (world: World, child: NewJob, parentId: string) => Promise<() => Promise<unknown>>;
}

/** Claims and starts a child, for a worker of its own. */
async function started(world: World, child: NewJob): Promise<HeldRun> {
  return startRun(world.store, child);
}

const said = (kind: Outcome["kind"], status: ChildEnd["status"], job?: () => Partial<NewJob>): Way => ({
  name: `its run ends as ${kind}`,
  status,
  ...(job !== undefined && { job }),
  async prepare(world, child, parentId) {
    const run = await started(world, child);
    return async () => updateJob(world.store, run, { outcome: OUTCOMES[kind], wakes: parentId });
  },
});

/** Every way in which a child ends. */
export const WAYS: readonly Way[] = [
  said("completed", "completed"),
  said("failed", "failed"),
  said("dead_letter", "dead_letter"),
  said("discarded", "failed"),
  said("completed", "completed", newRun),
  said("compensated", "compensated", newRun),
  {
    name: "it completes without having said that it started",
    status: "completed",
    async prepare({ store }, child, parentId) {
      const run = await claimJob(store, child);
      return () => updateJob(store, run, { started: true, outcome: OUTCOMES.completed, wakes: parentId });
    },
  },
  ...(["completed", "failed", "retry", "suspended"] as const).map((kind): Way => ({
    name: `its handler heeds a cancellation and ends as ${kind}`,
    status: kind === "completed" ? "completed" : "cancelled",
    async prepare(world, child, parentId) {
      const run = await started(world, child);
      await cancelJob(world.store, child.id);
      return () => updateJob(world.store, run, { outcome: OUTCOMES[kind], wakes: parentId });
    },
  })),
  {
    name: "somebody cancels it before it starts",
    status: "cancelled",
    prepare:
      async ({ other }, child) =>
      async () =>
        cancelJob(other, child.id),
  },
  {
    name: "somebody cancels it when a worker has it",
    status: "cancelled",
    async prepare({ store, other }, child) {
      await claimJob(store, child);
      return () => cancelJob(other, child.id);
    },
  },
  {
    name: "its worker dies for the last time",
    status: "dead_letter",
    async prepare(world, child) {
      for (let death = 1; death < MAX_DEATHS; death++) {
        await rescueWorker(world.store, (await started(world, child)).workerId);
      }
      const { workerId } = await started(world, child);
      return () => rescueWorker(world.store, workerId);
    },
  },
  {
    name: "its worker dies when somebody has cancelled it",
    status: "cancelled",
    async prepare(world, child) {
      const { workerId } = await started(world, child);
      await cancelJob(world.store, child.id);
      return () => rescueWorker(world.store, workerId);
    },
  },
  {
    name: "its handler settles it in a transaction",
    status: "completed",
    async prepare(world, child) {
      const { id, claimNo } = await started(world, child);
      return async () => {
        const { tx, commit } = await world.begin();
        expect(await world.store.jobs.settleIn({ id, claimNo, output: "1", tx })).toBe("completed");
        await commit();
      };
    },
  },
];

/** What ends it, for the name of a case. */
export const nameOf = ({ name, job }: Way): string => (job === undefined ? name : `${name}, a run itself`);

/** A run that sleeps on its child, and what ends that. */
export async function asleep(
  world: World,
  way: Way,
): Promise<{ parent: HeldRun; child: NewJob; end: () => Promise<unknown> }> {
  const { store } = world;
  const parent = await runningRun(store, { queue: "runs" });
  const child = await childOf(store, parent, way.job?.() ?? {});
  const end = await way.prepare(world, child, parent.id);
  await suspendRun(store, parent, { waitingFor: child.type });
  return { parent, child, end };
}
