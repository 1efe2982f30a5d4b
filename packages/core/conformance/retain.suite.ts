import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { EndedStatus, KeyHold, NewJob, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES, type PlacedJob } from "./job-in.ts";
import { claimJob, insertJob, insertKeyed, keyClaim, newJob, readJob, retryJob, updateJob } from "./one-job.ts";
import type { Case, Suite } from "./suite.ts";
import { advance } from "./world.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BEHIND_ALL = "ffffffff-ffff-ffff-ffff-ffffffffffff";

const ENDED: readonly EndedStatus[] = ["completed", "failed", "dead_letter", "cancelled"];

/** Deletes what ended a day ago, in all statuses, as far as one step goes; answers how many it deleted. */
async function sweep(store: Store, status: readonly EndedStatus[] = ENDED): Promise<number> {
  let deleted = 0;
  for (const one of status) {
    const step = await store.sweeps.retain({ status: one, olderThanMs: DAY_MS, upTo: BEHIND_ALL, limit: 1_000 });
    deleted += step.deleted;
  }
  return deleted;
}

async function exists(store: Store, { id }: { id: string }): Promise<boolean> {
  return (await store.jobs.get({ ids: [id] })).length === 1;
}

/** A job that was dispatched with times of its own. */
const withOwn = (keep: object): Partial<NewJob> => ({ overrides: JSON.stringify({ keep }) });

/** A job that its run ended so. */
async function ended(
  store: Store,
  kind: "completed" | "failed" | "dead_letter" | "discarded",
  job: Partial<NewJob>,
): Promise<PlacedJob> {
  const placed = await jobIn(store, "running", job);
  await updateJob(store, placed, { outcome: OUTCOMES[kind] });
  return placed;
}

const deletedInTime = (status: EndedStatus): Case => ({
  name: `a job that is ${status} is deleted with its history and its lines once it is old enough, and no sooner`,
  async run(world) {
    const { store, rows } = world;
    const old = await jobIn(store, status);
    const line = { level: "info", attempt: 1, message: "hello", fields: null, agoMs: 0 } as const;
    advance(world, 60_000);
    const young = await jobIn(store, status);
    await store.logs.write({ lines: [old, young].map(({ id }) => ({ ...line, jobId: id })) });
    advance(world, DAY_MS - 60_000);
    expect(await sweep(store)).toBe(1);
    expect(await exists(store, old)).toBe(false);
    expect(await exists(store, young)).toBe(true);
    expect(await store.history.read({ jobIds: [old.id] })).toEqual([]);
    expect(await rows("SELECT job_id FROM forge_logs")).toEqual([{ job_id: young.id }]);
    expect(await rows(`SELECT id FROM forge_jobs WHERE id = '${old.id}'`)).toEqual([]);
  },
});

const ownTime = (
  name: string,
  field: "endedMs" | "failedMs",
  end: (store: Store, job: Partial<NewJob>) => Promise<PlacedJob>,
): Case => ({
  name: `${name} with a time of its own is deleted by that, and by no other`,
  async run(world) {
    const { store } = world;
    const short = await end(store, withOwn({ [field]: HOUR_MS }));
    const long = await end(store, withOwn({ [field]: 30 * DAY_MS }));
    const ever = await end(store, withOwn({ [field]: -1 }));
    const other = await end(store, withOwn({ [field === "endedMs" ? "failedMs" : "endedMs"]: HOUR_MS }));
    const line = { level: "info", attempt: 1, message: "hello", fields: null, agoMs: 0 } as const;
    await store.logs.write({ lines: [short, long].map(({ id }) => ({ ...line, jobId: id })) });
    advance(world, HOUR_MS - 1_000);
    expect(await store.sweeps.expired({ limit: 10 })).toBe(0);
    advance(world, 2_000);
    expect(await store.sweeps.expired({ limit: 10 })).toBe(1);
    expect(await exists(store, short)).toBe(false);
    expect(await store.logs.read({ jobIds: [short.id, long.id] })).toMatchObject([{ jobId: long.id }]);
    advance(world, 2 * DAY_MS);
    expect(await sweep(store)).toBe(1);
    expect(await exists(store, other)).toBe(false);
    expect(await exists(store, long)).toBe(true);
    advance(world, 30 * DAY_MS);
    expect(await store.sweeps.expired({ limit: 10 })).toBe(1);
    expect(await exists(store, long)).toBe(false);
    advance(world, 10_000 * DAY_MS);
    expect(await store.sweeps.expired({ limit: 10 })).toBe(0);
    expect(await exists(store, ever)).toBe(true);
  },
});

