import fc from "fast-check";
import { expect } from "vitest";
import { registerWorker } from "../../conformance/one-worker.ts";
import type { World } from "../../conformance/world.ts";
import { type KeyClaim, type KeyHold, type NewJob, PRIORITIES, type RunError } from "../../src/store.ts";
import { Model, type ModelRun, QUEUES } from "./model.ts";
import { MINUTE_MS, type ModelJob } from "./model-job.ts";
import type { Reach } from "./reach.ts";

const DAYS_MS = 30 * 24 * 60 * MINUTE_MS;
/** Jobs of the last one have concurrency keys, mostly. */
export const TYPES: readonly string[] = ["a", "b", "keyed"];
export const KEYED = "keyed";
export const ERROR: RunError = { error: "Error: no\n    at run", publicError: "no" };

/** One step: done on the world, checked against the model, and told by its words when it fails. */
export class Step implements fc.AsyncCommand<Model, World> {
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

/** Every row is as the model has it, and what was deleted is gone. */
async function expectSame(model: Model, { other }: World): Promise<void> {
  const rows = await other.jobs.get({ ids: [...model.jobs.keys(), ...model.deleted] });
  const found = new Map(rows.map(({ discardedAt, ...row }) => [row.id, { ...row, discarded: discardedAt !== null }]));
  const strangers = [...found.keys()].filter((id) => !model.jobs.has(id));
  expect([strangers, found.size]).toEqual([[], model.jobs.size]);
  for (const [id, { job, parentId, status, attempts, maxAttempts, progress, message, ...rest }] of model.jobs) {
    const { type, queue, priority, input } = job;
    const { revision, discarded } = rest;
    const content = { type, queue, priority, input, parentId };
    const run = { status, attempts, maxAttempts, progress, message, revision, discarded };
    const expected: Record<string, unknown> = { ...content, ...run };
    const row: Record<string, unknown> = found.get(id)!;
    // Looked at by hand first: there are many of them, and a matcher is slow.
    if (Object.keys(expected).some((name) => row[name] !== expected[name])) expect(row).toMatchObject(expected);
  }
}

/** Where every walk begins: two workers are there. */
export async function begin({ store }: World, reach: Reach): Promise<Model> {
  const model = new Model(reach, (await store.crons.read({ names: [] })).now);
  for (let n = 0; n < 2; n++) await addWorker(model, store);
  return model;
}

export async function addWorker(model: Model, store: World["store"]): Promise<void> {
  model.workers.add(await registerWorker(store, DAYS_MS));
}

/** The store's instant as the model counts: what passes by itself falls away. */
export const minutesOf = (model: Model, instant: number): number =>
  Math.floor((instant - model.beganAt) / MINUTE_MS) * MINUTE_MS;

const at = <T>(list: readonly T[], n: number): T => list[n % list.length]!;

/** One of the list, mostly such a one as tells more. */
export function mostly<T>(list: readonly T[], n: number, tellsMore: (one: T) => boolean): T {
  const those = list.filter(tellsMore);
  return at(n % 8 === 0 || those.length === 0 ? list : those, n >> 3);
}

export const jobAt = (model: Model, n: number, tellsMore: (job: ModelJob) => boolean): string =>
  mostly([...model.jobs.values()], n, tellsMore).job.id;
export const workerAt = (model: Model, n: number): string =>
  mostly([...model.workers], n, (id) => !model.draining.has(id));
export const runAt = (model: Model, n: number): ModelRun => mostly(model.runs, n, (run) => model.isCurrent(run));

export const hasJobs = (model: Model): boolean => model.jobs.size > 0;
export const hasWorkers = (model: Model): boolean => model.workers.size > 0;
export const hasRuns = (model: Model): boolean => model.runs.length > 0;

/** Which of those that there are. */
export const place: fc.Arbitrary<number> = fc.nat(1_000);
export const minutes: fc.Arbitrary<number> = fc.constantFrom(0, 0, 1, 5);
export const queueName: fc.Arbitrary<string> = fc.constantFrom(...QUEUES, QUEUES[0]!, QUEUES[0]!);
export const typeNames: fc.Arbitrary<string[]> = fc.oneof(
  fc.constant<string[]>([...TYPES]),
  fc.subarray([...TYPES], { minLength: 1 }),
);
export const shown = (value: unknown): string => JSON.stringify(value);

// A key of a job's and the window of a request lie in scopes of their own.
const keyClaims: fc.Arbitrary<KeyClaim[]> = fc.uniqueArray(
  fc
    .record({ key: fc.constantFrom("k1", "k2", "request"), afterCompletionMs: fc.constantFrom(0, 5 * MINUTE_MS, null) })
    .map(({ key, afterCompletionMs }): KeyClaim => {
      const hold: KeyHold =
        key === "request" ? { kind: "window", ms: 5 * MINUTE_MS } : { kind: "job", afterCompletionMs };
      return { scope: "scope", key, hold };
    }),
  { maxLength: 2, selector: ({ key }) => key },
);

const keep = fc.record({
  endedMs: fc.constantFrom(-1, 0, 0, MINUTE_MS),
  failedMs: fc.constantFrom(-1, 5 * MINUTE_MS),
  deadMs: fc.constantFrom(-1, 0, MINUTE_MS),
});

/** What was dispatched without these. */
export function without<Name extends keyof NewJob>(
  given: Partial<NewJob>,
  ...names: readonly Name[]
): Omit<Partial<NewJob>, Name> {
  const rest = { ...given };
  for (const name of names) delete rest[name];
  return rest;
}

/** All of a job but its id. */
export const jobArbitrary: fc.Arbitrary<Partial<NewJob>> = fc
  .record({
    type: fc.constantFrom(...TYPES),
    queue: queueName,
    priority: fc.constantFrom(...PRIORITIES),
    delay: minutes,
    maxAttempts: fc.integer({ min: 1, max: 3 }),
    input: fc.nat(99),
    limitKey: fc.constantFrom("x", "x", "x", "y", undefined),
    keep: fc.option(keep, { freq: 2 }),
    replace: fc.boolean(),
    keys: fc.oneof(fc.constant<KeyClaim[]>([]), keyClaims),
  })
  .map(({ queue, priority, maxAttempts, ...rest }) => ({
    // Those with idempotency keys are of few types, so that they meet their like.
    type: rest.keys.length > 0 && rest.type === "b" ? "a" : rest.type,
    queue,
    priority,
    maxAttempts,
    due: { delayMs: rest.delay * MINUTE_MS },
    input: `{"n":${rest.input}}`,
    overrides: rest.keep === null ? null : JSON.stringify({ keep: rest.keep }),
    keys: rest.keys,
    ...(rest.type === KEYED && rest.limitKey !== undefined && { limitKey: rest.limitKey }),
    ...(rest.keys.length > 0 && rest.replace && { replace: true as const }),
  }));
