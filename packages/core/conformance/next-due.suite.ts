import type { Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { cancelJob, claimJob, insertJob, readJob, updateJob } from "./one-job.ts";
import type { Suite } from "./suite.ts";
import { advance } from "./world.ts";

const MINUTE_MS = 60_000;
const SLACK_MS = 10_000;

const nextDue = (store: Store, ...types: string[]): Promise<number | null> =>
  store.jobs.nextDue({ queue: "default", types });

async function expectIn(store: Store, type: string, ms: number): Promise<void> {
  const due = (await nextDue(store, type)) ?? Number.NaN;
  expect(due).toBeGreaterThan(ms - SLACK_MS);
  expect(due).toBeLessThanOrEqual(ms);
}

/** How long an idle worker may sleep. */
export const nextDueSuite: Suite = {
  topic: "next due",
  cases: [
    {
      name: "null where nothing waits",
      async run({ store }) {
        expect(await nextDue(store, "t")).toBeNull();
        expect(await nextDue(store)).toBeNull();
      },
    },
    {
      name: "0 where a job is due, and nothing changes",
      async run({ store }) {
        const { id, type } = await insertJob(store);
        const before = await readJob(store, id);
        expect(await nextDue(store, type)).toBe(0);
        expect(await readJob(store, id)).toEqual(before);
      },
    },
    {
      name: "the time until a future job, by the store's clock",
      async run(world) {
        const { type } = await insertJob(world.store, { due: { delayMs: 5 * MINUTE_MS } });
        await expectIn(world.store, type, 5 * MINUTE_MS);
        advance(world, 3 * MINUTE_MS);
        await expectIn(world.store, type, 2 * MINUTE_MS);
        advance(world, 2 * MINUTE_MS);
        expect(await nextDue(world.store, type)).toBe(0);
      },
    },
    {
      name: "the soonest of several, whatever its priority and type",
      async run({ store }) {
        await insertJob(store, { type: "t", priority: "critical", due: { delayMs: 3 * MINUTE_MS } });
        await insertJob(store, { type: "t", priority: "low", due: { delayMs: 2 * MINUTE_MS } });
        await insertJob(store, { type: "u", priority: "normal", due: { delayMs: MINUTE_MS } });
        await expectIn(store, "t", 2 * MINUTE_MS);
        const both = (await nextDue(store, "t", "u")) ?? Number.NaN;
        expect(both).toBeGreaterThan(MINUTE_MS - SLACK_MS);
        expect(both).toBeLessThanOrEqual(MINUTE_MS);
      },
    },
    {
      name: "other queues and other types do not count",
      async run({ store }) {
        await insertJob(store, { type: "t", queue: "media" });
        await insertJob(store, { type: "u" });
        expect(await nextDue(store, "t")).toBeNull();
      },
    },
    {
      name: "jobs that a worker holds and jobs that ended do not count",
      async run({ store }) {
        for (const status of [
          "claimed",
          "running",
          "cancel_requested",
          "completed",
          "failed",
          "dead_letter",
          "cancelled",
        ] as const) {
          await jobIn(store, status, { type: "t" });
          expect(await nextDue(store, "t")).toBeNull();
        }
        const future = await insertJob(store, { type: "t", due: { delayMs: MINUTE_MS } });
        await cancelJob(store, future.id);
        expect(await nextDue(store, "t")).toBeNull();
      },
    },
    {
      name: "a retry counts with its delay, and so does a job that was given back",
      async run({ store }) {
        for (const kind of ["retry", "given_back"] as const) {
          const { type } = await insertJob(store);
          const run = await claimJob(store, { type });
          await updateJob(store, run, { started: true, outcome: { ...OUTCOMES[kind], delayMs: MINUTE_MS } });
          await expectIn(store, type, MINUTE_MS);
        }
      },
    },
  ],
};
