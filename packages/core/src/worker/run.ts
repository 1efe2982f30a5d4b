import { LIMITS } from "@forge-jobs/protocol";
import type { ForgeContext } from "../context.ts";
import type { JobDefinition } from "../define.ts";
import type { JobOverrides } from "../dispatch.ts";
import { ForgeError } from "../errors.ts";
import type { Forge } from "../forge-types.ts";
import type { Logger } from "../logger.ts";
import { longTimer } from "../long-timer.ts";
import { type AbortCode, Dead, JobAborted, Snooze } from "../outcomes.ts";
import { backoffMs } from "../retry-policy.ts";
import { describeIssues, parseWith } from "../schema.ts";
import type { ClaimedJob, Outcome, RunUpdate, RunUpdateResult } from "../store.ts";
import { clipText, serialiseOutput } from "../values.ts";
import { runError, tame } from "./failure.ts";
import type { UpdateSource } from "./flusher.ts";
import { jobContext, type JobContextParts } from "./job-context.ts";

/** What a run asks of the worker around it. */
export interface RunHost {
  readonly log: Logger;
  readonly random: () => number;
  readonly context: ForgeContext;
  readonly dispatch: Forge["dispatch"];
  push(update: RunUpdate, source: UpdateSource): void;
  /** The handler has ended, or is given up on while it still runs (`zombie`). Called once. */
  freeSlot(run: Run, zombie: boolean): void;
  /** Whether one more handler that outlived its grace may be left running beside the slots. */
  mayAbandon(run: Run): boolean;
  /** A handler that was given up on has ended after all. */
  zombieEnded(run: Run): void;
  /** Why the fence refused a write of a handler that still runs. Never rejects. */
  whyStale(run: Run): Promise<"CANCELLED" | "LEASE_LOST">;
  /** Nothing more is to be written for this run. */
  release(run: Run): void;
}

/** A failure that no further run can mend; its message names the code that operators search for. */
class Hopeless extends Error {}

/** How long a handler's word counts after its signal aborted. */
export const GRACE_MS: number = 5_000;

const ABORT_SENTENCES: Record<AbortCode, string> = {
  CANCELLED: "The job was cancelled.",
  TIMEOUT: "The job ran out of time.",
  SHUTDOWN: "The process stops.",
  LEASE_LOST: "Another worker may own the job by now.",
};

/**
 * One run of one job, from its handler's start to the acknowledgement of its outcome.
 *
 * Running: the handler is under way; progress is written behind. Aborted: `signal` has aborted, the handler has 5 s left in
 * which its outcome counts. Settled: the outcome is handed in; whatever the handler says later is ignored. Stale, at any
 * time: the fence refused a write; `signal` aborts with `LEASE_LOST` and nothing more is written.
 */
export class Run implements UpdateSource {
  readonly job: ClaimedJob;
  readonly definition: JobDefinition;
  readonly #host: RunHost;
  readonly #overrides: JobOverrides;
  #controller: AbortController | null = null;
  #abortedBy: JobAborted | null = null;
  #startedAt = 0;
  #settled = false;
  #ended = false;
  #slotHeld = true;
  #cancelRequested = false;
  #disarm: () => void = () => {};
  #disarmGrace: () => void = () => {};

  constructor(job: ClaimedJob, definition: JobDefinition, host: RunHost) {
    this.job = job;
    this.definition = definition;
    this.#host = host;
    this.#overrides = job.overrides === null ? {} : (JSON.parse(job.overrides) as JobOverrides);
  }

  /** How long the handler has had its slot, in milliseconds. */
  get ms(): number {
    return performance.now() - this.#startedAt;
  }

