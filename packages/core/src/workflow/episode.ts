import type { ForgeContext } from "../context.ts";
import type { JobDefinition } from "../define.ts";
import type { Logger } from "../logger.ts";
import { longTimer } from "../long-timer.ts";
import { JobAborted, RateLimited, Snooze } from "../outcomes.ts";
import type { ClaimedJob, Outcome, RunError, StepRecord, StepWrite, Suspension } from "../store.ts";
import { runError } from "../worker/failure.ts";
import { aborted } from "../worker/stop-switch.ts";
import { Deliveries } from "./deliveries.ts";
import { firmly } from "./firmly.ts";
import type { Memo } from "./memo.ts";
import { never } from "./never.ts";
import { OpenWaits, type Wait } from "./open-waits.ts";
import type { RunDesk } from "./run-desk.ts";
import { Scope } from "./scope.ts";
import { Undo, type UndoStep } from "./undo.ts";

/** How an episode ends: the function returned or threw, the run is put away, or its undoing has ended. */
export type EpisodeEnd =
  | { readonly output: unknown }
  | { readonly thrown: unknown }
  | { readonly outcome: Suspension | Extract<Outcome, { kind: "compensated" | "failed" }> };

/** What an episode asks of what the runs of its process share. */
export type EpisodeDesk = Pick<
  RunDesk,
  | "tuning"
  | "watch"
  | "load"
  | "write"
  | "writeLater"
  | "writeIn"
  | "undo"
  | "block"
  | "newChild"
  | "dispatch"
  | "isAbove"
>;

/** What an episode asks of the run around it. */
export interface EpisodeLink {
  readonly job: ClaimedJob;
  readonly definition: JobDefinition;
  readonly desk: EpisodeDesk;
  readonly log: Logger;
  readonly random: () => number;
  readonly shared: ForgeContext;
  /** Aborts when this process is to let go of the run. */
  readonly signal: AbortSignal;
  /** Empties the bucket of a rate limit; see `RateLimited`. */
  readonly drain: (scope: string, retryAfterMs: number) => Promise<void>;
  /** The fence refused a write; answers what the signal has aborted with. */
  readonly onStale: () => Promise<JobAborted>;
  /** Somebody asked for the run to be cancelled. */
  readonly onCancelled: () => void;
}

/** How long after a hint the run is read anew: at once where it waits for others, and seldom where it only writes itself. */
const LISTENING_MS = 10;
const BUSY_MS = 250;
/** How long a code that retraces its record may wait for things of its own before it counts as one that stands still. */
const PATIENCE_MS = 5_000;
const REFUSED_PAUSE = "10s";
const SHOWN_STEPS = 10;

/**
 * One worker's turn with a run of a workflow, from its claim until the run ends or is put away.
 *
 * Forward: the code runs from its beginning; recorded steps hand out what is recorded, and once that is done others happen.
 * Retracing, after the code threw, its time was up or an earlier turn had turned round: nothing new begins, what is in flight
 * ends, and the code runs as far as the record goes, so that it offers how to undo what is recorded. Turning: that the run is
 * undone is being written. Undoing: recorded steps are undone, the last first. Over: the end is known, or the run is put away;
 * what the code waits for never comes, and this worker forgets the run.
 *
 * Leaving, in each of them: nothing new begins, and the episode is over as soon as nothing is in flight.
 */
