import type { JobStateRecord, Store } from "@forge-jobs/core";
import { OUTCOME_KINDS, OUTCOMES } from "./job-in.ts";
import { claimJobs, keyClaim, newJob, runUpdate } from "./one-job.ts";
import { registerWorker, rescueWorker } from "./one-worker.ts";
import { Random } from "./random.ts";
import { advance, type World } from "./world.ts";

/** What one call of one verb did to one job; `before` is undefined for a job that it inserted. */
export interface Step {
  readonly verb: string;
  readonly before: JobStateRecord | undefined;
  readonly after: JobStateRecord;
}

const STEPS = 250;
const TYPES = ["a", "b"];

/** Where the walk has come to: what it knows, not what is in the database. */
interface Walker {
  readonly random: Random;
  readonly ids: string[];
  /** Claims that were ever handed out, the stale ones too. */
  readonly runs: { id: string; claimNo: number }[];
  readonly workers: string[];
}

const verbs: Readonly<Record<string, (world: World, store: Store, walker: Walker) => Promise<unknown>>> = {
  async insert(_, store, { random, ids }) {
    const jobs = Array.from({ length: 3 }, () =>
      newJob({
        type: random.pick(TYPES),
        maxAttempts: 2,
        due: { delayMs: random.pick([0, 0, 30_000]) },
        keys: random.some([keyClaim("x"), keyClaim("y", { kind: "job", afterCompletionMs: 60_000 })], 0.3),
      }),
    );
    const answer = await store.jobs.insert({ jobs });
    ids.push(...answer.filter(({ created }) => created).map(({ id }) => id));
  },
  async insertClaimed(_, store, { random, ids, runs, workers }) {
    if (workers.length === 0) workers.push(await registerWorker(store));
    const job = newJob({ type: random.pick(TYPES), maxAttempts: 2 });
    const claimed = await store.jobs.insertClaimed({ job, workerId: random.pick(workers) });
    ids.push(job.id);
    if (claimed) runs.push({ id: job.id, claimNo: 1 });
  },
  async claim(_, store, { random, runs, workers }) {
    if (workers.length === 0 || random.next() < 0.2) workers.push(await registerWorker(store));
    const workerId = random.pick(workers);
    runs.push(...(await claimJobs(store, { types: TYPES, limit: 3, workerId, oldestFirst: random.next() < 0.3 })));
  },
  async update(_, store, { random, runs }) {
    const updates = new Map(
      random.some(runs, 0.5).map((run) => [
        run.id,
        runUpdate(run, {
          started: random.next() < 0.6,
          progress: random.pick([undefined, null, Math.floor(random.next() * 100)]),
          message: random.pick([undefined, undefined, "on the way"]),
          outcome: random.next() < 0.4 ? OUTCOMES[random.pick(OUTCOME_KINDS)] : null,
        }),
      ]),
    );
    await store.jobs.update({ updates: [...updates.values()] });
  },
  cancel: (_, store, { random, ids }) => store.jobs.cancel({ ids: random.some(ids, 0.1), reason: "walked over" }),
  retry: (_, store, { random, ids }) => store.jobs.retry({ ids: random.some(ids, 0.3) }),
  discard: (_, store, { random, ids }) => store.ended.discard({ ids: random.some(ids, 0.02) }),
  async rescue(_, store, { random, workers }) {
    if (workers.length > 0) await rescueWorker(store, random.pick(workers));
  },
  async beat(_, store, { random, workers }) {
    if (workers.length > 0) await store.workers.beat({ workerId: random.pick(workers), leaseMs: 30_000 });
  },
  deadLetter: (_, store) => store.sweeps.deadLetter({ afterMs: 60_000, limit: 5 }),
  expiredKeys: (_, store) => store.sweeps.expiredKeys({ limit: 5 }),
  async time(world) {
    advance(world, 20_000);
  },
};

// Claims and updates are what jobs see most of in their life; without them the walk would stand still.
const OFTEN = [
  ...Object.keys(verbs),
  ...Array.from({ length: 4 }, () => ["insert", "claim", "update", "update"]).flat(),
];

/** Calls verbs at random, through both stores, and answers what each one did to every job. */
export async function walk(world: World, seed: number): Promise<Step[]> {
  const random = new Random(seed);
  const walker: Walker = { random, ids: [], runs: [], workers: [] };
  const steps: Step[] = [];
  let before = new Map<string, JobStateRecord>();
  for (let step = 0; step < STEPS; step++) {
    const verb = random.pick(OFTEN);
    await verbs[verb]!(world, random.pick([world.store, world.other]), walker);
    const states = await world.store.jobs.states({ ids: walker.ids });
    if (states.length !== walker.ids.length) throw new Error(`${verb} lost ${walker.ids.length - states.length} jobs`);
    for (const after of states) steps.push({ verb, before: before.get(after.id), after });
    before = new Map(states.map((state) => [state.id, state]));
  }
  return steps;
}
