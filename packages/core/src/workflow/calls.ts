import { ForgeError } from "../errors.ts";
import { ChildFailed } from "../child-failed.ts";
import type { StepRecord } from "../store.ts";
import { unwatched } from "../worker/unwatched.ts";
import type { Episode } from "./episode.ts";
import { never } from "./never.ts";
import type { Scope } from "./scope.ts";
import { stepFailed } from "./step-failed.ts";

/** Something that the code of a run asks for by name. */
export interface Call {
  /** The name that the code gave, or the one that it has where none was given. */
  readonly name: string;
  /** Whether the code gave the name: one that it did not give may stand for several things at once. */
  readonly isNamed: boolean;
  /** The key of an earlier try that left nothing behind, and that this is the repetition of. */
  readonly again?: string | undefined;
  /** Makes it happen and answers its record; called only where none is recorded as ended. */
  readonly happen: (key: string, recorded: StepRecord | undefined) => Promise<StepRecord>;
  /** The record is there; called before it is this call's turn. */
  readonly onRecord?: (step: StepRecord) => void;
}

/**
 * What is recorded under the name of a call, once it is there and it is this call's turn. Never, where the run goes no
 * further in this process, or the scope was given up.
 */
export function call(
  episode: Episode,
  scope: Scope,
  { name, isNamed, again, happen, onRecord }: Call,
): Promise<StepRecord> {
  const answer = async (): Promise<StepRecord> => {
    if (scope.isClosed) return await never();
    if (isNamed && scope.names.isOpen(name) && process.env["NODE_ENV"] !== "production") throw twice(name);
    const key = again ?? scope.names.next(name);
    const close = scope.names.open(name);
    try {
      const recorded = episode.memo.ask(key);
      const step = hasEnded(recorded) ? recorded : await begin(episode, scope, () => happen(key, recorded));
      onRecord?.(step);
      await turn(episode, scope, step);
      return step;
    } finally {
      close();
    }
  };
  // Code may start a step and wait for it later; its rejection is the run's only if nobody heard it by then.
  return unwatched(answer());
}

/** What a record holds. Throws what it failed with. */
export function outputOf(step: StepRecord): unknown {
  if (step.status === "failed") throw step.childId === null ? stepFailed(step) : childFailed(step);
  return step.output === null ? undefined : JSON.parse(step.output);
}

function hasEnded(step: StepRecord | undefined): step is StepRecord {
  return step !== undefined && step.status !== "running";
}

async function begin(episode: Episode, scope: Scope, happen: () => Promise<StepRecord>): Promise<StepRecord> {
  // What is recorded may close the scope: nothing begins that the code has given up already, the first time.
  await episode.caughtUp();
  if (scope.isClosed) return await never();
  // In undoing the record is retraced, and the code goes no further than that.
  if (!episode.isForward) return await episode.refused();
  return await happen();
}

/** Resolves when everything that ended before the step has been handed out. */
async function turn(episode: Episode, scope: Scope, step: StepRecord): Promise<void> {
  if (step.status === "skipped") return await never();
  const mine = Promise.withResolvers<void>();
  episode.deliveries.add(step.seq ?? 0, () => episode.told(scope, step, mine.resolve));
  await mine.promise;
}

function childFailed({ childId, failure }: StepRecord): ChildFailed {
  const { publicError = null, error = null, errorName } = failure ?? {};
  const status = (errorName ?? "failed") as "failed" | "dead_letter" | "cancelled" | "deleted";
  return new ChildFailed([{ id: childId!, status, publicError, error }]);
}

function twice(name: string): ForgeError {
  return new ForgeError(
    "BAD_REQUEST",
    `Two branches of this run ask for ${JSON.stringify(name)} at the same time; which of them is which could change from replay to replay. Give them names of their own, or wrap each branch in ctx.scope(name, (ctx) => …). What lost a Promise.race is still under way; ctx.race gives it up.`,
    { details: { step: name } },
  );
}