const threeDays: KeyHold = { kind: "job", afterCompletionMs: 3 * DAY_MS };
const forEver: KeyHold = { kind: "job", afterCompletionMs: null };

/** Rows of ended jobs are deleted once they are old enough, by one process for all. */
export const retainSuite: Suite = {
  topic: "retain",
  cases: [
    ...ENDED.map(deletedInTime),
    {
      name: "jobs that have not ended are never deleted, however old",
      async run(world) {
        const { store } = world;
        const statuses: StoredJobStatus[] = ["pending", "claimed", "running", "retry", "cancel_requested"];
        for (const status of statuses) await jobIn(store, status);
        advance(world, 1_000 * DAY_MS);
        expect(await sweep(store)).toBe(0);
        expect(await store.jobs.list({ limit: 10 })).toHaveLength(statuses.length);
      },
    },
    {
      name: "the age counts from the end, not from the dispatch",
      async run(world) {
        const { store } = world;
        const late = await jobIn(store, "running");
        advance(world, 10 * DAY_MS);
        await updateJob(store, late, { outcome: OUTCOMES.completed });
        expect(await sweep(store)).toBe(0);
        advance(world, DAY_MS);
        expect(await sweep(store)).toBe(1);
      },
    },
    {
      name: "nothing is deleted after the clock was set back",
      async run(world) {
        const { store } = world;
        advance(world, 10 * DAY_MS);
        for (const status of ENDED) await jobIn(store, status);
        world.clock.offsetMs -= 20 * DAY_MS;
        expect(await sweep(store)).toBe(0);
        expect(await store.sweeps.expired({ limit: 10 })).toBe(0);
      },
    },
    {
      name: "a job that was retried is deleted by its next end",
      async run(world) {
        const { store } = world;
        const job = await jobIn(store, "failed");
        advance(world, DAY_MS);
        await retryJob(store, job.id);
        await updateJob(store, await claimJob(store, job), { outcome: OUTCOMES.failed });
        expect(await sweep(store)).toBe(0);
        advance(world, DAY_MS);
        expect(await sweep(store)).toBe(1);
      },
    },
    {
      name: "a walk looks at every row once, a bounded number at a time, and stops at the id it was told",
      async run(world) {
        const { store } = world;
        const jobs: PlacedJob[] = [];
        for (let n = 0; n < 7; n++) jobs.push(await jobIn(store, "completed"));
        advance(world, DAY_MS);
        const step = { status: "completed", olderThanMs: DAY_MS, upTo: jobs[5]!.id, limit: 2 } as const;
        const first = await store.sweeps.retain(step);
        expect(first).toEqual({ deleted: 2, reached: jobs[1]!.id });
        const second = await store.sweeps.retain({ ...step, after: jobs[2]!.id, limit: 3 });
        expect(second).toEqual({ deleted: 3, reached: jobs[5]!.id });
        expect(await store.sweeps.retain({ ...step, after: jobs[5]!.id })).toEqual({ deleted: 0, reached: null });
        expect(await exists(store, jobs[2]!)).toBe(true);
        expect(await exists(store, jobs[6]!)).toBe(true);
      },
    },
    {
      name: "two sweeps at once delete each row once",
      async run(world) {
        const { store, other } = world;
        for (let n = 0; n < 30; n++) await jobIn(store, "completed");
        advance(world, DAY_MS);
        const deleted = await Promise.all([sweep(store), sweep(other)]);
        expect(deleted[0] + deleted[1] + (await sweep(store))).toBe(30);
        expect(await store.jobs.list({ limit: 10 })).toEqual([]);
      },
    },
    ownTime("a completed job", "endedMs", (store, job) => ended(store, "completed", job)),
    ownTime("a failed job", "failedMs", (store, job) => ended(store, "failed", job)),
    ownTime("a dead job", "failedMs", (store, job) => ended(store, "dead_letter", job)),
    ownTime("a discarded job", "failedMs", (store, job) => ended(store, "discarded", job)),
    ownTime("a cancelled job", "endedMs", (store, job) => jobIn(store, "cancelled", job)),
    {
      name: "overrides that say nothing of times change nothing",
      async run(world) {
        const { store } = world;
        await ended(store, "completed", { overrides: '{"timeoutMs":5}' });
        await ended(store, "failed", { overrides: "{}" });
        advance(world, DAY_MS);
        expect(await store.sweeps.expired({ limit: 10 })).toBe(0);
        expect(await store.sweeps.deadLetter({ afterMs: HOUR_MS, limit: 10 })).toBe(1);
        expect(await sweep(store)).toBe(2);
      },
    },
    {
      name: "a job with a delay of its own becomes dead_letter by that; one with none stays failed for good",
      async run(world) {
        const { store } = world;
        const slow = await ended(store, "failed", withOwn({ deadMs: 5 * HOUR_MS }));
        const never = await ended(store, "failed", withOwn({ deadMs: -1 }));
        const quick = await ended(store, "failed", withOwn({ deadMs: 60_000 }));
        advance(world, 61_000);
        expect(await store.sweeps.deadLetter({ afterMs: HOUR_MS, limit: 10 })).toBe(1);
        expect((await readJob(store, quick.id)).status).toBe("dead_letter");
        advance(world, 2 * HOUR_MS);
        expect(await store.sweeps.deadLetter({ afterMs: HOUR_MS, limit: 10 })).toBe(0);
        advance(world, 3 * HOUR_MS);
        expect(await store.sweeps.deadLetter({ afterMs: HOUR_MS, limit: 10 })).toBe(1);
        expect((await readJob(store, slow.id)).status).toBe("dead_letter");
        advance(world, 1_000 * DAY_MS);
        expect(await store.sweeps.deadLetter({ afterMs: HOUR_MS, limit: 10 })).toBe(0);
        expect((await readJob(store, never.id)).status).toBe("failed");
      },
    },
    {
      name: "no more than the limit become dead_letter, of both kinds together",
      async run(world) {
        const { store } = world;
        for (let n = 0; n < 3; n++) {
          await ended(store, "failed", {});
          await ended(store, "failed", withOwn({ deadMs: HOUR_MS }));
        }
        advance(world, 2 * HOUR_MS);
        const moved: number[] = [];
        for (let round = 0; round < 4; round++) {
          moved.push(await store.sweeps.deadLetter({ afterMs: HOUR_MS, limit: 2 }));
        }
        expect(moved).toEqual([2, 2, 2, 0]);
      },
    },
    {
      name: "its own times stay with a job that a person retried",
      async run(world) {
        const { store } = world;
        const job = await ended(store, "failed", withOwn({ deadMs: -1, failedMs: HOUR_MS }));
        await retryJob(store, job.id);
        await updateJob(store, await claimJob(store, job), { outcome: OUTCOMES.failed });
        advance(world, HOUR_MS);
        expect(await store.sweeps.deadLetter({ afterMs: 0, limit: 10 })).toBe(0);
        expect(await store.sweeps.expired({ limit: 10 })).toBe(1);
      },
    },
    {
      name: "keys that a deleted job still holds are held on, and the others are gone with it",
      async run(world) {
        const { store, rows } = world;
        const longer = await ended(store, "completed", { keys: [keyClaim("longer", threeDays)] });
        const ever = await ended(store, "completed", { keys: [keyClaim("ever", forEver)] });
        await ended(store, "completed", { keys: [keyClaim("free")] });
        await ended(store, "failed", { keys: [keyClaim("failed", forEver)] });
        advance(world, DAY_MS);
        expect(await sweep(store)).toBe(4);
        expect((await rows("SELECT key FROM forge_keys ORDER BY key")).map(({ key }) => key)).toEqual([
          "ever",
          "longer",
        ]);
        expect(await insertKeyed(store, [keyClaim("longer", threeDays)])).toEqual({ id: longer.id, created: false });
        advance(world, 2 * DAY_MS);
        expect((await insertKeyed(store, [keyClaim("longer", threeDays)])).created).toBe(true);
        expect(await insertKeyed(store, [keyClaim("ever", forEver)])).toEqual({ id: ever.id, created: false });
        expect((await insertKeyed(store, [keyClaim("failed", forEver)])).created).toBe(true);
      },
    },
    {
      name: "a job whose key somebody has locked is passed over, and deleted later",
      needs: ["concurrentWriters"],
      async run(world) {
        const { store, begin } = world;
        const held = await ended(store, "completed", { keys: [keyClaim("held", threeDays)] });
        await ended(store, "completed", withOwn({ endedMs: HOUR_MS }));
        const own = await ended(store, "completed", {
          ...withOwn({ endedMs: HOUR_MS }),
          keys: [keyClaim("own", threeDays)],
        });
        advance(world, DAY_MS);
        const transaction = await begin();
        const jobs = [{ ...held, keys: [keyClaim("held", threeDays)] }];
        expect(await store.jobs.insert({ jobs, tx: transaction.tx })).toEqual([{ id: held.id, created: false }]);
        expect(await sweep(store)).toBe(0);
        expect(await store.sweeps.expired({ limit: 10 })).toBe(2);
        expect(await exists(store, own)).toBe(false);
        await transaction.commit();
        expect(await sweep(store)).toBe(1);
        expect(await insertKeyed(store, [keyClaim("held", threeDays)])).toEqual({ id: held.id, created: false });
      },
    },
    {
      name: "what a live parent may still read is spared, until that has ended",
      async run(world) {
        const { store } = world;
        const parent = await jobIn(store, "running");
        const [child, own] = [newJob(), newJob(withOwn({ endedMs: HOUR_MS }))];
        await store.children.dispatch({ calls: [child, own].map((job) => ({ parent, key: job.id, job })) });
        for (const job of [child, own]) {
          await updateJob(store, await claimJob(store, job), { outcome: OUTCOMES.completed });
        }
        advance(world, DAY_MS);
        expect(await sweep(store)).toBe(0);
        await store.sweeps.expired({ limit: 10 });
        expect(await exists(store, own)).toBe(true);
        await updateJob(store, parent, { outcome: OUTCOMES.completed });
        expect(await sweep(store)).toBe(1);
        expect(await exists(store, child)).toBe(false);
        expect(await store.sweeps.expired({ limit: 10 })).toBe(0);
        advance(world, HOUR_MS);
        expect(await store.sweeps.expired({ limit: 10 })).toBe(1);
        expect(await exists(store, own)).toBe(false);
      },
    },
    {
      name: "what stands in for a child by its key is spared as the child would be, until the last such parent has ended",
      async run(world) {
        const { store } = world;
        const holders = [
          await ended(store, "completed", { keys: [keyClaim("a", forEver)] }),
          await ended(store, "completed", { keys: [keyClaim("b", forEver)], ...withOwn({ endedMs: HOUR_MS }) }),
        ];
        const other = await ended(store, "completed", { keys: [keyClaim("c", forEver)] });
        const parents = [await jobIn(store, "running", { maxAttempts: 3 }), await jobIn(store, "running")];
        for (const parent of parents) {
          for (const [n, { id, type }] of holders.entries()) {
            const job = newJob({ type, keys: [keyClaim(["a", "b"][n]!, forEver)] });
            const [found] = await store.children.dispatch({ calls: [{ parent, key: `k${n}`, job }] });
            expect(found).toEqual({ kind: "found", id });
          }
        }
        advance(world, DAY_MS);
        expect(await sweep(store)).toBe(1);
        expect(await exists(store, other)).toBe(false);
        await store.sweeps.expired({ limit: 10 });
        await updateJob(store, parents[1]!, { outcome: OUTCOMES.completed });
        await updateJob(store, parents[0]!, { outcome: OUTCOMES.retry });
        advance(world, DAY_MS);
        expect(await sweep(store, ["completed"])).toBe(1);
        await store.sweeps.expired({ limit: 10 });
        for (const holder of holders) expect(await exists(store, holder)).toBe(true);
        await updateJob(store, await claimJob(store, parents[0]!), { outcome: OUTCOMES.completed });
        expect(await sweep(store)).toBe(1);
        advance(world, HOUR_MS);
        expect(await store.sweeps.expired({ limit: 10 })).toBe(1);
        for (const holder of holders) expect(await exists(store, holder)).toBe(false);
      },
    },
    {
      name: "entries that say who deleted a job are deleted once they are old enough",
      async run(world) {
        const { store } = world;
        const [a, b] = [await jobIn(store, "failed"), await jobIn(store, "failed")];
        await store.ended.delete({ ids: [a.id], by: "ada" });
        advance(world, HOUR_MS);
        await store.ended.delete({ ids: [b.id], by: "ada" });
        advance(world, DAY_MS - HOUR_MS);
        expect(await store.sweeps.deletionNotes({ olderThanMs: DAY_MS, limit: 10 })).toBe(1);
        expect(await store.history.read({ jobIds: [a.id, b.id] })).toMatchObject([{ jobId: b.id, event: "delete" }]);
      },
    },
    {
      name: "one process leads, until it resigns or has been silent for its lease",
      async run(world) {
        const lead = async (store: Store, holder: string): Promise<boolean> =>
          (await store.sweeps.lead({ name: "sweeps", holder, leaseMs: HOUR_MS })).leads;
        const { store, other } = world;
        const answers = await Promise.all([lead(store, "a"), lead(other, "b"), lead(store, "c"), lead(other, "d")]);
        expect(answers.filter(Boolean)).toHaveLength(1);
        const leader = ["a", "b", "c", "d"][answers.indexOf(true)]!;
        advance(world, HOUR_MS - 1_000);
        expect(await lead(store, "e")).toBe(false);
        expect(await lead(other, leader)).toBe(true);
        advance(world, HOUR_MS - 1_000);
        expect(await lead(store, "e")).toBe(false);
        advance(world, 2_000);
        expect(await lead(store, "e")).toBe(true);
        expect(await lead(store, leader)).toBe(false);
        await other.sweeps.resign({ name: "sweeps", holder: leader });
        expect(await lead(store, leader)).toBe(false);
        await other.sweeps.resign({ name: "sweeps", holder: "e" });
        expect(await lead(store, leader)).toBe(true);
        expect(await store.sweeps.lead({ name: "else", holder: "x", leaseMs: HOUR_MS })).toMatchObject({ leads: true });
      },
    },
    {
      name: "a lease that was taken before the clock went back does not last for ever",
      needs: ["multiHost"],
      async run(world) {
        const { store } = world;
        advance(world, 1_000 * DAY_MS);
        await store.sweeps.lead({ name: "sweeps", holder: "a", leaseMs: HOUR_MS });
        world.clock.offsetMs -= 1_000 * DAY_MS;
        expect(await store.sweeps.lead({ name: "sweeps", holder: "b", leaseMs: HOUR_MS })).toMatchObject({
          leads: true,
        });
      },
    },
    {
      name: "the lease tells the store's time",
      async run(world) {
        const { store } = world;
        const { id } = await insertJob(store);
        const { createdAt } = await readJob(store, id);
        advance(world, DAY_MS);
        const { nowMs } = await store.sweeps.lead({ name: "sweeps", holder: "a", leaseMs: HOUR_MS });
        expect(nowMs - createdAt).toBeGreaterThanOrEqual(DAY_MS);
        expect(nowMs - createdAt).toBeLessThan(DAY_MS + HOUR_MS);
      },
    },
  ],
};
