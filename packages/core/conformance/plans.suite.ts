import type { ClaimedJob, KeyedType, NewJob, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { OUTCOME_KINDS, OUTCOMES } from "./job-in.ts";
import { claimJobs, newJob, runUpdate } from "./one-job.ts";
import { heldRows, registerWorker, rescueWorker } from "./one-worker.ts";
import type { Case, Suite } from "./suite.ts";
import { power, type Probe, type World } from "./world.ts";

const BATCH = 5_000;
const TAKEN = 50;

async function insertMany(store: Store, count: number, job: Partial<NewJob>): Promise<void> {
  for (let left = count; left > 0; left -= BATCH) {
    await store.jobs.insert({ jobs: Array.from({ length: Math.min(left, BATCH) }, () => newJob(job)) });
  }
}

interface Crowd {
  readonly name: string;
  /** Fills the table with rows that the claim must not read. */
  readonly prepare: (world: World) => Promise<(() => Promise<void>) | void>;
}

const CROWDS: readonly Crowd[] = [
  {
    name: "100,000 future jobs of a higher priority",
    prepare: ({ store }) =>
      insertMany(store, 100_000, { type: "t", priority: "critical", due: { delayMs: 3_600_000 } }),
  },
  {
    name: "20,000 due jobs of types that nobody here serves",
    prepare: ({ store }) => insertMany(store, 20_000, { type: "unserved", priority: "critical", due: { atMs: 0 } }),
  },
  {
    name: "20,000 due jobs of other queues",
    prepare: ({ store }) =>
      insertMany(store, 20_000, { type: "t", queue: "media", priority: "critical", due: { atMs: 0 } }),
  },
  {
    name: "5,000 jobs that ended while a transaction held its view open",
    async prepare(world) {
      const release = await power(world, "holdSnapshot")();
      await insertMany(world.store, 5_000, { type: "t", priority: "critical", due: { atMs: 0 } });
      const workerId = await registerWorker(world.store);
      const claim = { workerId, queue: "default", types: ["t"], limit: 1_000, oldestFirst: false };
      for (let round = 0; round < 5; round++) {
        const runs = await world.store.jobs.claim(claim);
        const said = { started: true, progress: undefined, message: undefined };
        const outcome = { kind: "completed", output: null } as const;
        await world.store.jobs.update({ updates: runs.map(({ id, claimNo }) => ({ id, claimNo, ...said, outcome })) });
      }
      return release;
    },
  },
  {
    name: "5,000 runs that sleep",
    async prepare({ store }) {
      await insertMany(store, 5_000, {
        type: "t",
        priority: "critical",
        due: { atMs: 0 },
        run: { timeoutMs: null, declared: null },
      });
      const workerId = await registerWorker(store);
      const claim = { workerId, queue: "default", types: ["t"], limit: 1_000, oldestFirst: false };
      for (let round = 0; round < 5; round++) {
        const runs = await store.jobs.claim(claim);
        const outcome = { kind: "suspended", wakes: 0, dueAt: null, waitingFor: "event" } as const;
        await store.jobs.update({ updates: runs.map((run) => runUpdate(run, { started: true, outcome })) });
      }
    },
  },
];

const CLAIMS = 4;

interface Cost {
  readonly rows: number;
  readonly pages: number;
}

/** The cheapest of some claims: once a second one looks from the beginning again, and may pass dead rows. */
async function costOfClaims({ store, reads }: Probe, workerId: string, oldestFirst: boolean): Promise<Cost> {
  await insertMany(store, CLAIMS * TAKEN, { type: "t" });
  await insertMany(store, CLAIMS * TAKEN, { type: "u", priority: "low" });
  const costs: Cost[] = [];
  for (let round = 0; round < CLAIMS; round++) {
    const claim = { workerId, queue: "default", types: ["t", "u"], limit: TAKEN, oldestFirst };
    costs.push(await reads(async () => expect(await store.jobs.claim(claim)).toHaveLength(TAKEN)));
  }
  return { rows: Math.min(...costs.map(({ rows }) => rows)), pages: Math.min(...costs.map(({ pages }) => pages)) };
}

const amidCrowd = ({ name, prepare }: Crowd): Case => ({
  name: `a claim among ${name} reads at most twice the rows it takes`,
  needs: ["probe", "holdSnapshot"],
  async run(world) {
    const probe = await power(world, "probe")();
    const workerId = await registerWorker(probe.store);
    // Plans are made, and may be kept, while the table is empty.
    for (let round = 0; round < 7; round++) await claimJobs(probe.store, { types: ["t", "u"], workerId });
    const measure = async (): Promise<Cost[]> => [
      await costOfClaims(probe, workerId, false),
      await costOfClaims(probe, workerId, true),
    ];
    const alone = await measure();
    const expectNoDearer = (amid: readonly Cost[], statistics: string): void => {
      for (const [n, order] of ["most urgent first", "oldest first"].entries()) {
        expect(amid[n]!.rows, `rows, ${order}, ${statistics}`).toBeLessThanOrEqual(2 * TAKEN);
        // Entries that an index scan passes over are no rows to the server's counters, but their pages are.
        expect(amid[n]!.pages, `pages, ${order}, ${statistics}`).toBeLessThanOrEqual(2 * alone[n]!.pages);
      }
    };
    while ((await claimJobs(probe.store, { types: ["t", "u"], limit: 1_000, workerId })).length > 0);
    await probe.vacuum();
    const release = await prepare(world);
    expectNoDearer(await measure(), "statistics of the time before");
    await probe.vacuum();
    expectNoDearer(await measure(), "statistics of now");
    await release?.();
  },
});

const BLOCKED_KEYS = 10_000;

const amidBlockedKeys: Case = {
  name: `${BLOCKED_KEYS} keys that have no room make no claim read as many rows, whether of another key, unkeyed, or in vain`,
  needs: ["probe"],
  async run(world) {
    const probe = await power(world, "probe")();
    const { store } = probe;
    const workerId = await registerWorker(store);
    const claim = (limit: number, types = ["t"]): Promise<ClaimedJob[]> => {
      const limits = { global: false, keyed: [KEYED] };
      return store.jobs.claim({ workerId, queue: "default", types, limit, oldestFirst: false, limits });
    };
    for (let round = 0; round < 7; round++) await claim(TAKEN, ["t", "plain"]);
    await probe.vacuum();
    for (let n = 0; n < 2 * BLOCKED_KEYS; n += BATCH) {
      const key = (at: number): string => `blocked ${(n + at) % BLOCKED_KEYS}`;
      const jobs = Array.from({ length: BATCH }, (_, at) => newJob({ type: "t", limitKey: key(at) }));
      await store.jobs.insert({ jobs });
    }
    let blocked = 0;
    for (let taken = -1; taken !== 0 && blocked < BLOCKED_KEYS; blocked += taken) taken = (await claim(1_000)).length;
    expect(blocked).toBe(BLOCKED_KEYS);
    for (const statistics of ["of the time before", "of now"]) {
      // Behind all others, before all, and without a key.
      const jobs = ["zz", "aa"].map((limitKey) => newJob({ type: "t", limitKey: `${limitKey} ${statistics}` }));
      await store.jobs.insert({ jobs: [...jobs, newJob({ type: "plain", due: { atMs: 0 } })] });
      const taken: string[] = [];
      for (let round = 0; taken.length < 3 && round < 50; round++) {
        const { rows } = await probe.reads(async () =>
          taken.push(...(await claim(TAKEN, ["t", "plain"])).map(({ type }) => type)),
        );
        expect(rows, `statistics ${statistics}, round ${round}`).toBeLessThanOrEqual(BLOCKED_KEYS / 4);
        if (round === 0) expect(taken).toContain("plain");
        const due = { queue: "default", types: ["t"], limits: { global: false, keyed: [KEYED] } };
        const look = await probe.reads(async () => {
          const dueInMs = await store.jobs.nextDue(due);
          if (taken.length < 3) expect(dueInMs).toBe(0);
        });
        expect(look.rows, `statistics ${statistics}, round ${round}`).toBeLessThanOrEqual(BLOCKED_KEYS / 4);
      }
      expect(taken.toSorted()).toEqual(["plain", "t", "t"]);
      await probe.vacuum();
    }
  },
};

interface KeyedCrowd {
  readonly name: string;
  readonly prepare: (store: Store, workerId: string, world: World) => Promise<(() => Promise<void>) | void>;
  /** What is taken leaves entries behind, over which a claim passes that begins anew with the first key. */
  readonly leaves?: true;
}

const KEYED: KeyedType = { type: "t", perKey: 1 };

function claimKeyed(store: Store, workerId: string, limit: number): Promise<ClaimedJob[]> {
  const limits = { global: false, keyed: [KEYED] };
  return store.jobs.claim({ workerId, queue: "default", types: ["t"], limit, oldestFirst: false, limits });
}

const KEYED_CROWDS: readonly KeyedCrowd[] = [
  {
    name: "100,000 jobs of keys that have no room",
    async prepare(store, workerId) {
      for (let n = 0; n < 10; n++) await insertMany(store, 10_000, { type: "t", limitKey: `blocked ${n}` });
      expect(await claimKeyed(store, workerId, 100)).toHaveLength(10);
    },
  },
  {
    name: "5,000 jobs with keys that ended while a transaction held its view open",
    leaves: true,
    async prepare(store, workerId, world) {
      const release = await power(world, "holdSnapshot")();
      const jobs = Array.from({ length: BATCH }, (_, n) => newJob({ type: "t", limitKey: `done ${n}` }));
      await store.jobs.insert({ jobs });
      for (let left = BATCH; left > 0;) {
        const runs = await claimKeyed(store, workerId, 1_000);
        const outcome = OUTCOMES.completed;
        await store.jobs.update({ updates: runs.map((run) => runUpdate(run, { started: true, outcome })) });
        left -= runs.length;
      }
      return release;
    },
  },
  {
    name: "jobs of 10,000 keys",
    async prepare(store) {
      const jobs = Array.from({ length: 10_000 }, (_, n) => newJob({ type: "t", limitKey: `many ${n}` }));
      for (let n = 0; n < jobs.length; n += BATCH) await store.jobs.insert({ jobs: jobs.slice(n, n + BATCH) });
    },
  },
  {
    name: "10,000 jobs of as many keys whose time has not come",
    async prepare(store) {
      const due = { delayMs: 3_600_000 };
      const jobs = Array.from({ length: 10_000 }, (_, n) => newJob({ type: "t", limitKey: `later ${n}`, due }));
      for (let n = 0; n < jobs.length; n += BATCH) await store.jobs.insert({ jobs: jobs.slice(n, n + BATCH) });
    },
  },
];

/** What one key without room costs a claim: its first row, and the one that is held. */
const BLOCKED_ROWS = 10 * 2;
/** What a claim reads to see that something waits. */
const LOOK_ROWS = 10;

const amidKeys = ({ name, prepare, leaves }: KeyedCrowd): Case => ({
  name: `a claim of jobs with keys among ${name} reads at most twice the rows it takes`,
  needs: ["probe", "holdSnapshot"],
  async run(world) {
    const probe = await power(world, "probe")();
    const { store } = probe;
    const workerId = await registerWorker(store);
    // Plans are made, and may be kept, while the table is empty.
    for (let round = 0; round < 7; round++) await claimKeyed(store, workerId, TAKEN);
    await probe.vacuum();
    const release = await prepare(store, workerId, world);
    for (const statistics of ["of the time before", "of now"]) {
      const jobs = Array.from({ length: 2 * TAKEN }, (_, n) =>
        newJob({ type: "t", limitKey: `free ${statistics} ${n}` }),
      );
      await store.jobs.insert({ jobs });
      const costs: number[] = [];
      for (let round = 0; round < 2; round++) {
        const { rows } = await probe.reads(async () =>
          expect(await claimKeyed(store, workerId, TAKEN)).toHaveLength(TAKEN),
        );
        costs.push(rows);
      }
      const cost = leaves === true ? Math.min(...costs) : Math.max(...costs);
      expect(cost, `statistics ${statistics}`).toBeLessThanOrEqual(2 * TAKEN + BLOCKED_ROWS + LOOK_ROWS);
      await probe.vacuum();
    }
    await release?.();
  },
});

const HELD = 100;

const amidLimit: Case = {
  name: "a claim under a limit of its queue reads, besides what it takes, what workers hold, and none of what waits",
  needs: ["probe"],
  async run(world) {
    const probe = await power(world, "probe")();
    const { store } = probe;
    const workerId = await registerWorker(store);
    await store.queues.change({ name: "default", change: { globalConcurrency: 5 * TAKEN + HELD }, onlyAbsent: false });
    const claim = (limit: number, oldestFirst: boolean): Promise<ClaimedJob[]> => {
      const limits = { global: true, keyed: [] };
      return store.jobs.claim({ workerId, queue: "default", types: ["t"], limit, oldestFirst, limits });
    };
    // Plans are made, and may be kept, while the table is empty.
    for (let round = 0; round < 7; round++) await claim(TAKEN, round % 2 === 0);
    await probe.vacuum();
    await insertMany(store, 20_000, { type: "t", due: { atMs: 0 } });
    await insertMany(store, 20_000, { type: "unserved", priority: "critical", due: { atMs: 0 } });
    expect(await claim(HELD, false)).toHaveLength(HELD);
    let held = HELD;
    for (const statistics of ["of the time before", "of now"]) {
      for (const oldestFirst of [false, true]) {
        const cost = await probe.reads(async () => expect(await claim(TAKEN, oldestFirst)).toHaveLength(TAKEN));
        expect(cost.rows, `statistics ${statistics}`).toBeLessThanOrEqual(2 * TAKEN + held + LOOK_ROWS);
        held += TAKEN;
      }
      await probe.vacuum();
    }
  },
};

const AWAITED_CLAIMS = 3;

const amidAwaited = (limited: boolean): Case => ({
  name: `a claim of children that are waited for${limited ? ", under limits," : ""} reads them and the runs that wait`,
  needs: ["probe"],
  async run(world) {
    const probe = await power(world, "probe")();
    const { store } = probe;
    const workerId = await registerWorker(store);
    const limits = limited ? { limits: { global: false, keyed: [{ type: "child", perKey: 1 }] } } : {};
    const claim = (among: readonly string[] | "awaited"): Promise<ClaimedJob[]> => {
      const wanted = { queue: "default", types: ["child"], limit: TAKEN, oldestFirst: false, ...limits };
      return store.jobs.claim({ workerId, ...wanted, among });
    };
    for (let round = 0; round < 7; round++) for (const among of [[newJob().id], "awaited"] as const) await claim(among);
    await probe.vacuum();
    await insertMany(store, 20_000, { type: "child", priority: "critical", ...(limited && { limitKey: "others" }) });
    await claimMany(store, OTHERS);
    for (const statistics of ["of the time before", "of now"]) {
      const { runs } = await claimMany(store, 1);
      const parent = { id: runs[0]!.id, claimNo: runs[0]!.claimNo };
      const jobs = Array.from({ length: 2 * AWAITED_CLAIMS * TAKEN }, (_, n) =>
        newJob({ type: "child", ...(limited && { limitKey: `${statistics} ${n}` }) }),
      );
      const calls = jobs.map((job) => ({ parent, key: job.id, job }));
      await store.children.dispatch({ calls });
      await store.children.setWaiting({ runs: [{ ...parent, isWaiting: true }] });
      const ids = jobs.map(({ id }) => id);
      for (let round = 0; round < AWAITED_CLAIMS; round++) {
        const named = ids.slice(round * TAKEN, (round + 1) * TAKEN);
        const byId = await probe.reads(async () => expect(await claim(named)).toHaveLength(TAKEN));
        expect(byId.rows, `by id, statistics ${statistics}`).toBeLessThanOrEqual(3 * TAKEN + LOOK_ROWS);
      }
      const found = await probe.reads(async () => expect(await claim("awaited")).toHaveLength(TAKEN));
      // What runs is looked through for runs that wait, and each of their children for whether it is due.
      expect(found.rows, `awaited, statistics ${statistics}`).toBeLessThanOrEqual(OTHERS + 15 * TAKEN);
      await probe.vacuum();
    }
  },
});

/** Verbs about some jobs by their ids, or about one worker's. */
const ADDRESSED: readonly (readonly [
  string,
  (store: Store, runs: readonly ClaimedJob[], workerId: string) => Promise<unknown>,
])[] = [
  ["a start", (store, runs) => store.jobs.update({ updates: runs.map((run) => runUpdate(run, { started: true })) })],
  ["progress", (store, runs) => store.jobs.update({ updates: runs.map((run) => runUpdate(run, { progress: 5 })) })],
  ...OUTCOME_KINDS.map(
    (kind) =>
      [
        `the outcome ${kind}`,
        (store: Store, runs: readonly ClaimedJob[]) =>
          store.jobs.update({ updates: runs.map((run) => runUpdate(run, { started: true, outcome: OUTCOMES[kind] })) }),
      ] as const,
  ),
  ["a cancellation", (store, runs) => store.jobs.cancel({ ids: runs.map(({ id }) => id), reason: "no" })],
  ["a beat", (store, _, workerId) => heldRows(store, workerId)],
  ["a rescue", (store, _, workerId) => rescueWorker(store, workerId)],
];

const OTHERS = 2_000;

async function claimMany(store: Store, count: number): Promise<{ runs: ClaimedJob[]; workerId: string }> {
  const [workerId, { type }] = [await registerWorker(store), newJob()];
  await insertMany(store, count, { type });
  return { runs: await claimJobs(store, { types: [type], limit: count, workerId }), workerId };
}

const amidRuns: Case = {
  name: "no verb about some running jobs reads those of others",
  needs: ["probe"],
  async run(world) {
    const { store, reads, vacuum } = await power(world, "probe")();
    // Statistics of an idle hour: nothing waits, nothing runs.
    const before = await claimMany(store, OTHERS);
    await store.jobs.cancel({ ids: before.runs.map(({ id }) => id), reason: "make room" });
    await vacuum();
    await claimMany(store, OTHERS);
    for (const [name, verb] of ADDRESSED) {
      const { runs, workerId } = await claimMany(store, TAKEN);
      const { rows } = await reads(() => verb(store, runs, workerId));
      expect(rows, name).toBeLessThanOrEqual(4 * TAKEN);
    }
  },
};

const WAITING = 10_000;

const amidWaiting: Case = {
  name: "finding what waits steps over the jobs, and counting them stops at its limit",
  needs: ["probe"],
  async run(world) {
    const { store, reads, vacuum } = await power(world, "probe")();
    const types = ["t", "u", "v"];
    // Statistics of an idle hour.
    await vacuum();
    for (const type of types) await insertMany(store, WAITING, { type });
    const measure = async (statistics: string): Promise<void> => {
      const found = await reads(async () => expect(await store.queues.lanes()).toHaveLength(types.length));
      // A head for each priority, and a step to each lane.
      expect(found.rows, statistics).toBeLessThanOrEqual(types.length * 6);
      const queues = [{ name: "default", types }];
      const counted = await reads(async () => expect(await store.queues.depths({ queues, limit: 100 })).toEqual([100]));
      expect(counted.rows, statistics).toBeLessThanOrEqual(200);
    };
    await measure("statistics of the time before");
    await vacuum();
    await measure("statistics of now");
    const { workerId } = await claimMany(store, TAKEN);
    const held = await reads(async () => expect(await store.workers.running()).toEqual([]));
    expect(workerId).not.toBe("");
    expect(held.rows).toBeLessThanOrEqual(4 * TAKEN);
  },
};

const amidPaused: Case = {
  name: "a claim of a paused queue reads none of its 20,000 due jobs",
  needs: ["probe"],
  async run(world) {
    const { store, reads, vacuum } = await power(world, "probe")();
    const workerId = await registerWorker(store);
    for (let round = 0; round < 7; round++) await claimJobs(store, { types: ["t"], workerId });
    await vacuum();
    await insertMany(store, 20_000, { type: "t", due: { atMs: 0 } });
    await store.queues.change({ name: "default", change: { paused: true }, onlyAbsent: false });
    for (const statistics of ["of the time before", "of now"]) {
      for (const oldestFirst of [false, true]) {
        const claim = { types: ["t"], limit: TAKEN, oldestFirst, workerId };
        const { rows } = await reads(async () => expect(await claimJobs(store, claim)).toEqual([]));
        expect(rows, `statistics ${statistics}`).toBeLessThanOrEqual(LOOK_ROWS);
      }
      await vacuum();
    }
  },
};

/** What verbs cost: the rows they are about, whatever else lies in the table. */
export const plansSuite: Suite = {
  topic: "plans",
  cases: [
    ...CROWDS.map(amidCrowd),
    ...KEYED_CROWDS.map(amidKeys),
    amidBlockedKeys,
    amidLimit,
    amidAwaited(false),
    amidAwaited(true),
    amidRuns,
    amidWaiting,
    amidPaused,
  ],
};