export class Episode {
  readonly memo: Memo;
  readonly link: EpisodeLink;
  readonly root: Scope = new Scope();
  readonly deliveries: Deliveries = new Deliveries(() => this.#onIdle());
  /** How to undo steps, by their keys, as far as the code has come. */
  readonly undos: Map<string, UndoStep> = new Map<string, UndoStep>();
  /** Steps in transactions of the code's own that it tried last, by their names: whether those committed is not known. */
  readonly tried: Map<string, { readonly key: string; readonly tx: unknown }> = new Map();
  readonly #end = Promise.withResolvers<EpisodeEnd>();
  readonly #controller = new AbortController();
  readonly #waits = new OpenWaits();
  readonly #catchingUp = Promise.withResolvers<void>();
  #isCaughtUp: boolean;
  #mode: "forward" | "retracing" | "turning" | "undoing" | "over" = "forward";
  #leaving: (() => EpisodeEnd) | null = null;
  /** Something was asked for while leaving, and comes as soon as the run is taken up again. */
  #hasRefused = false;
  #inFlight = 0;
  #returned: { readonly output: unknown } | null = null;
  #hasCodeEnded = false;
  #failure: unknown = null;
  #isOutOfPatience = false;
  #patience: NodeJS.Timeout | undefined;
  #lingering: NodeJS.Timeout | undefined;
  #hinted: { readonly timer: NodeJS.Timeout; readonly isUrgent: boolean } | null = null;
  #forget: (() => void) | null = null;
  #stopClock: () => void = () => {};

  constructor(link: EpisodeLink, memo: Memo) {
    this.link = link;
    this.memo = memo;
    this.#isCaughtUp = memo.isTold;
  }

  /** Aborts when the run is to stop what it does: cancelled, failed, out of time, no longer this process's. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborts when what is asked for in a scope is to stop. */
  signalIn(scope: Scope): AbortSignal {
    // Nothing closes the root.
    return scope === this.root ? this.signal : AbortSignal.any([this.signal, scope.signal]);
  }

  /** Whether steps that are not recorded may begin. */
  get isForward(): boolean {
    return this.#mode === "forward" && this.#leaving === null;
  }

  /** Whether steps may be undone. */
  get isUndoing(): boolean {
    return this.#mode === "undoing" && this.#leaving === null;
  }

  /** Whether the code has been told what is recorded, as far as it asks for it. */
  get isCaughtUp(): boolean {
    return this.#isCaughtUp || this.memo.isTold;
  }

  /** Runs the code. Never rejects. */
  run(code: () => Promise<unknown>): Promise<EpisodeEnd> {
    const { signal } = this.link;
    const onAbort = (): void => this.#letGo(signal.reason);
    const { timeoutAt, undoing } = this.memo;
    if (undoing !== null) this.#mode = "retracing";
    else if (timeoutAt !== null) this.#armTimeout(timeoutAt);
    if (signal.aborted) onAbort();
    else {
      signal.addEventListener("abort", onAbort, { once: true });
      void this.#call(code);
    }
    this.deliveries.touch();
    this.#lingering = setTimeout(() => this.#listen(), BUSY_MS);
    return this.#end.promise.finally(() => {
      signal.removeEventListener("abort", onAbort);
      this.#close();
    });
  }

  /** Begins nothing more, and gives the run back as soon as nothing is in flight: the process is about to stop. */
  leave(): void {
    this.#leaving ??= () => ({ outcome: this.#suspension() });
    this.#waits.release();
    this.deliveries.touch();
  }

  /** Keeps the run from being put away until the answer is called. */
  hold(): () => void {
    this.#inFlight++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#inFlight--;
      this.deliveries.touch();
    };
  }

  /** Resolves once what is recorded has been handed out, as far as the code asks for it. */
  async caughtUp(): Promise<void> {
    if (!this.isCaughtUp) await this.#catchingUp.promise;
  }

  /** What is asked for of a run that goes no further here. */
  refused(): Promise<never> {
    if (this.#leaving !== null) this.#hasRefused = true;
    return never();
  }

  /** Hands a recorded result to the code, unless that part of it was given up. */
  told(scope: Scope, step: StepRecord, go: () => void): void {
    this.memo.met(step);
    if (!scope.isClosed) {
      this.memo.told(step);
      go();
    }
  }

  /** Records what is said of a step, and answers what is recorded of it then; never, where the run is not ours any more. */
  async write(said: Omit<StepWrite, "run">): Promise<StepRecord> {
    const release = this.hold();
    const isWritten = said.seq === null ? (): void => {} : this.deliveries.expect(said.seq);
    try {
      const { id, claimNo } = this.link.job;
      const result = await this.link.desk.write({ ...said, run: { id, claimNo } });
      if (result.kind === "stale") {
        this.#finish({ thrown: await this.link.onStale() });
        return await never();
      }
      this.memo.put(result.step);
      if (result.cancelRequested) this.link.onCancelled();
      return result.step;
    } finally {
      isWritten();
      release();
    }
  }

  /** The same for what need not be durable before anything else happens; it goes with the next write. */
  writeLater(said: Omit<StepWrite, "run">): void {
    const { id, claimNo } = this.link.job;
    this.link.desk.writeLater({ ...said, run: { id, claimNo } });
  }

  /** Waits under a key, for which the run can be put away; the answer ends the wait. */
  wait(key: string, wait: Wait): () => void {
    const { now } = this.memo;
    const isShort =
      wait.dueAt !== null && wait.dueAt - now < this.link.desk.tuning.shortWaitMs && this.#leaving === null;
    const end = this.#waits.add(key, wait, now, isShort ? this.hold() : () => {});
    if (this.#hinted !== null && wait.onRead !== undefined) this.#onMoved();
    this.deliveries.touch();
    return end;
  }

  /** Reads anew what others have written for the run; null where it is let go before that can be had. */
  async read(): Promise<true | null> {
    const { desk, job } = this.link;
    const release = this.hold();
    try {
      const read = await firmly(() => desk.load(job.id), this.link);
      if (this.#mode === "over" || this.link.signal.aborted) return null;
      if (read === null) {
        this.#finish({ thrown: await this.link.onStale() });
        return null;
      }
      this.memo.refresh(read);
      if (this.memo.undoing !== null) this.#turnRound(null);
      this.#waits.look();
      return true;
    } finally {
      release();
    }
  }

  async #call(code: () => Promise<unknown>): Promise<void> {
    try {
      this.#returned = { output: await code() };
    } catch (thrown) {
      const isPutOff = thrown instanceof Snooze || thrown instanceof RateLimited;
      if (isPutOff && this.#mode === "forward") this.#leaving ??= () => ({ thrown });
      else this.#turnRound(thrown);
    }
    this.#hasCodeEnded = true;
    this.deliveries.touch();
  }

  /** The code failed, the run's time is up, or a person asked for it to be undone (null). */
  #turnRound(failure: unknown): void {
    if (this.#mode !== "forward") return;
    this.#mode = "retracing";
    this.#failure = failure;
    this.#controller.abort(aborted(failure instanceof JobAborted ? failure.code : "CANCELLED"));
    this.#waits.clear();
    this.deliveries.touch();
  }

  /** Whether the code has offered how to undo what is recorded, or will not. */
  get #hasRetraced(): boolean {
    if (this.#hasCodeEnded || this.#isOutOfPatience) return true;
    if (this.memo.toUndo().every(({ key }) => this.undos.has(key))) return true;
    this.#patience ??= setTimeout(() => {
      this.#isOutOfPatience = true;
      this.deliveries.touch();
    }, PATIENCE_MS);
    return false;
  }

  async #turn(): Promise<void> {
    this.#mode = "turning";
    const release = this.hold();
    try {
      if (this.memo.undoing === null && !(await this.#sayThatItIsUndone())) return;
      this.#mode = "undoing";
    } catch (cause) {
      this.link.log.error("A run cannot be turned round; it is tried again", { runId: this.link.job.id, cause });
      this.#finish({ thrown: new Snooze(REFUSED_PAUSE) });
    } finally {
      release();
    }
    if (this.#mode === "undoing") await this.#undo();
  }

  /** Answers whether the run is to be undone, and ours. */
  async #sayThatItIsUndone(): Promise<boolean> {
    const { job, definition, desk } = this.link;
    // What was recorded in transactions of the code's own is only known to the store.
    if ((await this.read()) === null || this.#leaving !== null) return false;
    if (this.memo.toUndo().length === 0) {
      this.#finish({ thrown: this.#failure });
      return false;
    }
    const failure = runError(definition, job.id, this.#failure);
    const undoing = {
      failure: { ...failure, errorName: failure.errorName ?? null },
      endsAs: "failed" as const,
    };
    const isOurs = await firmly(() => desk.undo({ id: job.id, claimNo: job.claimNo, ...undoing }), this.link);
    if (isOurs === false) this.#finish({ thrown: await this.link.onStale() });
    if (isOurs !== true || this.#mode !== "turning") return false;
    this.memo.undoing = undoing;
    return true;
  }

  async #undo(): Promise<void> {
    const { failure } = this.memo.undoing!;
    try {
      const isUndone = await new Undo(this).run();
      const error: RunError = { error: failure.error, publicError: failure.publicError, ...named(failure.errorName) };
      this.#finish({ outcome: { kind: isUndone ? "compensated" : "failed", ...error } });
    } catch (cause) {
      this.link.log.error("A run cannot be undone; it is tried again", { runId: this.link.job.id, cause });
      this.#finish({ thrown: new Snooze(REFUSED_PAUSE) });
    }
  }

  /** The code stands still, and nothing is to be handed out. */
  #onIdle(): void {
    if (this.#mode === "over") return;
    if (!this.#isCaughtUp && this.memo.isTold) {
      // Only now, since what the code was told last may have made it give up what waits for this.
      this.#catchUp();
      return;
    }
    if (this.#inFlight > 0) {
      if (this.#waits.listen) this.#listen();
      return;
    }
    const hasReturned = this.#mode === "forward" && this.#returned !== null;
    if (this.#leaving !== null && (!hasReturned || this.#hasRefused)) this.#finish(this.#leaving());
    else if (!this.#isCaughtUp) this.#catchUp();
    else if (this.#mode === "forward") {
      if (this.#returned !== null) this.#endForward(this.#returned);
      else if (this.#waits.size > 0) this.#endForward({ outcome: this.#suspension() });
    } else if (this.#mode === "retracing") {
      if (this.#hasRetraced) void this.#turn();
    } else if (this.#mode === "undoing" && this.#waits.size > 0) this.#finish({ outcome: this.#suspension() });
  }

  #catchUp(): void {
    this.#isCaughtUp = true;
    this.#catchingUp.resolve();
    this.deliveries.touch();
  }

  #endForward(end: EpisodeEnd): void {
    const unasked = this.memo.unasked();
    if (unasked.length > 0) {
      const { id: runId, type: workflow } = this.link.job;
      const steps = unasked.slice(0, SHOWN_STEPS);
      const what = { runId, workflow, steps, count: unasked.length };
      this.link.log.warn("A run's code does not ask any more for steps that are recorded", what);
    }
    this.#finish(end);
  }

  /** Puts the run away until a person helps. */
  putAwayBlocked(): void {
    this.#finish({ outcome: { kind: "suspended", wakes: this.memo.wakes, dueAt: null, waitingFor: null } });
  }

  #suspension(): Suspension {
    const { wakes, now, timeoutAt } = this.memo;
    // One that leaves in the middle of its work is for the next process to take up.
    if (this.#waits.size === 0 || this.#hasRefused || !this.#isCaughtUp) {
      return { kind: "suspended", wakes, dueAt: Math.floor(now), waitingFor: null };
    }
    const dues = this.#waits.dues(now);
    if (timeoutAt !== null && this.#mode === "forward") dues.push(timeoutAt);
    const dueAt = dues.length === 0 ? null : Math.floor(Math.min(...dues));
    return { kind: "suspended", wakes, dueAt, waitingFor: this.#waits.label };
  }

  /** Begins to listen to what is said to the run, since something keeps it from being put away soon. */
  #listen(): void {
    if (this.#forget !== null || this.#mode === "over") return;
    this.#forget = this.link.desk.watch(this.link.job.id, () => this.#onMoved());
    this.#readOn();
  }

  #readOn(): void {
    this.read().catch((cause: unknown) => {
      this.link.log.warn("What was said to a run cannot be read; it is read again when it is put away", { cause });
    });
  }

  /** Somebody may have said something to the run. Hints of what it writes itself look the same. */
  #onMoved(): void {
    const isUrgent = this.#waits.listen;
    if (this.#hinted !== null && (this.#hinted.isUrgent || !isUrgent)) return;
    clearTimeout(this.#hinted?.timer);
    const timer = setTimeout(
      () => {
        this.#hinted = null;
        this.#readOn();
      },
      isUrgent ? LISTENING_MS : BUSY_MS,
    );
    this.#hinted = { timer, isUrgent };
  }

  #armTimeout(timeoutAt: number): void {
    const leftMs = timeoutAt - this.memo.now;
    if (leftMs > 0) this.#stopClock = longTimer(() => this.#turnRound(aborted("TIMEOUT")), Math.ceil(leftMs));
    // The record is retraced all the same: it tells how to undo what was done.
    else this.#turnRound(aborted("TIMEOUT"));
  }

  /** At once where nothing is in flight. */
  #letGo(reason: unknown): void {
    this.#controller.abort(reason);
    this.#leaving = () => ({ thrown: reason });
    if (this.#inFlight === 0) this.#finish({ thrown: reason });
    else this.#waits.release();
  }

  #finish(end: EpisodeEnd): void {
    if (this.#mode === "over") return;
    this.#mode = "over";
    this.#end.resolve(end);
  }

  #close(): void {
    this.#forget?.();
    this.#stopClock();
    clearTimeout(this.#patience);
    clearTimeout(this.#lingering);
    clearTimeout(this.#hinted?.timer);
    this.deliveries.stop();
    this.#waits.clear();
  }
}

function named(errorName: string | null): { errorName?: string } {
  return errorName === null ? {} : { errorName };
}
