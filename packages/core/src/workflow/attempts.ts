import { ForgeError } from "../errors.ts";
import { isNamedBy } from "../error-match.ts";
import { longTimer } from "../long-timer.ts";
import { Dead, JobAborted, RateLimited, Snooze } from "../outcomes.ts";
import { type RetryPolicy, retryDelayMs } from "../retry-policy.ts";
import type { StepError, StepKind, StepRecord, StepWrite } from "../store.ts";
import { serialiseOutput } from "../values.ts";
import { runError, tame } from "../worker/failure.ts";
import { inTime } from "../in-time.ts";
import { aborted, GRACE_MS } from "../worker/stop-switch.ts";
import type { Episode } from "./episode.ts";
import { never } from "./never.ts";
import { StepInterrupted } from "./step-failed.ts";
import type { StepFunction } from "./tuning.ts";

/** A step that is to be done. */
export interface Work {
  readonly key: string;
  readonly kind: Extract<StepKind, "step" | "undo">;
  readonly ord: number;
  readonly fn: StepFunction;
  readonly retry: RetryPolicy;
  /** Null: as long as the run. */
  readonly timeoutMs: number | null;
  readonly atMostOnce: boolean;
  readonly hasUndo: boolean;
  /** Aborts when the step is no longer wanted. */
  readonly signal: AbortSignal;
  /** Whether the code has given the step up, and goes on without it. */
  readonly isGivenUp: () => boolean;
}

const DRAIN_MS = 5_000;

type Ended = { readonly output: string } | { readonly thrown: unknown };

/**
 * Does a step until it has ended, attempt by attempt, and answers its record; never, where the run is put away or let go of
 * before that.
 *
 * A failed attempt is recorded with the time of the next one, which may come in another process.
 */
export async function attempts(episode: Episode, work: Work, recorded: StepRecord | undefined): Promise<StepRecord> {
  let last = recorded;
  for (;;) {
    if (last !== undefined && last.status !== "running") return last;
    if (last?.dueAt != null) await pause(episode, work, last.dueAt);
    if (work.signal.aborted) return await stopped(episode, work, last?.attempt ?? 1);
    if (work.atMostOnce && last?.dueAt === null) {
      return episode.write(failed(episode, work, last.attempt, new StepInterrupted(work.key)));
    }
    last = await oneAttempt(episode, work, numberOf(work, last));
  }
}

/** One that was cut short, by the death of its process or because it asked for it, is made again under the same number. */
function numberOf({ atMostOnce }: Work, last: StepRecord | undefined): number {
  if (last === undefined) return 1;
  const hasEnded = last.dueAt !== null && (last.failure !== null || atMostOnce);
  return hasEnded ? last.attempt + 1 : last.attempt;
}

async function oneAttempt(episode: Episode, work: Work, attempt: number): Promise<StepRecord> {
  const start = said(work, { status: "running", attempt });
  if (work.atMostOnce) await episode.write(start);
  else episode.writeLater(start);
  // Between its end and the write that says so the run must not be put away.
  const release = episode.hold();
  try {
    const end = await ended(episode, work, attempt);
    if ("output" in end) {
      return await episode.write(
        said(work, { status: "completed", attempt, output: end.output, seq: episode.memo.nextSeq() }),
      );
    }
    // What a step throws that was told to stop says nothing of the step.
    if (work.signal.aborted || episode.link.signal.aborted) {
      const record = stopped(episode, work, attempt);
      release();
      return await record;
    }
    if (end.thrown instanceof RateLimited) await drain(episode, end.thrown);
    return await episode.write(whatNow(episode, work, attempt, end.thrown));
  } finally {
    release();
  }
}

/** What becomes of a step that is not wanted any more: the code has given it up, or goes no further here itself. */
async function stopped(episode: Episode, work: Work, attempt: number): Promise<StepRecord> {
  if (!work.isGivenUp() || !episode.isForward) return await never();
  return await episode.write(said(work, { status: "skipped", attempt }));
}

async function drain({ link }: Episode, { scope, retryAfterMs }: RateLimited): Promise<void> {
  try {
    await inTime(link.drain(scope, retryAfterMs), DRAIN_MS);
  } catch (cause) {
    link.log.warn("A rate limit could not be drained; only this step waits", { runId: link.job.id, scope, cause });
  }
}

