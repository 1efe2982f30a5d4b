import type { RateLimitRecord, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { newJob } from "./one-job.ts";
import { Random } from "./random.ts";
import type { Suite } from "./suite.ts";
import { advance } from "./world.ts";

const HOUR_MS = 3_600_000;
/** What passes on a busy machine while a case runs. */
const SLACK_MS = 10_000;

const hourly = (store: Store, tokens: number, burst: number = tokens): Promise<void> =>
  store.rateLimits.configure({ scope: "slack", tokens, periodMs: HOUR_MS, burst });

const jobs = (count: number): string[] => Array.from({ length: count }, () => newJob().id);

async function acquire(store: Store, jobIds: readonly string[] = jobs(1)): Promise<number[]> {
  return (await store.rateLimits.acquire({ scope: "slack", jobIds })) ?? [];
}

async function acquireOne(store: Store, jobId: string = newJob().id): Promise<number> {
  return (await acquire(store, [jobId]))[0] ?? Number.NaN;
}

const read = async (store: Store): Promise<RateLimitRecord | undefined> =>
  (await store.rateLimits.list({ scope: "slack" }))[0];

function expectAbout(ms: number, expected: number): void {
  expect(ms).toBeGreaterThan(expected - SLACK_MS);
  expect(ms).toBeLessThanOrEqual(expected);
}

/** Buckets of tokens that all processes share. */
export const rateLimitsSuite: Suite = {
  topic: "rate limits",
  cases: [
    {
      name: "a new bucket is full, and is listed with what can be had",
      async run({ store, other }) {
        expect(await store.rateLimits.list({})).toEqual([]);
        await hourly(store, 5, 3);
        await other.rateLimits.configure({ scope: "mail", tokens: 7, periodMs: 1_000, burst: 7 });
        const changed = { changedAt: expect.any(Number) as number, changedBy: null };
        expect(await other.rateLimits.list({})).toEqual([
          { scope: "mail", tokens: 7, periodMs: 1_000, burst: 7, available: 7, nextInMs: 0, ...changed },
          { scope: "slack", tokens: 5, periodMs: HOUR_MS, burst: 3, available: 3, nextInMs: 0, ...changed },
        ]);
        expect(await acquire(store, jobs(2))).toEqual([0, 0]);
        expect(await read(other)).toMatchObject({ available: 1, nextInMs: 0 });
        expect(await store.rateLimits.list({ scope: "Slack" })).toEqual([]);
      },
    },
    {
      name: "who configured a bucket is kept, and when; the same again is nobody's, and neither is what jobs do",
      async run(world) {
        const { store, other } = world;
        const act = async (by: string, tokens: number): Promise<RateLimitRecord | undefined> => {
          advance(world, 60_000);
          await store.rateLimits.configure({ scope: "slack", tokens, periodMs: HOUR_MS, burst: 3, by });
          await acquire(store);
          await store.rateLimits.drain({ scope: "slack", retryAfterMs: 1 });
          return read(other);
        };
        const made = await act("Ада", 5);
        expect(made).toMatchObject({ changedBy: "Ада", changedAt: expect.any(Number) as number });
        expect(await act("bob", 5)).toMatchObject({ changedBy: "Ада", changedAt: made!.changedAt });
        const changed = await act("bob", 6);
        expect(changed).toMatchObject({ changedBy: "bob" });
        expect(changed!.changedAt).toBeGreaterThanOrEqual(made!.changedAt + 120_000);
        await hourly(store, 7, 3);
        expect(await read(store)).toMatchObject({ changedBy: null });
      },
    },
    {
      name: "a scope that is not configured gives null, and cannot be drained",
      async run({ store }) {
        expect(await store.rateLimits.acquire({ scope: "slack", jobIds: jobs(1) })).toBeNull();
        expect(await store.rateLimits.drain({ scope: "slack", retryAfterMs: 1 })).toBe(false);
        expect(await store.rateLimits.list({})).toEqual([]);
      },
    },
    {
      name: "the burst is given at once, and then a token every share of the period, each to one job",
      async run({ store }) {
        await hourly(store, 60, 2);
        const waits = await acquire(store, jobs(5));
        expect(waits.slice(0, 2)).toEqual([0, 0]);
        for (const [n, wait] of waits.slice(2).entries()) expectAbout(wait, (n + 1) * 60_000);
        expectAbout((await read(store))?.nextInMs ?? 0, 4 * 60_000);
      },
    },
    {
      name: "a job that was refused finds its place again, takes it once when it is there, and then queues anew",
      async run(world) {
        const { store, other } = world;
        await hourly(store, 60, 1);
        const [first, second, third] = jobs(3);
        expect(await acquireOne(store, first)).toBe(0);
        expectAbout(await acquireOne(store, second), 60_000);
        expectAbout(await acquireOne(store, third), 120_000);
        expectAbout(await acquireOne(other, second), 60_000);
        expectAbout(await acquireOne(other, third), 120_000);
        advance(world, 60_000);
        expect(await acquireOne(other, second)).toBe(0);
        expectAbout(await acquireOne(other, second), 120_000);
        expectAbout(await acquireOne(store, third), 60_000);
        advance(world, 180_000);
        expect(await acquireOne(store, third)).toBe(0);
        expectAbout(await acquireOne(store, second), 60_000);
      },
    },
    {
      name: "two processes never both get the last token, and together get no more than there are",
      async run({ store, other }) {
        await hourly(store, 50);
        const waits = await Promise.all(
          Array.from({ length: 100 }, (_, n) => acquire(n % 2 === 0 ? store : other, jobs(1 + (n % 2)))),
        );
        expect(waits.flat().filter((wait) => wait === 0)).toHaveLength(50);
        const places = waits.flat().filter((wait) => wait > 0);
        expect(places).toHaveLength(100);
        expect(new Set(places.map((wait) => Math.ceil(wait / (HOUR_MS / 50)))).size).toBeGreaterThan(98);
      },
    },
    {
      name: "over random pauses no stretch gives more than the burst and what flowed in (seed 5)",
      async run(world) {
        const { store, other } = world;
        await hourly(store, 60, 4);
        const random = new Random(5);
        const began = performance.now() - world.clock.offsetMs;
        const given: number[] = [];
        const waiting = new Set<string>();
        for (let step = 0; step < 60; step++) {
          for (const id of jobs(Math.floor(random.next() * 4))) waiting.add(id);
          const ids = [...waiting].slice(0, 20);
          const waits = ids.length === 0 ? [] : await acquire(step % 2 === 0 ? store : other, ids);
          const now = performance.now() - began + world.clock.offsetMs;
          for (const [n, id] of ids.entries()) {
            if (waits[n] !== 0) continue;
            given.push(now);
            waiting.delete(id);
          }
          advance(world, Math.floor(random.next() * 200_000));
        }
        expect(given.length).toBeGreaterThan(50);
        for (const [from, start] of given.entries()) {
          for (let to = from; to < given.length; to++) {
            const flowedIn = (given[to]! - start + SLACK_MS) / 60_000;
            expect(to - from + 1).toBeLessThanOrEqual(4 + flowedIn);
          }
        }
      },
    },
    {
      name: "those who come late to their turn, all together, still get no more than the burst, and the rest at its pace",
      async run(world) {
        const { store } = world;
        await hourly(store, 60, 2);
        const late = jobs(10);
        await acquire(store, jobs(2));
        await acquire(store, late);
        advance(world, HOUR_MS);
        const waits = await acquire(store, late);
        expect(waits.filter((wait) => wait === 0)).toHaveLength(2);
        for (const [n, wait] of waits.slice(2).entries()) expectAbout(wait, (n + 1) * 60_000);
        expectAbout(await acquireOne(store, late[9]), 8 * 60_000);
        advance(world, 8 * 60_000);
        expect(await acquire(store, late.slice(2))).toEqual(Array.from({ length: 8 }, () => 0));
      },
    },
    {
      name: "a drained bucket gives one token after the pause and then goes on at its pace; places reserved before are void",
      async run(world) {
        const { store, other } = world;
        await hourly(store, 60, 5);
        const before = jobs(7);
        expect((await acquire(store, before)).filter((wait) => wait === 0)).toHaveLength(5);
        expect(await other.rateLimits.drain({ scope: "slack", retryAfterMs: 600_000 })).toBe(true);
        expect(await read(store)).toMatchObject({ available: 0 });
        expectAbout((await read(store))?.nextInMs ?? 0, 600_000);
        const waits = await acquire(store, before.slice(5));
        expectAbout(waits[0]!, 600_000);
        expectAbout(waits[1]!, 660_000);
        advance(world, 600_000);
        expect(await acquireOne(store, before[5])).toBe(0);
        expectAbout(await acquireOne(store), 120_000);
      },
    },
    {
      name: "a drain that asks for less than the wait that there is anyway makes nothing sooner",
      async run({ store }) {
        await hourly(store, 60, 1);
        const line = jobs(10);
        await acquire(store, line);
        await store.rateLimits.drain({ scope: "slack", retryAfterMs: 1_000 });
        expectAbout(await acquireOne(store, line[9]), 540_000);
        expectAbout(await acquireOne(store), 600_000);
      },
    },
    {
      name: "the same configuration again changes nothing, whoever says it",
      async run({ store, other }) {
        await hourly(store, 60, 2);
        const [, , waiting] = jobs(3);
        await acquire(store, jobs(2));
        await acquireOne(store, waiting);
        await Promise.all([hourly(store, 60, 2), hourly(other, 60, 2)]);
        expectAbout(await acquireOne(other, waiting), 60_000);
        expectAbout(await acquireOne(other), 120_000);
      },
    },
    {
      name: "a change keeps what was spent, at most a bucket of it, and lets those who wait ask anew",
      async run({ store, other }) {
        await hourly(store, 60, 2);
        const [early, ...late] = jobs(12);
        await acquire(store, [...late, early!]);
        expect(await acquireOne(store, early)).toBeGreaterThan(8 * 60_000);
        await hourly(other, 3_600, 10);
        expect(await read(store)).toMatchObject({ tokens: 3_600, burst: 10, available: 8 });
        expect(await acquireOne(store, early)).toBe(0);
        await hourly(store, 6, 1);
        expectAbout(await acquireOne(store), 600_000);
      },
    },
    {
      name: "a bucket that only lost a few tokens has the rest after a change",
      async run({ store }) {
        await hourly(store, 10);
        await acquire(store, jobs(3));
        await hourly(store, 20, 20);
        expect(await read(store)).toMatchObject({ available: 17 });
      },
    },
    {
      name: "a thousand tokens a second come out even",
      async run(world) {
        const { store } = world;
        await store.rateLimits.configure({ scope: "slack", tokens: 3_000, periodMs: 1_000, burst: 1 });
        const waits = await acquire(store, jobs(900));
        expect(waits.at(-1)).toBeLessThanOrEqual(300);
        advance(world, SLACK_MS);
        expect(await read(store)).toMatchObject({ available: 1 });
      },
    },
    {
      name: "places that nobody took for a day are swept, others stay",
      async run(world) {
        const { store } = world;
        await hourly(store, 1);
        const [, gone, kept] = jobs(3);
        await acquire(store, [newJob().id, gone!]);
        advance(world, 25 * HOUR_MS - SLACK_MS);
        expect(await store.sweeps.ratePlaces({ limit: 10 })).toBe(0);
        expect(await acquireOne(store)).toBe(0);
        await acquireOne(store, kept);
        advance(world, 2 * SLACK_MS);
        expect(await store.sweeps.ratePlaces({ limit: 10 })).toBe(1);
        expect(await acquireOne(store, kept)).toBeGreaterThan(0);
        expect(await store.sweeps.ratePlaces({ limit: 10 })).toBe(0);
      },
    },
  ],
};
