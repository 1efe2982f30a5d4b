// Steps of a walk expect on behalf of the test that takes it.
/* oxlint-disable vitest/no-standalone-expect */

import fc from "fast-check";
import { expect } from "vitest";
import { newJob } from "../../conformance/one-job.ts";
import { registerWorker } from "../../conformance/one-worker.ts";
import type { World } from "../../conformance/world.ts";
import { type KeyHold, type NewJob, type Outcome, PRIORITIES, type RunUpdate } from "../../src/store.ts";
import { MAX_DEATHS, MINUTE_MS, Model, type ModelRun, QUEUE, urgency } from "./model.ts";

const DAYS_MS = 30 * 24 * 60 * MINUTE_MS;
const TYPES: readonly string[] = ["a", "b"];
const ERROR = { error: "Error: no\n    at run", publicError: "no" };

/** One step: done on the world, checked against the model, and told by its words when it fails. */
class Step implements fc.AsyncCommand<Model, World> {
  readonly #words: string;
  readonly #possible: (model: Model) => boolean;
  readonly #does: (model: Model, world: World) => Promise<void>;

  constructor(
    words: string,
    does: (model: Model, world: World) => Promise<void>,
    possible: (model: Model) => boolean = () => true,
  ) {
    this.#words = words;
    this.#does = does;
    this.#possible = possible;
  }

  check(model: Readonly<Model>): boolean {
    return this.#possible(model as Model);
  }

  async run(model: Model, world: World): Promise<void> {
    await this.#does(model, world);
    await expectSame(model, world);
  }

  toString(): string {
    return this.#words;
  }
}

/** Every row is as the model has it. */
async function expectSame(model: Model, { other }: World): Promise<void> {
  const ids = [...model.jobs.keys()];
  const rows = new Map((await other.jobs.get({ ids })).map((row) => [row.id, row]));
  for (const [id, { job, status, attempts, maxAttempts, progress, message, revision, discarded }] of model.jobs) {
    const { discardedAt, ...row } = rows.get(id)!;
    expect({ ...row, discarded: discardedAt !== null }).toMatchObject({
      priority: job.priority,
      input: job.input,
      status,
      attempts,
      maxAttempts,
      progress,
      message,
      revision,
      discarded,
    });
  }
}

const at = <T>(list: readonly T[], n: number): T => list[n % list.length]!;
/** Where every walk begins: two workers are there. */
export async function begin({ store }: World): Promise<Model> {
  const model = new Model();
  for (let n = 0; n < 2; n++) model.workers.add(await registerWorker(store, DAYS_MS));
  return model;
}

const jobAt = (model: Model, n: number): string => at([...model.jobs.keys()], n);
const workerAt = (model: Model, n: number): string => at([...model.workers], n);
const hasJobs = (model: Model): boolean => model.jobs.size > 0;
const hasWorkers = (model: Model): boolean => model.workers.size > 0;
const hasRuns = (model: Model): boolean => model.runs.length > 0;

const place = fc.nat(1_000);
const minutes = fc.constantFrom(0, 0, 1, 5);

const hold: fc.Arbitrary<KeyHold> = fc.oneof(
  fc.constantFrom(0, 5 * MINUTE_MS, null).map((ms): KeyHold => ({ kind: "job", afterCompletionMs: ms })),
  fc.constant<KeyHold>({ kind: "window", ms: 5 * MINUTE_MS }),
);

const jobArbitrary = fc
  .record({
    type: fc.constantFrom(...TYPES),
    priority: fc.constantFrom(...PRIORITIES),
    delay: minutes,
    maxAttempts: fc.integer({ min: 1, max: 3 }),
    keys: fc.oneof(
      { weight: 2, arbitrary: fc.constant<["k1" | "k2" | "k3", KeyHold][]>([]) },
      fc.uniqueArray(fc.tuple(fc.constantFrom("k1", "k2", "k3"), hold), { maxLength: 2, selector: ([key]) => key }),
    ),
  })
  .map(({ delay, keys, ...rest }) => ({
    ...rest,
    due: { delayMs: delay * MINUTE_MS },
    keys: keys.map(([key, held]) => ({ scope: "scope", key, hold: held })),
  }));

const shown = (value: unknown): string => JSON.stringify(value);

const insert = fc.array(jobArbitrary, { minLength: 1, maxLength: 3 }).map(
  (given) =>
    new Step(`insert ${shown(given)}`, async (model, { store }) => {
      const jobs = given.map((one) => newJob(one));
      expect(await store.jobs.insert({ jobs })).toEqual(model.insert(jobs));
    }),
);

// One at a time: of several for one holder a store may write the last alone, or each.
const replace = fc.tuple(jobArbitrary, fc.integer()).map(
  ([given, n]) =>
    new Step(`replace ${shown(given)}`, async (model, { store }) => {
      const job = newJob({ ...given, input: shown(n), replace: true });
      expect(await store.jobs.insert({ jobs: [job] })).toEqual(model.insert([job]));
    }),
);