/** Calls the step's function, with a signal and within its time. */
async function ended(episode: Episode, work: Work, attempt: number): Promise<Ended> {
  const controller = new AbortController();
  const over = Promise.withResolvers<never>();
  over.promise.catch(() => {});
  let disarmGrace = (): void => {};
  const stop = (): void => {
    controller.abort(work.signal.reason);
    disarmGrace = longTimer(() => {
      // Where this process lets go of the run it gives up on all of it by itself.
      if (episode.link.signal.aborted) return;
      const { id: runId } = episode.link.job;
      const what = "A step did not end within 5 s after its signal aborted; what comes of it no longer counts";
      episode.link.log.warn(what, { runId, step: work.key });
      over.reject(work.signal.reason);
    }, GRACE_MS);
  };
  if (work.signal.aborted) stop();
  else work.signal.addEventListener("abort", stop, { once: true });
  const disarm =
    work.timeoutMs === null
      ? (): void => {}
      : longTimer(() => {
          controller.abort(aborted("TIMEOUT"));
          over.reject(aborted("TIMEOUT"));
        }, work.timeoutMs);
  const { job, desk } = episode.link;
  const idempotencyKey = `${job.id}/${work.key}`;
  const fn = desk.tuning.stepFunction(job, work.key, work.fn);
  try {
    const called = (async () => fn({ idempotencyKey, attempt, signal: controller.signal }))();
    const output = await Promise.race([called, over.promise]);
    return { output: serialised(work.key, output) };
  } catch (thrown) {
    return { thrown: tame(thrown) };
  } finally {
    disarm();
    disarmGrace();
    work.signal.removeEventListener("abort", stop);
  }
}

/** What is written of an attempt that failed: when the next one is, or that the step has failed. */
function whatNow(episode: Episode, work: Work, attempt: number, thrown: unknown): Omit<StepWrite, "run"> {
  if (thrown instanceof Snooze) return again(work, attempt, thrown.delayMs, null);
  if (thrown instanceof RateLimited) return again(work, attempt, thrown.retryAfterMs, null);
  const { retry } = work;
  const mayRepeat =
    !work.atMostOnce &&
    !(thrown instanceof Dead) &&
    attempt < retry.maxAttempts &&
    (retry.on === null || isNamedBy(retry.on, thrown));
  if (!mayRepeat) return failed(episode, work, attempt, thrown);
  const delayMs = retryDelayMs(retry, attempt, thrown, episode.link);
  return again(work, attempt, delayMs, errorOf(episode, thrown));
}

function again(work: Work, attempt: number, delayMs: number, failure: StepError | null): Omit<StepWrite, "run"> {
  return said(work, { status: "running", attempt, due: { inMs: delayMs }, failure });
}

function failed(episode: Episode, work: Work, attempt: number, thrown: unknown): Omit<StepWrite, "run"> {
  const failure = errorOf(episode, thrown);
  return said(work, { status: "failed", attempt, failure, seq: episode.memo.nextSeq() });
}

function errorOf({ link }: Episode, thrown: unknown): StepError {
  const { error, errorName, publicError } = runError(link.definition, link.job.id, thrown);
  return { error, errorName: thrown instanceof JobAborted ? thrown.code : (errorName ?? null), publicError };
}

function said(work: Work, what: Partial<StepWrite> & Pick<StepWrite, "status" | "attempt">): Omit<StepWrite, "run"> {
  return {
    key: work.key,
    kind: work.kind,
    ord: work.ord,
    seq: null,
    output: null,
    failure: null,
    due: null,
    childId: null,
    hasUndo: work.hasUndo,
    signal: null,
    ...what,
  };
}

/** Waits until an attempt is due, or not wanted any more; the run may be put away meanwhile. */
async function pause(episode: Episode, { key, signal }: Work, dueAt: number): Promise<void> {
  const over = Promise.withResolvers<void>();
  const end = episode.wait(key, { label: key, dueAt, onDue: () => over.resolve() });
  const stop = (): void => over.resolve();
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  await over.promise;
  signal.removeEventListener("abort", stop);
  end();
}

/** JSON of what a step returned. Throws what fails the step for good. */
export function serialised(key: string, output: unknown): string {
  try {
    return serialiseOutput(output, `What the step ${key} returned`).json;
  } catch (cause) {
    throw Dead(cause instanceof ForgeError ? cause.message : `What the step ${key} returned cannot be serialised.`, {
      cause,
    });
  }
}
