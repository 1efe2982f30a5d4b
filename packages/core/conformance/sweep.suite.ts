import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { insertJob, insertKeyed, keyClaim, readJob, updateJob } from "./one-job.ts";
import type { Suite } from "./suite.ts";
import { advance } from "./world.ts";

const HOUR_MS = 3_600_000;

/** Periodic work: by the store's clock, a bounded batch at a time. */
export const sweepSuite: Suite = {
  topic: "sweep",
  cases: [
    {
      name: "a job that failed long enough ago becomes dead_letter and keeps everything else",
      async run(world) {
        const { store } = world;
        const { id } = await jobIn(store, "failed");
        const before = await readJob(store, id);
        advance(world, HOUR_MS);
        expect(await store.sweeps.deadLetter({ afterMs: HOUR_MS, limit: 100 })).toBe(1);
        expect(await readJob(store, id)).toEqual({ ...before, status: "dead_letter", revision: before.revision + 1 });
        expect(before).toMatchObject({ error: OUTCOMES.failed.error, publicError: OUTCOMES.failed.publicError });
        expect(await store.sweeps.deadLetter({ afterMs: HOUR_MS, limit: 100 })).toBe(0);
      },
    },
    {
      name: "jobs that failed later, and all that did not fail, are left alone",
      async run(world) {
        const { store } = world;
        for (const status of [
          "pending",
          "claimed",
          "running",
          "retry",
          "cancel_requested",
          "completed",
          "dead_letter",
          "cancelled",
        ] as const) {
          await jobIn(store, status);
        }
        const early = await jobIn(store, "failed");
        advance(world, HOUR_MS / 2);
        const late = await jobIn(store, "failed");
        advance(world, HOUR_MS / 2);
        const others = (await store.jobs.list({ limit: 100 })).filter(({ id }) => id !== early.id);
        expect(others).toHaveLength(9);
        expect(await store.sweeps.deadLetter({ afterMs: HOUR_MS, limit: 100 })).toBe(1);
        const after = (await store.jobs.list({ limit: 100 })).filter(({ id }) => id !== early.id);
        expect(after).toEqual(others);
        expect((await readJob(store, late.id)).status).toBe("failed");
      },
    },
    {
      name: "a discarded job stays failed for good, and holds up no sweep of the others",
      async run(world) {
        const { store } = world;
        const discarded = [];
        for (let n = 0; n < 3; n++) {
          const job = await jobIn(store, "running");
          await updateJob(store, job, { outcome: OUTCOMES.discarded });
          discarded.push(await readJob(store, job.id));
        }
        advance(world, HOUR_MS);
        const { id } = await jobIn(store, "failed");
        expect(await store.sweeps.deadLetter({ afterMs: 0, limit: 1 })).toBe(1);
        expect((await readJob(store, id)).status).toBe("dead_letter");
        expect(await store.sweeps.deadLetter({ afterMs: 0, limit: 100 })).toBe(0);
        for (const before of discarded) expect(await readJob(store, before.id)).toEqual(before);
      },
    },
    {
      name: "a job that a person retried is no longer swept",
      async run({ store }) {
        const { id } = await jobIn(store, "failed");
        await store.jobs.retry({ ids: [id] });
        expect(await store.sweeps.deadLetter({ afterMs: 0, limit: 100 })).toBe(0);
        expect((await readJob(store, id)).status).toBe("pending");
      },
    },
    {
      name: "no more than the limit are moved, and two sweeps at once move each job once",
      async run({ store, other }) {
        const made = [];
        for (let n = 0; n < 7; n++) made.push(await jobIn(store, "failed"));
        expect(await store.sweeps.deadLetter({ afterMs: 0, limit: 3 })).toBe(3);
        const moved = await Promise.all([store, other].map((one) => one.sweeps.deadLetter({ afterMs: 0, limit: 100 })));
        const rest = await store.sweeps.deadLetter({ afterMs: 0, limit: 100 });
        expect(moved[0]! + moved[1]! + rest).toBe(4);
        const revisions = new Set(
          (await store.jobs.list({ status: "dead_letter", limit: 100 })).map(({ revision }) => revision),
        );
        expect(revisions.size).toBe(1);
      },
    },
    {
      name: "window keys that have run out are deleted, up to the limit, and all others stay",
      async run(world) {
        const { store } = world;
        for (let n = 0; n < 5; n++)
          await insertJob(store, { keys: [keyClaim(`short ${n}`, { kind: "window", ms: HOUR_MS })] });
        const long = keyClaim("long", { kind: "window", ms: 2 * HOUR_MS });
        const unfinished = keyClaim("unfinished");
        const ever = keyClaim("ever", { kind: "job", afterCompletionMs: null });
        const holders = [await insertJob(store, { keys: [long] }), await insertJob(store, { keys: [unfinished] })];
        holders.push(await jobIn(store, "completed", { keys: [ever] }));
        expect(await store.sweeps.expiredKeys({ limit: 100 })).toBe(0);
        advance(world, HOUR_MS);
        expect(await store.sweeps.expiredKeys({ limit: 3 })).toBe(3);
        expect(await store.sweeps.expiredKeys({ limit: 100 })).toBe(2);
        expect(await store.sweeps.expiredKeys({ limit: 100 })).toBe(0);
        for (const [n, key] of [long, unfinished, ever].entries()) {
          expect(await insertKeyed(store, [key])).toEqual({ id: holders[n]!.id, created: false });
        }
      },
    },
  ],
};
