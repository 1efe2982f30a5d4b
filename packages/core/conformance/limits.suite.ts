import type { ClaimedJob, NewJob, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { OUTCOME_KINDS, OUTCOMES } from "./job-in.ts";
import { cancelJob, claimJobs, insertJob, newJob, readJob, runUpdate, updateJob } from "./one-job.ts";
import { heldRows, registerWorker, rescueWorker } from "./one-worker.ts";
import { Random } from "./random.ts";
import { Recorder } from "./recorder.ts";
import type { Case, Suite } from "./suite.ts";

const QUEUE = "media";

function limit(store: Store, globalConcurrency: number | null): Promise<number> {
  return store.queues.change({ name: QUEUE, change: { globalConcurrency }, onlyAbsent: false });
}

const inserted = async (store: Store, count: number, job: Partial<NewJob> = {}): Promise<void> => {
  const jobs = Array.from({ length: count }, () => newJob({ queue: QUEUE, type: "t", ...job }));
  await store.jobs.insert({ jobs });
};

interface Taking {
  readonly workerId?: string;
  readonly types?: readonly string[];
  readonly limit?: number;
  readonly oldestFirst?: boolean;
}

async function take(store: Store, { workerId, ...taking }: Taking = {}): Promise<ClaimedJob[]> {
  const { types = ["t"], limit: most = 100, oldestFirst = false } = taking;
  return store.jobs.claim({
    workerId: workerId ?? (await registerWorker(store)),
    queue: QUEUE,
    types,
    limit: most,
    oldestFirst,
    limits: { global: true, keyed: [] },
  });
}

const releases = (): Case[] =>
  (["cancelled while claimed", "rescued", "waiting for children", ...OUTCOME_KINDS] as const).map((how) => ({
    name: `a job that is ${how} makes room for another, and tells so`,
    async run({ store, other }) {
      await limit(store, 1);
      await inserted(store, 2, how === "retry" || how === "given_back" ? { due: { atMs: 0 } } : {});
      const workerId = await registerWorker(store);
      const [run] = await take(store, { workerId });
      expect(await take(other)).toEqual([]);
      const heard = new Recorder(store);
      if (how === "cancelled while claimed") await cancelJob(store, run!.id);
      else if (how === "rescued") expect(await rescueWorker(store, workerId)).toEqual([run!.id]);
      else if (how === "waiting for children") {
        await updateJob(store, run!, { started: true });
        await store.children.setWaiting({ runs: [{ ...run!, isWaiting: true, frees: QUEUE }] });
      } else await updateJob(store, run!, { started: true, outcome: OUTCOMES[how], frees: QUEUE });
      await heard.until("room", () => heard.hasAvailable(QUEUE));
      heard.unsubscribe();
      expect(await take(other)).toHaveLength(1);
      expect(await take(store)).toEqual([]);
    },
  }));

/** Limits over the jobs that all processes run of a queue. */
export const limitsSuite: Suite = {
  topic: "limits",
  cases: [
    {
      name: "a claim takes what the limit leaves, in the order in which it would take all, whoever holds the rest",
      async run({ store, other }) {
        await limit(store, 3);
        await inserted(store, 4);
        await inserted(store, 1, { priority: "critical" });
        await inserted(store, 1, { priority: "low", due: { atMs: 0 } });
        const first = await take(store, { limit: 2 });
        expect(first.map(({ priority }) => priority)).toEqual(["critical", "normal"]);
        expect((await take(other, { oldestFirst: true })).map(({ priority }) => priority)).toEqual(["low"]);
        expect(await take(store)).toEqual([]);
        expect([...first].map(({ isLimited }) => isLimited)).toEqual([true, true]);
      },
    },
    {
      name: "jobs of other queues do not count, and a queue without a limit has none",
      async run({ store }) {
        await limit(store, 1);
        for (let n = 0; n < 3; n++) await insertJob(store, { type: "t" });
        await claimJobs(store, { types: ["t"] });
        await inserted(store, 3);
        expect(await take(store)).toHaveLength(1);
        await limit(store, null);
        expect(await take(store)).toHaveLength(2);
      },
    },
    {
      name: "a paused queue gives nothing, limited or not",
      async run({ store }) {
        await inserted(store, 2);
        for (const most of [5, null]) {
          await store.queues.change({
            name: QUEUE,
            change: { globalConcurrency: most, paused: true },
            onlyAbsent: false,
          });
          expect(await take(store)).toEqual([]);
        }
      },
    },
    {
      name: "a limit that is raised or lowered counts with the next claim",
      async run({ store, other }) {
        await limit(store, 2);
        await inserted(store, 8);
        const runs = await take(store);
        expect(runs).toHaveLength(2);
        await limit(other, 5);
        runs.push(...(await take(store)));
        expect(runs).toHaveLength(5);
        await limit(store, 1);
        for (const run of runs.slice(1)) {
          expect(await take(other)).toEqual([]);
          await updateJob(store, run, { started: true, outcome: OUTCOMES.completed });
        }
        expect(await take(other)).toEqual([]);
        await updateJob(store, runs[0]!, { started: true, outcome: OUTCOMES.completed });
        expect(await take(other)).toHaveLength(1);
      },
    },
    ...releases(),
    {
      name: "a job that was asked to stop counts until its worker ends it",
      async run({ store }) {
        await limit(store, 1);
        await inserted(store, 2);
        const [run] = await take(store);
        await updateJob(store, run!, { started: true });
        await cancelJob(store, run!.id);
        expect(await take(store)).toEqual([]);
        await updateJob(store, run!, { outcome: OUTCOMES.given_back });
        expect((await readJob(store, run!.id)).status).toBe("cancelled");
        expect(await take(store)).toHaveLength(1);
      },
    },
    {
      name: "an idle worker has nothing to wait for while the limit is reached, and is told what is due otherwise",
      async run({ store }) {
        await limit(store, 1);
        await inserted(store, 2);
        const due = () => store.jobs.nextDue({ queue: QUEUE, types: ["t"], limits: { global: true, keyed: [] } });
        expect(await due()).toBe(0);
        const [run] = await take(store);
        expect(await due()).toBeNull();
        await updateJob(store, run!, { started: true, outcome: OUTCOMES.completed });
        expect(await due()).toBe(0);
      },
    },
    {
      name: "many claims at once from all processes never hold more than the limit, over random ends (seed 21)",
      async run({ store, other }) {
        const random = new Random(21);
        const stores = [store, other];
        const workers = await Promise.all(Array.from({ length: 6 }, (_, n) => registerWorker(stores[n % 2]!)));
        await inserted(store, 150);
        let most = 4;
        await limit(store, most);
        const held = new Map<string, ClaimedJob>();
        const ended = new Set<string>();
        for (let round = 0; round < 60; round++) {
          const taken = await Promise.all(
            workers.map((workerId, n) =>
              take(stores[n % 2]!, { workerId, limit: 1 + Math.floor(random.next() * 3), oldestFirst: n === 0 }),
            ),
          );
          for (const job of taken.flat()) held.set(job.id, job);
          const rows = await Promise.all(workers.map((workerId) => heldRows(store, workerId, 86_400_000)));
          expect(rows.flat().length).toBe(held.size);
          if (round % 10 !== 0) expect(held.size).toBeLessThanOrEqual(most);
          const over = random.some([...held.values()], 0.7);
          await Promise.all(
            over.map(async (job, n) => {
              const outcome = random.next() < 0.2 ? OUTCOMES.given_back : OUTCOMES.completed;
              await stores[n % 2]!.jobs.update({ updates: [runUpdate(job, { started: true, outcome })] });
              held.delete(job.id);
              if (outcome === OUTCOMES.completed) ended.add(job.id);
            }),
          );
          if (round % 10 === 9) {
            most = 1 + Math.floor(random.next() * 8);
            await limit(store, most);
          }
        }
        expect(ended.size).toBeGreaterThan(60);
      },
    },
  ],
};
