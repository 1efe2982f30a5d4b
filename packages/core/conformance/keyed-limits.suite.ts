import type { ClaimedJob, KeyedType, NewJob, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { OUTCOME_KINDS, OUTCOMES } from "./job-in.ts";
import {
  cancelJob,
  claimJobs,
  insertJob,
  keyClaim,
  newJob,
  readJob,
  retryJob,
  runUpdate,
  updateJob,
} from "./one-job.ts";
import { heldRows, registerWorker, rescueWorker } from "./one-worker.ts";
import { Random } from "./random.ts";
import { Recorder } from "./recorder.ts";
import type { Case, Suite } from "./suite.ts";
import { advance, type World } from "./world.ts";

const MINUTE_MS = 60_000;
const T: KeyedType = { type: "t", perKey: 1 };

interface Taking {
  readonly workerId?: string;
  readonly keyed?: readonly KeyedType[];
  readonly types?: readonly string[];
  readonly limit?: number;
  readonly global?: boolean;
  readonly oldestFirst?: boolean;
}

async function take(store: Store, { workerId, keyed = [T], ...taking }: Taking = {}): Promise<ClaimedJob[]> {
  const { limit = 100, global = false, oldestFirst = false } = taking;
  const types = taking.types ?? keyed.map(({ type }) => type);
  const worker = workerId ?? (await registerWorker(store));
  const limits = { global, keyed };
  return store.jobs.claim({ workerId: worker, queue: "default", types, limit, oldestFirst, limits });
}

/** Inserts jobs with these keys, in their order; each one's input tells it. */
async function insert(store: Store, keys: readonly string[], job: Partial<NewJob> = {}): Promise<NewJob[]> {
  const jobs = keys.map((limitKey, n) =>
    newJob({ type: "t", limitKey, input: JSON.stringify(`${limitKey}${n}`), due: { atMs: 1_000 + n }, ...job }),
  );
  await store.jobs.insert({ jobs });
  return jobs;
}

const names = (jobs: readonly ClaimedJob[]): string[] => jobs.map(({ input }) => JSON.parse(input) as string);

const nextDue = (store: Store, keyed: readonly KeyedType[] = [T]) =>
  store.jobs.nextDue({
    queue: "default",
    types: keyed.map(({ type }) => type),
    limits: { global: false, keyed },
  });

const releases = (): Case[] =>
  (["cancelled while claimed", "rescued", "waiting for children", ...OUTCOME_KINDS] as const).map((how) => ({
    name: `a job that is ${how} makes room for the next of its key, and tells so`,
    async run({ store, other }) {
      await insert(store, ["a", "a"]);
      const workerId = await registerWorker(store);
      const [run] = await take(store, { workerId });
      expect(await take(other)).toEqual([]);
      const heard = new Recorder(store);
      if (how === "cancelled while claimed") await cancelJob(store, run!.id);
      else if (how === "rescued") expect(await rescueWorker(store, workerId)).toEqual([run!.id]);
      else if (how === "waiting for children") {
        await updateJob(store, run!, { started: true });
        await store.children.setWaiting({ runs: [{ ...run!, isWaiting: true, frees: "default" }] });
      } else await updateJob(store, run!, { started: true, outcome: OUTCOMES[how], frees: "default" });
      await heard.until("room", () => heard.hasAvailable("default"));
      heard.unsubscribe();
      expect(await take(other)).toHaveLength(1);
      expect(await take(store)).toEqual([]);
    },
  }));

/** Brings a job with a key back on every way that there is; it waits for its key again. */
const comebacks = (): Case[] => {
  const ways: Record<string, (world: World, run: ClaimedJob, workerId: string) => Promise<unknown>> = {
    retried: ({ store }, run) => updateJob(store, run, { started: true, outcome: OUTCOMES.retry }),
    "given back": ({ store }, run) => updateJob(store, run, { outcome: OUTCOMES.given_back }),
    rescued: ({ store }, _run, workerId) => rescueWorker(store, workerId),
    "failed and retried by a person": async ({ store }, run) => {
      await updateJob(store, run, { started: true, outcome: OUTCOMES.failed });
      expect(await retryJob(store, run.id)).toBe("retried");
    },
    "cancelled and retried by a person": async ({ store }, run) => {
      await cancelJob(store, run.id);
      expect(await retryJob(store, run.id)).toBe("retried");
    },
  };
  return Object.entries(ways).map(([way, bring]) => ({
    name: `a job that is ${way} keeps its key, and waits for it`,
    async run(world) {
      const { store } = world;
      await insert(store, ["a", "a"]);
      const workerId = await registerWorker(store);
      const [run] = await take(store, { workerId });
      await bring(world, run!, workerId);
      const [second] = await take(store);
      expect(second?.id).not.toBe(run!.id);
      expect(await take(store)).toEqual([]);
      expect(await claimJobs(store, { types: ["t"] })).toEqual([]);
      await updateJob(store, second!, { started: true, outcome: OUTCOMES.completed });
      expect((await take(store)).map(({ id }) => id)).toEqual([run!.id]);
    },
  }));
};

/** Jobs of which only so many with the same key run at once. */
export const keyedLimitsSuite: Suite = {
  topic: "keyed limits",
  cases: [
    {
      name: "of one key as many are held as its type allows, whoever holds them, and of every key",
      async run({ store, other }) {
        await insert(store, ["a", "a", "a", "b", "c", "c"]);
        const two = { ...T, perKey: 2 };
        expect(names(await take(store, { keyed: [two], limit: 3 }))).toEqual(["a0", "a1", "b3"]);
        expect(names(await take(other, { keyed: [two] }))).toEqual(["c4", "c5"]);
        expect(await take(store, { keyed: [two] })).toEqual([]);
        expect(names(await take(other, { keyed: [{ ...T, perKey: 3 }] }))).toEqual(["a2"]);
        expect(await take(store, { keyed: [{ ...T, perKey: 1 }] })).toEqual([]);
      },
    },
    {
      name: "a job is as any other to read, and says when it is claimed that a limit counts it",
      async run({ store }) {
        const [job] = await insert(store, ["a"], { owner: "ada", priority: "high", overrides: '{"timeoutMs":1}' });
        expect(await readJob(store, job!.id)).toMatchObject({ status: "pending", owner: "ada", attempts: 0 });
        const [run] = await take(store);
        const { id, input, overrides } = job!;
        const told = { id, input, overrides, owner: "ada", priority: "high", attempt: 1, claimNo: 1, isLimited: true };
        expect(run).toMatchObject(told);
        expect(await readJob(store, id)).toMatchObject({ status: "claimed", attempts: 1, revision: 2 });
      },
    },
    {
      name: "claims that name no keys do not take them, and those that do take jobs of their type without a key",
      async run({ store }) {
        await insert(store, ["a"]);
        const plain = await insertJob(store, { type: "t" });
        expect((await claimJobs(store, { types: ["t"] })).map(({ id }) => id)).toEqual([plain.id]);
        expect(await claimJobs(store, { types: ["t"], oldestFirst: true })).toEqual([]);
        await insertJob(store, { type: "t" });
        expect(await take(store)).toHaveLength(2);
      },
    },
    {
      name: "keys take turns from claim to claim, however many jobs one of them has",
      async run({ store }) {
        await insert(store, [...Array.from({ length: 6 }, () => "a"), "b", "b", "c"]);
        const seen: string[] = [];
        for (let round = 0; round < 9; round++) {
          const [run] = await take(store, { limit: 1 });
          seen.push(names([run!])[0]!.slice(0, 1));
          await updateJob(store, run!, { started: true, outcome: OUTCOMES.completed });
        }
        expect(seen).toEqual(["a", "b", "c", "a", "b", "a", "a", "a", "a"]);
      },
    },
    {
      name: "within a key the more urgent come first, and the longest due of the same urgency",
      async run({ store }) {
        await insert(store, ["a", "a"], { due: { delayMs: 0 } });
        await insert(store, ["a"], { priority: "critical", input: '"urgent"' });
        await insert(store, ["a"], { input: '"old"', due: { atMs: 0 } });
        await insert(store, ["a"], { priority: "low", input: '"low"', due: { atMs: 0 } });
        const order: string[] = [];
        for (let round = 0; round < 5; round++) {
          const [run] = await take(store);
          order.push(...names([run!]));
          await updateJob(store, run!, { started: true, outcome: OUTCOMES.completed });
        }
        expect(order).toEqual(["urgent", "old", "a0", "a1", "low"]);
      },
    },
    {
      name: "a job with a later time waits for it, and then for its key",
      async run(world) {
        const { store } = world;
        const [later] = await insert(store, ["a"], { due: { delayMs: MINUTE_MS } });
        const [now] = await insert(store, ["a"]);
        const [run] = await take(store);
        expect(run?.id).toBe(now!.id);
        expect(await take(store)).toEqual([]);
        advance(world, MINUTE_MS);
        expect(await take(store)).toEqual([]);
        await updateJob(store, run!, { started: true, outcome: OUTCOMES.completed });
        expect((await take(store)).map(({ id }) => id)).toEqual([later!.id]);
      },
    },
    ...releases(),
    ...comebacks(),
    {
      name: "an idle worker is told when the next job of a key with room is due, and nothing of those without",
      async run(world) {
        const { store } = world;
        expect(await nextDue(store)).toBeNull();
        await insert(store, ["b"], { due: { delayMs: 5 * MINUTE_MS } });
        const due = (await nextDue(store)) ?? 0;
        expect(due).toBeGreaterThan(4 * MINUTE_MS);
        expect(due).toBeLessThanOrEqual(5 * MINUTE_MS);
        await insert(store, ["a", "a"]);
        expect(await nextDue(store)).toBe(0);
        const [run] = await take(store);
        expect(await nextDue(store)).toBeGreaterThan(4 * MINUTE_MS);
        await updateJob(store, run!, { started: true, outcome: OUTCOMES.completed });
        expect(await nextDue(store)).toBe(0);
        await take(store);
        advance(world, 5 * MINUTE_MS);
        expect(await nextDue(store)).toBe(0);
      },
    },
    {
      name: "types with keys and types without take turns at coming first",
      async run({ store }) {
        await insert(store, ["a", "b", "c", "d"]);
        for (let n = 0; n < 4; n++) await insertJob(store, { type: "plain" });
        const seen: string[] = [];
        for (let round = 0; round < 6; round++) {
          seen.push(...(await take(store, { types: ["t", "plain"], limit: 1 })).map(({ type }) => type));
        }
        expect(seen.toSorted()).toEqual(["plain", "plain", "plain", "t", "t", "t"]);
      },
    },
    {
      name: "jobs of a type that has no keys any more are freed from theirs, parked ones and later ones, and no others",
      async run(world) {
        const { store } = world;
        const [first, second, third] = await insert(store, ["a", "a", "b"]);
        const [other] = await insert(store, ["b"], { type: "u" });
        const [later] = await insert(store, ["a"], { due: { delayMs: MINUTE_MS }, priority: "low" });
        const [run] = await take(store, { limit: 1 });
        expect(run?.id).toBe(first!.id);
        const free = () => store.sweeps.unkeyed({ lanes: [{ queue: "default", type: "t" }], limit: 100 });
        const claimed = async () => (await claimJobs(store, { types: ["t", "u"] })).map(({ id }) => id);
        expect(await free()).toBe(3);
        expect(await free()).toBe(0);
        expect(await claimed()).toEqual([second!.id, third!.id]);
        advance(world, MINUTE_MS);
        expect(await claimed()).toEqual([later!.id]);
        await updateJob(store, run!, { started: true, outcome: OUTCOMES.retry });
        expect(await claimed()).toEqual([]);
        expect(await free()).toBe(1);
        expect(await claimed()).toEqual([first!.id]);
        expect((await take(store, { keyed: [{ type: "u", perKey: 1 }] })).map(({ id }) => id)).toEqual([other!.id]);
      },
    },
    {
      name: "parked jobs count in the depth of their queue, and show among its lanes",
      async run(world) {
        const { store } = world;
        await insert(store, ["a", "a", "b"], { due: { delayMs: 0 } });
        await insert(store, ["a"], { due: { delayMs: MINUTE_MS } });
        advance(world, 30_000);
        const [lane, ...others] = await store.queues.lanes();
        expect(others).toEqual([]);
        expect(lane).toMatchObject({ queue: "default", type: "t" });
        expect(lane!.dueForMs).toBeGreaterThanOrEqual(30_000);
        const depth = () => store.queues.depths({ queues: [{ name: "default", types: ["t"] }], limit: 100 });
        expect(await depth()).toEqual([3]);
        advance(world, MINUTE_MS);
        expect(await depth()).toEqual([4]);
        await take(store, { limit: 1 });
        expect(await depth()).toEqual([3]);
        expect(await store.queues.depths({ queues: [{ name: "default", types: ["t"] }], limit: 2 })).toEqual([2]);
      },
    },
    {
      name: "a key with room is found behind and before 1,200 without, by claims that follow each other",
      async run({ store, other }) {
        const blocked = Array.from({ length: 1_200 }, (_, n) => `m${n}`);
        await insert(store, [...blocked, ...blocked]);
        let held = 0;
        for (let claims = 0; held < blocked.length && claims < 10; claims++)
          held += (await take(store, { limit: 1_000 })).length;
        expect(held).toBe(blocked.length);
        for (const through of [store, other]) {
          await insert(through, ["a"]);
          await insert(through, ["z"]);
          const found: string[] = [];
          for (let claims = 0; found.length < 2 && claims < 12; claims++) {
            if (claims > 0) expect(await nextDue(through)).toBe(0);
            found.push(...names(await take(through)));
          }
          expect(found.toSorted()).toEqual(["a0", "z0"]);
          for (let claims = 0; claims < 12 && (await nextDue(through)) !== null; claims++)
            expect(await take(through)).toEqual([]);
          expect(await nextDue(through)).toBeNull();
          for (const job of await store.jobs.list({ status: "claimed", limit: 5_000 }))
            if (["a", "z"].includes((JSON.parse(job.input) as string)[0]!)) await cancelJob(store, job.id);
        }
      },
    },
    {
      name: "the limit of the queue counts as well",
      async run({ store }) {
        await store.queues.change({ name: "default", change: { globalConcurrency: 3 }, onlyAbsent: false });
        await insert(store, ["a", "a", "b", "c", "d"]);
        expect(await take(store)).toEqual([]);
        expect(names(await take(store, { global: true }))).toEqual(["a0", "b2", "c3"]);
        expect(await take(store, { global: true })).toEqual([]);
      },
    },
    {
      name: "a paused queue gives none, and a worker that is retired gets none",
      async run({ store }) {
        await insert(store, ["a"]);
        const retired = await registerWorker(store);
        await store.workers.retire({ workerId: retired });
        expect(await take(store, { workerId: retired })).toEqual([]);
        const pause = (paused: boolean) =>
          store.queues.change({ name: "default", change: { paused }, onlyAbsent: false });
        await pause(true);
        expect(await take(store)).toEqual([]);
        await pause(false);
        expect(await take(store)).toHaveLength(1);
      },
    },
    {
      name: "it is never inserted as claimed, since its key may have no room",
      async run({ store }) {
        const workerId = await registerWorker(store);
        const job = newJob({ type: "t", limitKey: "a" });
        expect(await store.jobs.insertClaimed({ job, workerId })).toBe(false);
        expect(await readJob(store, job.id)).toMatchObject({ status: "pending", attempts: 0 });
        expect(await take(store)).toHaveLength(1);
      },
    },
    {
      name: "idempotency keys hold beside it, and a transaction inserts it at its commit",
      async run({ store, begin }) {
        const keys = [keyClaim("k")];
        const [first] = await store.jobs.insert({ jobs: [newJob({ type: "t", limitKey: "a", keys })] });
        const [again] = await store.jobs.insert({ jobs: [newJob({ type: "t", limitKey: "b", keys })] });
        expect(again).toEqual({ id: first!.id, created: false });
        const { tx, commit } = await begin();
        const job = newJob({ type: "t", limitKey: "b" });
        await store.jobs.insert({ jobs: [job, newJob({ type: "plain" })], tx });
        await commit();
        expect((await take(store)).map(({ id }) => id).toSorted()).toEqual([first!.id, job.id].toSorted());
        expect(await claimJobs(store, { types: ["plain"] })).toHaveLength(1);
      },
    },
    {
      name: "keys are told apart to the letter, however long and in whatever script",
      async run({ store }) {
        const long = "k".repeat(999);
        const keys = ["A", "a", " a", "ä", "😀", "\u{ffff}", `${long}1`, `${long}2`, "ж".repeat(1_000)];
        await insert(store, [...keys, ...keys]);
        expect(await take(store)).toHaveLength(keys.length);
        expect(await take(store)).toEqual([]);
      },
    },
    {
      name: "many claims at once from all processes never hold more of a key than its limit, over random ways (seed 31)",
      async run(world) {
        const random = new Random(31);
        const stores = [world.store, world.other];
        const keyed = [
          { type: "t", perKey: 1 },
          { type: "u", perKey: 3 },
        ] as const;
        const keyOf = new Map<string, string>();
        const workers = await Promise.all(Array.from({ length: 4 }, (_, n) => registerWorker(stores[n % 2]!)));
        const held = new Map<string, ClaimedJob>();
        const ended = new Set<string>();
        for (let round = 0; round < 40; round++) {
          const jobs = Array.from({ length: 6 }, () => {
            const { type } = random.pick(keyed);
            const limitKey = random.pick(["a", "b", "c"]);
            const due = { delayMs: random.next() < 0.3 ? MINUTE_MS : 0 };
            return newJob({ type, limitKey, due, priority: random.pick(["critical", "normal", "low"] as const) });
          });
          for (const { id, type, limitKey } of jobs) keyOf.set(id, `${type} ${limitKey}`);
          const [taken] = await Promise.all([
            Promise.all(workers.map((workerId, n) => take(stores[n % 2]!, { workerId, keyed, limit: 1 + (n % 3) }))),
            stores[round % 2]!.jobs.insert({ jobs }),
          ]);
          for (const job of taken.flat()) {
            expect(held.has(job.id)).toBe(false);
            held.set(job.id, job);
          }
          const rows = (await Promise.all(workers.map((id) => heldRows(world.store, id, 86_400_000)))).flat();
          expect(rows.map(({ id }) => id).toSorted()).toEqual([...held.keys()].toSorted());
          const counts = new Map<string, number>();
          for (const { id } of rows) counts.set(keyOf.get(id)!, (counts.get(keyOf.get(id)!) ?? 0) + 1);
          for (const [key, count] of counts) expect(count, key).toBeLessThanOrEqual(key.startsWith("t") ? 1 : 3);
          await Promise.all(
            random.some([...held.values()], 0.6).map(async (job, n) => {
              const outcome = OUTCOMES[random.pick(OUTCOME_KINDS)];
              held.delete(job.id);
              if (outcome.kind !== "retry" && outcome.kind !== "given_back") ended.add(job.id);
              await stores[n % 2]!.jobs.update({ updates: [runUpdate(job, { started: true, outcome })] });
            }),
          );
          if (random.next() < 0.1) {
            const dead = Math.floor(random.next() * workers.length);
            for (const id of (await rescueWorker(world.other, workers[dead]!)) ?? []) held.delete(id);
            workers[dead] = await registerWorker(world.store);
          }
          advance(world, Math.floor(random.next() * MINUTE_MS));
        }
        expect(ended.size).toBeGreaterThan(30);
        advance(world, 10 * MINUTE_MS);
        while (held.size > 0 || (await nextDue(world.store, keyed)) === 0) {
          for (const job of held.values())
            await updateJob(world.store, job, { started: true, outcome: OUTCOMES.completed });
          held.clear();
          for (const job of await take(world.store, { keyed })) held.set(job.id, job);
        }
        const waiting = await world.store.jobs.list({ status: "pending", limit: 1_000 });
        expect(waiting.map(({ id }) => id)).toEqual([]);
      },
    },
  ],
};