const insertClaimed = fc.record({ job: jobArbitrary, worker: place }).map(
  ({ job, worker }) =>
    new Step(
      `insert, claimed by worker ${worker}, ${shown(job)}`,
      async (model, { store }) => {
        const one: NewJob = newJob({ ...job, keys: [], due: { delayMs: 0 } });
        const workerId = workerAt(model, worker);
        expect(await store.jobs.insertClaimed({ job: one, workerId })).toBe(model.insertClaimed(one, workerId));
      },
      hasWorkers,
    ),
);

const register = fc.constant(
  new Step(
    "register a worker",
    async (model, { store }) => void model.workers.add(await registerWorker(store, DAYS_MS)),
    (model) => model.workers.size < 3,
  ),
);

/** `lost`: the claim is done and its answer is not seen, as where a process or a connection dies in between. */
const claim = fc
  .record({
    worker: place,
    types: fc.subarray([...TYPES], { minLength: 1 }),
    limit: fc.integer({ min: 1, max: 4 }),
    oldestFirst: fc.boolean(),
    lost: fc.boolean(),
  })
  .map(
    ({ worker, types, limit, oldestFirst, lost }) =>
      new Step(
        `worker ${worker} claims ${limit} of ${types.join()}${oldestFirst ? ", oldest first" : ""}${lost ? ", answer lost" : ""}`,
        async (model, { store }) => {
          const workerId = workerAt(model, worker);
          const possible = model.claimable(types);
          const taken = await store.jobs.claim({ workerId, queue: QUEUE, types, limit, oldestFirst });
          expect(taken).toHaveLength(Math.min(limit, possible.length));
          const ids = new Set(taken.map(({ id }) => id));
          expect(possible.map(({ job }) => job.id)).toEqual(expect.arrayContaining([...ids]));
          const left = possible.filter(({ job }) => !ids.has(job.id));
          for (const { id } of taken) {
            const one = model.jobs.get(id)!;
            const passedOver = left.filter((other) =>
              oldestFirst
                ? other.dueMs < one.dueMs
                : urgency(other) < urgency(one) ||
                  (urgency(other) === urgency(one) && other.job.type === one.job.type && other.dueMs < one.dueMs),
            );
            expect(passedOver, "passed over").toEqual([]);
          }
          for (const run of taken) {
            expect(run).toMatchObject(model.claimed(run.id, workerId));
            if (!lost) model.runs.push({ id: run.id, claimNo: run.claimNo });
          }
        },
        hasWorkers,
      ),
  );

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Outcome>({ kind: "completed", output: '{"n":1}' }) },
  minutes.map((delay): Outcome => ({ kind: "retry", delayMs: delay * MINUTE_MS, ...ERROR })),
  minutes.map((delay): Outcome => ({ kind: "given_back", delayMs: delay * MINUTE_MS })),
  fc.constantFrom<Outcome>(
    { kind: "failed", ...ERROR },
    { kind: "dead_letter", ...ERROR },
    { kind: "discarded", ...ERROR },
  ),
);

interface Said {
  readonly progress: number | undefined;
  readonly message: string | undefined;
  readonly outcome: Outcome | null;
}

function updateOf(model: Model, run: ModelRun, said: Said): RunUpdate {
  // A worker says that a run started before, or with, whatever else the run says.
  const started = model.jobs.get(run.id)!.status === "claimed" && said.outcome?.kind !== "given_back";
  return { ...run, ...said, started };
}

/** `again`: it is sent twice, as after an answer that was lost. */
const update = fc
  .record({
    runs: fc.array(place, { minLength: 1, maxLength: 3 }),
    said: fc.record({
      progress: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
      message: fc.option(fc.constantFrom("one", "two"), { nil: undefined }),
      outcome: fc.option(outcome),
    }),
    again: fc.boolean(),
  })
  .map(
    ({ runs, said, again }) =>
      new Step(
        `runs ${runs.join()} say ${shown(said)}${again ? ", twice" : ""}`,
        async (model, { store }) => {
          const chosen = new Map(runs.map((n) => at(model.runs, n)).map((run) => [run.id, run]));
          const updates = [...chosen.values()]
            .map((run) => updateOf(model, run, said))
            .filter(
              (one) => one.started || one.outcome !== null || one.progress !== undefined || one.message !== undefined,
            );
          const results = await store.jobs.update({ updates });
          for (const [n, one] of updates.entries()) {
            const result = results[n]!;
            if (model.isCurrent(one)) {
              model.update(one);
              const { status } = model.jobs.get(one.id)!;
              expect(result).toEqual({ id: one.id, result: "applied", cancelRequested: status === "cancel_requested" });
            } else if (one.outcome === null) {
              expect(result).toMatchObject({ id: one.id, result: "stale" });
            }
          }
          if (!again || said.outcome === null) return;
          const repeated = await store.jobs.update({ updates: updates.map((one) => ({ ...one, started: false })) });
          for (const [n, { result }] of repeated.entries()) {
            if (results[n]!.result === "applied") expect(result).toBe("applied");
          }
        },
        hasRuns,
      ),
  );