  /** Whether the outcome is handed in. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Starts the handler. Never throws, and never rejects. */
  async start(): Promise<void> {
    this.#startedAt = performance.now();
    this.#say({ started: true });
    this.#armTimeout();
    let outcome: () => Outcome;
    try {
      const output = await this.#call();
      outcome = () => this.#completed(output);
    } catch (thrown) {
      const seen = tame(thrown);
      outcome = () => this.#failed(seen);
    }
    this.#ended = true;
    this.#settle(outcome);
    if (this.#slotHeld) this.#giveSlotBack(false);
    else this.#host.zombieEnded(this);
  }

  /** Aborts the handler's signal; it has 5 s from now. The first reason stands. */
  abort(code: AbortCode): void {
    if (code === "CANCELLED") this.#cancelRequested = true;
    if (this.#abortedBy !== null || this.#ended) return;
    this.#abortedBy = new JobAborted(code, ABORT_SENTENCES[code]);
    this.#disarm();
    this.#controller?.abort(this.#abortedBy);
    this.#disarmGrace = longTimer(() => this.#giveUp(), GRACE_MS);
  }

  onResult(result: RunUpdateResult, update: RunUpdate): void {
    if (result.result === "stale") {
      this.#settled = true;
      this.#host.release(this);
      if (!this.#ended) void this.#host.whyStale(this).then((code) => this.abort(code));
    } else if (update.outcome !== null) {
      this.#host.release(this);
    } else if (result.cancelRequested) {
      this.abort("CANCELLED");
    }
  }

  onRefused(update: RunUpdate): RunUpdate | null {
    if (update.outcome === null)
      return update.progress === undefined && update.message === undefined
        ? null
        : { ...update, progress: undefined, message: undefined };
    if (update.outcome.kind === "completed") {
      return {
        ...update,
        message: undefined,
        outcome: this.#failure(new Hopeless("OUTPUT_INVALID: the database refuses the output.")),
      };
    }
    if (!("error" in update.outcome) || update.outcome.error === "") return null;
    return { ...update, message: undefined, outcome: { ...update.outcome, error: "" } };
  }

  async #call(): Promise<unknown> {
    const raw: unknown = JSON.parse(this.job.input);
    let input = raw;
    if (this.definition.input !== null) {
      let parsed = await parseWith(this.definition.input, raw);
      // A dispatch without an input is stored as null.
      if ("issues" in parsed && raw === null) parsed = await parseWith(this.definition.input, undefined);
      if ("issues" in parsed) throw new Hopeless(`INPUT_INVALID: ${describeIssues(parsed.issues)}`);
      input = parsed.value;
    }
    const returned: unknown = await this.definition.run(jobContext(this.#contextParts()), input);
    if (this.definition.output === null) return returned;
    const checked = await parseWith(this.definition.output, returned);
    if ("issues" in checked) throw new Hopeless(`OUTPUT_INVALID: ${describeIssues(checked.issues)}`);
    return checked.value;
  }

  #contextParts(): JobContextParts {
    return {
      job: this.job,
      log: this.#host.log,
      shared: this.#host.context,
      dispatch: this.#host.dispatch,
      signal: () => this.#signal(),
      progress: (percent, message) => this.#progress(percent, message),
      heartbeat: () => this.#heartbeat(),
      isCancelRequested: () => this.#cancelRequested,
    };
  }

  #signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#abortedBy !== null) this.#controller.abort(this.#abortedBy);
    }
    return this.#controller.signal;
  }

  #progress(percent: number | null, message: string | undefined): void {
    if (this.#settled) return;
    try {
      if (percent !== null && !Number.isFinite(percent))
        throw new TypeError("percent is neither a finite number nor null");
      this.#say({
        progress: percent === null ? null : Math.min(Math.max(percent, 0), 100),
        ...(message !== undefined && { message: clipText(message, LIMITS.messageBytes) }),
      });
    } catch (cause) {
      this.#host.log.warn("A call of progress() was ignored; it takes 0 to 100 or null, and text", {
        jobId: this.job.id,
        cause,
      });
    }
  }

  #heartbeat(): Promise<void> {
    if (this.#abortedBy !== null) {
      const refused = Promise.reject(this.#abortedBy);
      // A call that nobody awaits, say from an interval, must not end the process.
      refused.catch(() => {});
      return refused;
    }
    if (!this.#ended && !this.#settled) this.#armTimeout();
    return Promise.resolve();
  }

  #say(part: Partial<RunUpdate>): void {
    this.#host.push(
      {
        id: this.job.id,
        claimNo: this.job.claimNo,
        started: false,
        progress: undefined,
        message: undefined,
        outcome: null,
        ...part,
      },
      this,
    );
  }

  #settle(outcome: () => Outcome): void {
    this.#disarm();
    this.#disarmGrace();
    if (this.#settled) return;
    const settled = outcome();
    this.#settled = true;
    this.#say({ outcome: settled });
  }

  #completed(output: unknown): Outcome {
    try {
      const { json, mended } = serialiseOutput(output, `The output of ${this.job.type}`);
      if (mended)
        this.#host.log.warn("The output held NUL or half surrogate pairs; they were replaced", { jobId: this.job.id });
      return { kind: "completed", output: json };
    } catch (cause) {
      return this.#failed(
        new Hopeless(`OUTPUT_INVALID: ${cause instanceof ForgeError ? cause.message : "it cannot be serialised."}`, {
          cause,
        }),
      );
    }
  }

  #failed(thrown: unknown): Outcome {
    if (thrown instanceof Snooze) return { kind: "given_back", delayMs: thrown.delayMs };
    if (thrown instanceof Dead) return { kind: "dead_letter", ...runError(this.definition, this.job.id, thrown) };
    const code = this.#abortedBy?.code;
    if (code === "SHUTDOWN" || code === "LEASE_LOST") return { kind: "given_back", delayMs: 0 };
    return this.#failure(thrown);
  }

  #failure(thrown: unknown): Outcome {
    const error = runError(this.definition, this.job.id, thrown);
    const left = this.job.maxAttempts - this.job.attempt;
    if (this.#cancelRequested) return { kind: "failed", ...error };
    this.#host.log.warn("A run failed", {
      jobId: this.job.id,
      jobType: this.job.type,
      attempt: this.job.attempt,
      runsLeft: Math.max(left, 0),
      error: error.error,
    });
    if (left <= 0 || thrown instanceof Hopeless) return { kind: "failed", ...error };
    const policy = this.#overrides.retry ?? this.definition.retry;
    const failures = Math.max(1, policy.maxAttempts - left);
    return { kind: "retry", delayMs: backoffMs(policy, failures, this.#host.random), ...error };
  }

  /** The grace is over: settle by the reason of the abort, and leave the handler behind. */
  #giveUp(): void {
    if (this.#ended) return;
    this.#settle(() => this.#failed(this.#abortedBy));
    this.#host.log.warn("A handler did not end within 5 s after its signal aborted; its outcome no longer counts", {
      jobId: this.job.id,
      jobType: this.job.type,
      reason: this.#abortedBy?.code,
    });
    if (this.#host.mayAbandon(this)) this.#giveSlotBack(true);
  }

  #giveSlotBack(zombie: boolean): void {
    this.#slotHeld = false;
    this.#host.freeSlot(this, zombie);
  }

  #armTimeout(): void {
    this.#disarm();
    this.#disarm = longTimer(() => this.abort("TIMEOUT"), this.#overrides.timeoutMs ?? this.definition.timeoutMs);
  }
}
