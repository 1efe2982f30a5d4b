// Steps of a walk expect on behalf of the test that takes it.
/* oxlint-disable vitest/no-standalone-expect */

import fc from "fast-check";
import { expect } from "vitest";
import type { ClaimedJob, ClaimLimits } from "../../src/store.ts";
import { type Model, QUEUES } from "./model.ts";
import { counts, isHeld, MINUTE_MS, type ModelJob, urgency, waits } from "./model-job.ts";
import { hasWorkers, KEYED, mostly, place as somewhere, queueName, Step, typeNames, workerAt } from "./step.ts";

// In whose turn types and keys come is left to the conformance suite: it is no matter of what the tables hold.

interface Claiming {
  readonly workerId: string;
  readonly queue: string;
  readonly types: readonly string[];
  readonly limit: number;
  readonly oldestFirst: boolean;
  readonly limits?: ClaimLimits;
  readonly among?: readonly string[] | "awaited";
}

/** The children of runs that wait for theirs. */
function awaited(model: Model): string[] {
  const parents = [...model.jobs.values()].filter((one) => isHeld(one) && one.isWaiting);
  return parents.flatMap(({ job }) => (model.children.get(job.id) ?? []).map(({ id }) => id));
}

/** What a claim chooses from, and how many of those it takes. */
function choiceOf(model: Model, { workerId, queue, types, limit, limits, among }: Claiming) {
  const perKey = limits?.keyed.find(({ type }) => type === KEYED)?.perKey ?? 0;
  const named = among === "awaited" ? awaited(model) : among;
  const due = model.due(queue, types).filter(({ job }) => named === undefined || named.includes(job.id));
  const { limit: global, paused } = model.queues.get(queue)!;
  const hasHeard = global === null || limits?.global === true;
  const room = model.draining.has(workerId) || !hasHeard ? 0 : model.roomOf(queue);
  const plain = due.filter(({ job }) => job.limitKey === undefined);
  const byKey = new Map<string, ModelJob[]>();
  for (const one of due) {
    const { limitKey } = one.job;
    if (limitKey !== undefined) byKey.set(limitKey, [...(byKey.get(limitKey) ?? []), one]);
  }
  let free = plain.length;
  for (const [first, ...rest] of byKey.values()) free += Math.min(1 + rest.length, model.keyRoomOf(first!, perKey));
  const isTight = perKey > 0 && free < due.length;
  if (due.length > 0) {
    const { reach } = model;
    reach.by("a pause kept a due job back", paused);
    reach.by("a global limit kept a due job back", hasHeard && global !== null && room < Math.min(free, limit));
    reach.by("a claim that had not heard of a limit took nothing", !hasHeard);
    reach.by("a concurrency key kept a due job back", isTight && room > 0);
    reach.by("a worker that drains took nothing", model.draining.has(workerId) && !paused);
    const lent = [...model.jobs.values()].some((one) => isHeld(one) && !counts(one) && one.job.queue === queue);
    reach.by("a run that waits for children lent its place", lent && room > 0 && (global !== null || perKey > 0));
  }
  const behind = plain.filter(({ isBehind }) => isBehind).length;
  const most = Math.min(limit, room, free);
  return { due, plain, byKey, perKey, most, least: Math.min(limit, room, free - behind) };
}

/** No job was taken before another one that was as good, and whose turn it was. */
function expectOrder(model: Model, ids: ReadonlySet<string>, claiming: Claiming, choice: ReturnType<typeof choiceOf>) {
  const { plain, byKey } = choice;
  const comesBefore = (one: ModelJob, other: ModelJob, isOneRange: boolean): boolean =>
    urgency(one) < urgency(other) || (urgency(one) === urgency(other) && isOneRange && one.dueMs < other.dueMs);
  for (const id of ids) {
    const one = model.jobs.get(id)!;
    const { limitKey, type } = one.job;
    const left = (limitKey === undefined ? plain : byKey.get(limitKey)!).filter(
      ({ job, isBehind }) => !ids.has(job.id) && !isBehind,
    );
    const passedOver = left.filter((other) =>
      claiming.oldestFirst && limitKey === undefined
        ? other.dueMs < one.dueMs
        : comesBefore(other, one, other.job.type === type),
    );
    expect(passedOver, "passed over").toEqual([]);
  }
}

