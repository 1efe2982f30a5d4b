import { ForgeError } from "../errors.ts";
import { durationMs } from "../duration.ts";
import { refuseUnknownOptions } from "../options.ts";
import { retryLayer } from "../retry-options.ts";
import { retryPolicy } from "../retry-policy.ts";
import type { StepRecord, StepWrite } from "../store.ts";
import { attempts, serialised } from "./attempts.ts";
import { call, outputOf } from "./calls.ts";
import type { Episode } from "./episode.ts";
import { never } from "./never.ts";
import type { Scope } from "./scope.ts";
import type { StepFunction } from "./tuning.ts";
import type { StepOptions } from "./workflow-context.ts";

const OPTIONS: readonly (keyof StepOptions)[] = ["retry", "timeout", "compensate", "atMostOnce"];

/** See `WorkflowContext.step`. */
export async function step(
  episode: Episode,
  scope: Scope,
  name: string,
  fn: StepFunction,
  options: StepOptions = {},
): Promise<unknown> {
  const { retry, timeoutMs, compensate, atMostOnce } = checked(name, fn, options);
  const record = await call(episode, scope, {
    name,
    isNamed: true,
    happen: (itsKey, recorded) => {
      const work = {
        key: itsKey,
        kind: "step",
        ord: recorded?.ord ?? episode.memo.nextOrd(),
        fn,
        retry,
        timeoutMs,
        atMostOnce,
        hasUndo: compensate !== null,
        signal: episode.signalIn(scope),
        isGivenUp: () => scope.isClosed,
      } as const;
      return attempts(episode, work, recorded);
    },
    onRecord: ({ key }) => {
      if (compensate !== null) episode.undos.set(key, compensate);
    },
  });
  return outputOf(record);
}

/** See `WorkflowContext.stepIn`. */
export async function stepIn(
  episode: Episode,
  scope: Scope,
  tx: unknown,
  name: string,
  fn: StepFunction,
  options: Pick<StepOptions, "compensate"> = {},
): Promise<unknown> {
  const { compensate } = checked(name, fn, options);
  const tried = episode.tried.get(scope.names.exact(name));
  const again = tried === undefined || tried.tx === tx ? undefined : await untried(episode, tried.key);
  const record = await call(episode, scope, {
    name,
    isNamed: true,
    again,
    happen: (key, recorded) => {
      episode.tried.set(scope.names.exact(name), { key, tx });
      return once(episode, scope, { key, tx, fn, hasUndo: compensate !== null }, recorded);
    },
    onRecord: ({ key }) => {
      if (compensate !== null) episode.undos.set(key, compensate);
    },
  });
  return outputOf(record);
}

/**
 * The key again under which a step was tried in another transaction, where that one came to nothing: a replay, which does not
 * see it, will ask for this key first too.
 */
async function untried(episode: Episode, key: string): Promise<string | undefined> {
  if (!episode.isForward) return undefined;
  await episode.read();
  return episode.memo.step(key) === undefined ? key : undefined;
}

/** Runs a step inside a transaction; what fails, fails that. */
async function once(
  episode: Episode,
  scope: Scope,
  { key, tx, fn, hasUndo }: { key: string; tx: unknown; fn: StepFunction; hasUndo: boolean },
  recorded: StepRecord | undefined,
): Promise<StepRecord> {
  const { job, desk } = episode.link;
  const release = episode.hold();
  let isWritten = (): void => {};
  try {
    const signal = episode.signalIn(scope);
    const doStep = desk.tuning.stepFunction(job, key, fn);
    const output = await doStep({ idempotencyKey: `${job.id}/${key}`, attempt: 1, signal });
    const seq = episode.memo.nextSeq();
    isWritten = episode.deliveries.expect(seq);
    const write: StepWrite = {
      run: { id: job.id, claimNo: job.claimNo },
      key,
      kind: "step",
      status: "completed",
      ord: recorded?.ord ?? episode.memo.nextOrd(),
      seq,
      attempt: 1,
      output: serialised(key, output),
      failure: null,
      due: null,
      childId: null,
      hasUndo,
      signal: null,
    };
    const result = await desk.writeIn(write, tx);
    if (result.kind === "stale" || result.kind === "held") throw await episode.link.onStale();
    // Not noted: whether the transaction commits is not known yet, and a turn back reads anew.
    return result.step;
  } finally {
    isWritten();
    release();
  }
}

/** See `WorkflowContext.recordStepStart`. */
export function recordStepStart(episode: Episode, scope: Scope, name: string): void {
  const key = scope.names.exact(name);
  const recorded = episode.memo.look(key);
  if (recorded !== undefined || !episode.isForward || scope.isClosed) return;
  episode.writeLater(explicit(key, episode.memo.nextOrd(), { status: "running" }));
}

/** See `WorkflowContext.recordStepComplete`. */
export async function recordStepComplete(episode: Episode, scope: Scope, name: string, output: unknown): Promise<void> {
  const key = scope.names.exact(name);
  const recorded = episode.memo.look(key);
  if (recorded !== undefined && recorded.status !== "running") return;
  if (scope.isClosed) return await never();
  if (!episode.isForward) return await episode.refused();
  const { memo } = episode;
  const said = explicit(key, recorded?.ord ?? memo.nextOrd(), {
    status: "completed",
    output: serialised(key, output),
    seq: memo.nextSeq(),
  });
  // The code may ask for it before it is durable, and waits for that at the latest before it is put away.
  memo.put({ ...said, dueAt: null, startedAt: memo.now, endedAt: memo.now });
  await episode.write(said);
}

/** See `WorkflowContext.isStepCompleted`. */
export function completedStep(episode: Episode, scope: Scope, name: string): StepRecord | null {
  const recorded = episode.memo.look(scope.names.exact(name));
  return recorded?.status === "completed" || recorded?.status === "compensated" ? recorded : null;
}

function explicit(
  key: string,
  ord: number,
  what: Partial<StepWrite> & Pick<StepWrite, "status">,
): Omit<StepWrite, "run"> {
  return {
    key,
    kind: "step",
    ord,
    seq: null,
    attempt: 1,
    output: null,
    failure: null,
    due: null,
    childId: null,
    hasUndo: false,
    signal: null,
    ...what,
  };
}

function checked(name: string, fn: StepFunction, options: StepOptions) {
  const what = `The step ${JSON.stringify(name)}`;
  refuseUnknownOptions(what, options, OPTIONS);
  if (typeof fn !== "function") throw new ForgeError("BAD_REQUEST", `${what} needs a function.`);
  const { retry = {}, timeout, compensate, atMostOnce = false } = options;
  if (compensate !== undefined && typeof compensate !== "function") {
    throw new ForgeError("BAD_REQUEST", `compensate of the step ${JSON.stringify(name)} must be a function.`);
  }
  return {
    retry: retryPolicy(null, retryLayer(retry), {}),
    timeoutMs: timeout === undefined ? null : durationMs(timeout, `timeout of the step ${JSON.stringify(name)}`),
    compensate: compensate ?? null,
    atMostOnce,
  };
}
