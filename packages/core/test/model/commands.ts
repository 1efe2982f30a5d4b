import type fc from "fast-check";
import type { World } from "../../conformance/world.ts";
import { claim, look } from "./claiming.ts";
import { advanceCron, pauseCron, registerCron, seeCron, triggerCron } from "./crons.ts";
import { dispatchChild, insert, insertClaimed, waitForChildren } from "./dispatching.ts";
import type { Model } from "./model.ts";
import { cancel, discard, remove, retry, retryAll } from "./people.ts";
import { update } from "./running.ts";
import { acquire, configureBucket, drainBucket, sweepPlaces } from "./tokens.ts";
import {
  beat,
  configureQueue,
  die,
  drain,
  jump,
  register,
  sweepExpired,
  sweepFailed,
  sweepKeyed,
  sweepOld,
} from "./upkeep.ts";

// Left out: logs, saved values and history, which no other verb looks at; the caller's transactions and leases, whose matter
// is who does things at the same time, and a walk does one thing after the other. The conformance suite has all of them.

/** All that may happen, and how often: so that jobs get far in a short walk. */
const WEIGHTS: readonly (readonly [weight: number, fc.Arbitrary<fc.AsyncCommand<Model, World>>])[] = [
  [5, insert],
  [2, insertClaimed],
  [5, dispatchChild],
  [2, waitForChildren],
  [12, claim],
  [9, update],
  [2, register],
  [2, cancel],
  [2, retry],
  [2, retryAll],
  [1, discard],
  [1, remove],
  [1, die],
  [1, drain],
  [1, beat],
  [3, jump],
  [2, sweepFailed],
  [2, sweepOld],
  [2, sweepExpired],
  [1, sweepKeyed],
  [1, look],
  [1, configureQueue],
  [1, configureBucket],
  [2, acquire],
  [1, drainBucket],
  [1, sweepPlaces],
  [1, registerCron],
  [1, seeCron],
  [2, advanceCron],
  [1, triggerCron],
  [1, pauseCron],
];

export const COMMANDS: fc.Arbitrary<fc.AsyncCommand<Model, World>>[] = WEIGHTS.flatMap(([weight, command]) =>
  Array.from({ length: weight }, () => command),
);