/** Holds what a claim answered to the model, and takes it over. */
function expectTaken(model: Model, taken: readonly ClaimedJob[], claiming: Claiming): void {
  const { workerId, limits, among } = claiming;
  const choice = choiceOf(model, claiming);
  const ids = new Set(taken.map(({ id }) => id));
  expect(choice.due.map(({ job }) => job.id)).toEqual(expect.arrayContaining([...ids]));
  expect(taken.length).toBeLessThanOrEqual(choice.most);
  expect(taken.length).toBeGreaterThanOrEqual(choice.least);
  for (const [first, ...rest] of choice.byKey.values()) {
    const takenOfKey = [first!, ...rest].filter(({ job }) => ids.has(job.id));
    expect(takenOfKey.length, "of one key").toBeLessThanOrEqual(model.keyRoomOf(first!, choice.perKey));
  }
  if (among === undefined) expectOrder(model, ids, claiming, choice);
  for (const run of taken) {
    const isKeyed = model.jobs.get(run.id)!.job.limitKey !== undefined;
    expect(run).toMatchObject(model.claimed(run.id, workerId));
    expect(run.isLimited === true).toBe(isKeyed || limits?.global === true);
    const isLimited = model.queues.get(claiming.queue)!.limit !== null;
    model.reach.by("a claim took jobs");
    model.reach.by("a job was taken under a global limit", isLimited);
    model.reach.by("a job with a concurrency key was taken", isKeyed);
    model.reach.by("a child that is waited for was taken", among === "awaited");
  }
}

const limitsArbitrary = fc.record({ global: fc.boolean(), perKey: fc.constantFrom(0, 1, 1, 2) });

function limitsOf(model: Model, queue: string, types: readonly string[], said: { global: boolean; perKey: number }) {
  const keyed = said.perKey > 0 && types.includes(KEYED) ? [{ type: KEYED, perKey: said.perKey }] : [];
  const global = said.global || model.queues.get(queue)!.limit !== null;
  return { global, keyed };
}

/**
 * `lost`: the claim is done and its answer is not seen, as where a process or a connection dies in between. `stale`: the
 * process has not heard of limits.
 */
export const claim: fc.Arbitrary<Step> = fc
  .record({
    worker: somewhere,
    place: somewhere,
    types: typeNames,
    limit: fc.integer({ min: 1, max: 4 }),
    oldestFirst: fc.boolean(),
    lost: fc.constantFrom(false, false, false, true),
    stale: fc.constantFrom(false, false, false, true),
    limits: limitsArbitrary,
    among: fc.constantFrom(undefined, undefined, undefined, "named" as const, "awaited" as const, "awaited" as const),
    named: fc.array(somewhere, { maxLength: 5 }),
  })
  .map(
    ({ worker, place, lost, stale, limits: said, among, named, ...rest }) =>
      new Step(
        `worker ${worker} claims ${JSON.stringify({ ...rest, place, lost, stale, said, among, named })}`,
        async (model, { store }) => {
          const ids = [...model.jobs.keys()];
          const jobs = named.flatMap((n) => ids[n % ids.length] ?? []);
          const queue = mostly(QUEUES, place, (name) => {
            const due = model.due(name, rest.types);
            const children = awaited(model);
            return among === "awaited" ? due.some(({ job }) => children.includes(job.id)) : due.length > 0;
          });
          const claiming: Claiming = {
            workerId: workerAt(model, worker),
            ...rest,
            queue,
            ...(!stale && { limits: limitsOf(model, queue, rest.types, said) }),
            ...(among !== undefined && { among: among === "named" ? jobs : among }),
          };
          const taken = await store.jobs.claim(claiming);
          expectTaken(model, taken, claiming);
          model.reach.by("a claim lost its answer", lost && taken.length > 0);
          if (!lost) model.runs.push(...taken.map(({ id, claimNo }) => ({ id, claimNo })));
        },
        hasWorkers,
      ),
  );

/** When the next job is due, and how many are. */
export const look: fc.Arbitrary<Step> = fc.record({ queue: queueName, types: typeNames, said: limitsArbitrary }).map(
  ({ queue, types, said }) =>
    new Step(
      `when is the next of ${types.join()} in ${queue} due ${JSON.stringify(said)}`,
      async (model, { store }) => {
        const due = model.due(queue, types);
        expect(await store.queues.depths({ queues: [{ name: queue, types }], limit: 1_000 })).toEqual([due.length]);
        // A worker that heeds the pause does not ask.
        if (model.queues.get(queue)!.paused) return;
        const limits = limitsOf(model, queue, types, said);
        const perKey = limits.keyed[0]?.perKey ?? 0;
        const waiting = [...model.jobs.values()].filter(
          (one) =>
            waits(one) &&
            one.job.queue === queue &&
            types.includes(one.job.type) &&
            (one.job.limitKey === undefined || perKey > 0),
        );
        const isKeptBack = (one: ModelJob): boolean =>
          one.job.limitKey !== undefined && one.dueMs <= model.nowMs && model.keyRoomOf(one, perKey) === 0;
        const told = await store.jobs.nextDue({ queue, types, limits });
        const instants = waiting.filter((one) => !isKeptBack(one)).map(({ dueMs }) => Math.max(0, dueMs - model.nowMs));
        if (limits.global && model.roomOf(queue) <= 0) expect(told).toBeNull();
        // What became due and no claim has looked at since is not known to be kept back.
        else if (told === 0 && waiting.some(isKeptBack)) return;
        else if (instants.length === 0) expect(told).toBeNull();
        else {
          const inMs = Math.min(...instants);
          expect(told).toBeLessThanOrEqual(inMs);
          expect(told).toBeGreaterThan(inMs - MINUTE_MS);
        }
      },
    ),
);