const cancel = place.map(
  (n) =>
    new Step(
      `cancel job ${n}`,
      async (model, { store }) => {
        const id = jobAt(model, n);
        expect(await store.jobs.cancel({ ids: [id], reason: "enough" })).toEqual([model.cancel(id)]);
      },
      hasJobs,
    ),
);

const retry = place.map(
  (n) =>
    new Step(
      `a person retries job ${n}`,
      async (model, { store }) => {
        const id = jobAt(model, n);
        expect(await store.jobs.retry({ ids: [id] })).toEqual([model.retry(id)]);
      },
      hasJobs,
    ),
);

const die = place.map(
  (n) =>
    new Step(
      `worker ${n} dies`,
      async (model, { other }) => {
        const workerId = workerAt(model, n);
        const args = { workerId, because: "gone", maxDeaths: MAX_DEATHS, death: ERROR } as const;
        const moved = await other.workers.rescue(args);
        expect(moved?.toSorted()).toEqual(model.rescue(workerId).toSorted());
      },
      hasWorkers,
    ),
);

/** What a worker finds in the table that it does not know of, it gives back: a claim lost its answer. */
const beat = fc.record({ worker: place, strays: fc.boolean() }).map(
  ({ worker, strays }) =>
    new Step(
      `worker ${worker} beats${strays ? " and gives strays back" : ""}`,
      async (model, { store }) => {
        const workerId = workerAt(model, worker);
        const { alive, rows } = await store.workers.beat({ workerId, leaseMs: DAYS_MS });
        expect(alive).toBe(true);
        const expected = model.heldBy(workerId).map(({ job, claimNo, status }) => ({
          id: job.id,
          claimNo,
          cancelRequested: status === "cancel_requested",
        }));
        const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
        expect(rows.toSorted(byId)).toEqual(expected.toSorted(byId));
        if (!strays) return;
        const isKnown = ({ id, claimNo }: ModelRun): boolean =>
          model.runs.some((run) => run.id === id && run.claimNo === claimNo);
        const updates = rows
          .filter((row) => !isKnown(row))
          .map(({ id, claimNo }): RunUpdate => {
            const nothing = { started: false, progress: undefined, message: undefined };
            return { id, claimNo, ...nothing, outcome: { kind: "given_back", delayMs: 0 } };
          });
        for (const { result } of await store.jobs.update({ updates })) expect(result).toBe("applied");
        for (const one of updates) model.update(one);
      },
      hasWorkers,
    ),
);

const jump = fc.constantFrom(1, 5, 10).map(
  (many) =>
    new Step(`${many} minutes pass`, async (model, { clock }) => {
      clock.offsetMs += many * MINUTE_MS;
      model.nowMs += many * MINUTE_MS;
    }),
);

const sweep = minutes.map(
  (many) =>
    new Step(`sweep what failed ${many} minutes ago`, async (model, { store }) => {
      const afterMs = many * MINUTE_MS;
      expect(await store.sweeps.deadLetter({ afterMs, limit: 1_000 })).toBe(model.sweep(afterMs));
      // Changes nothing that anybody could see.
      await store.sweeps.expiredKeys({ limit: 1_000 });
    }),
);

// Seldom, and never for long: while nothing can be claimed, a walk shows little.
const pause = fc.constantFrom(true, false, false, false).map(
  (paused) =>
    new Step(paused ? "pause the queue" : "resume the queue", async (model, { other }) => {
      await other.queues.change({ name: QUEUE, change: { paused }, onlyAbsent: false });
      model.paused = paused;
    }),
);

const nextDue = fc.subarray([...TYPES], { minLength: 1 }).map(
  (types) =>
    new Step(`when is the next of ${types.join()} due`, async (model, { store }) => {
      if (model.paused) return;
      const waiting = [...model.jobs.values()].filter(
        ({ job, status }) => types.includes(job.type) && (status === "pending" || status === "retry"),
      );
      const due = await store.jobs.nextDue({ queue: QUEUE, types });
      if (waiting.length === 0) expect(due).toBeNull();
      else {
        const inMs = Math.max(0, Math.min(...waiting.map(({ dueMs }) => dueMs)) - model.nowMs);
        expect(due).toBeLessThanOrEqual(inMs);
        expect(due).toBeGreaterThan(inMs - MINUTE_MS);
      }
    }),
);

/** All that may happen. Some things stand here more than once, so that jobs get far in a short walk. */
export const COMMANDS: fc.Arbitrary<fc.AsyncCommand<Model, World>>[] = [
  insert,
  insert,
  replace,
  insertClaimed,
  claim,
  claim,
  claim,
  claim,
  update,
  update,
  update,
  update,
  update,
  register,
  cancel,
  retry,
  die,
  beat,
  jump,
  sweep,
  nextDue,
  pause,
];
