import type { JobDefinition } from "../define.ts";
import type { JobOverrides } from "../dispatch.ts";
import type { AbortCode, JobAborted } from "../outcomes.ts";
import type { ClaimedJob, Outcome, RunUpdate, RunUpdateResult } from "../store.ts";
import { JsonOutput } from "../isolate/isolated-call.ts";
import { Hopeless, tame } from "./failure.ts";
import type { UpdateSource } from "./flusher.ts";
import { checkedOutput, parsedInput } from "./handler-values.ts";
import { progressSaid } from "./progress.ts";
import { lessOf } from "./refused-update.ts";
import type { RunHost } from "./run-host.ts";
import { type HandlerEnd, RunHooks } from "./run-hooks.ts";
import { RunParts } from "./run-parts.ts";
import { endedBadly, hopeless, outputJson } from "./verdict.ts";
import { aborted, StopSwitch } from "./stop-switch.ts";
import type { WorkflowPlan } from "../workflow/define-workflow.ts";
import type { EpisodeEnd } from "../workflow/episode.ts";
import { type Completion, SettledInVain } from "./settle-in.ts";
import { unwatched } from "./unwatched.ts";

/**
 * One run of one job, from its handler's start to the acknowledgement of its outcome.
 *
 * Starting, where a worker died with the job before: until the row says `running`, so that one which ends its process at
 * its first step is seen to have run. Running: the handler is under way; progress is written behind. Aborted: `signal` has
 * aborted, the handler has 5 s left in which its outcome counts. Settled: the outcome is handed in; whatever the handler says
 * later is ignored. Stale, at any time: the fence refused a write; `signal` aborts with `LEASE_LOST` and nothing more is
 * written. After `settleIn` stale may mean settled; nothing is handed in before it is known whether that transaction
 * committed.
 */
export class Run implements UpdateSource {
  readonly job: ClaimedJob;
  readonly definition: JobDefinition;
  readonly #host: RunHost;
  readonly overrides: JobOverrides;
  readonly #hooks: RunHooks | null;
  readonly #parts: RunParts;
  #answered: PromiseWithResolvers<void> | null = null;
  readonly #stop: StopSwitch;
  #startedAt = 0;
  #settled = false;
  #ended = false;
  #slotHeld = true;
  #cancelRequested = false;
  #startWritten: PromiseWithResolvers<void> | null = null;

  constructor(job: ClaimedJob, definition: JobDefinition, host: RunHost) {
    this.job = job;
    this.definition = definition;
    this.#host = host;
    this.overrides = job.overrides === null ? {} : (JSON.parse(job.overrides) as JobOverrides);
    const { timeoutMs = definition.timeoutMs } = this.overrides;
    this.#stop = new StopSwitch(timeoutMs, {
      onTimeout: () => this.abort("TIMEOUT"),
      onOver: () => void this.#giveUp(),
    });
    this.#hooks =
      definition.workflow === null && host.hooks.hasAny(job.type)
        ? new RunHooks(host.hooks, job, () => this.#parts.ctx)
        : null;
    this.#parts = new RunParts(this, host, this.#stop);
  }

  /** How long the handler has had its slot, in milliseconds; what it waited for children is not part of it. */
  get ms(): number {
    return performance.now() - this.#startedAt - (this.#parts.loan?.waitedMs ?? 0);
  }

  /**
   * The same, or null where it tells nothing of how many jobs to fetch ahead. Runs of workflows never are: another process may
   * take them up sooner.
   */
  get paceMs(): number | null {
    return this.aborted || this.definition.workflow !== null ? null : this.ms;
  }

  /** Whether the handler was told to stop. */
  get aborted(): boolean {
    return this.#stop.reason !== null;
  }

  /** Whether the handler has not given its slot back yet, nor lent it while it waits. */
  get holdsSlot(): boolean {
    return this.#slotHeld && !this.waits;
  }

  /** Whether the handler waits for children, its slot lent. */
  get waits(): boolean {
    return this.#parts.loan?.isLent === true;
  }

  /** Whether the handler has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether somebody asked for the job to be cancelled. */
  get cancelRequested(): boolean {
    return this.#cancelRequested;
  }

  /** Whether the outcome is handed in. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Starts the handler. Never throws, and never rejects. */
  async start(): Promise<void> {
    this.#startedAt = performance.now();
    this.#say({ started: true });
    let end: HandlerEnd | EpisodeEnd;
    try {
      if (this.job.deaths !== 0) await this.#writeStart();
      this.#stop.armTimeout();
      end =
        this.definition.workflow === null ? { output: await this.#call() } : await this.#take(this.definition.workflow);
    } catch (thrown) {
      end = { thrown: tame(thrown) };
    }
    this.#ended = true;
    this.#parts.close();
    this.#stop.disarm();
    const { completion } = this.#parts;
    if (completion !== null && !("outcome" in end)) end = await this.#endAfterTransaction(end, completion);
    if (!this.#settled) {
      const outcome = this.#verdict(end);
      this.#settle(outcome instanceof Promise ? await outcome : outcome);
    }
    if (this.#slotHeld) this.#giveSlotBack(false);
    else this.#host.zombieEnded(this);
  }

  /** Aborts the handler's signal; it has 5 s from now. The first reason stands. */
  abort(code: AbortCode): void {
    if (code === "CANCELLED") this.#cancelRequested = true;
    if (this.#ended || !this.#stop.abort(code)) return;
    this.#startWritten?.resolve();
  }

  onResult(result: RunUpdateResult, update: RunUpdate): void {
    this.#startWritten?.resolve();
    if (result.result === "stale") {
      void this.onStale();
    } else if (update.outcome !== null) {
      this.#hooks?.written(update);
      this.#host.release(this);
    } else if (result.cancelRequested) this.abort("CANCELLED");
    else this.#hooks?.written(update);
    this.#answered?.resolve();
  }

  /** The process is about to stop: what waits is given back, and a run of a workflow that does nothing or as soon as it does. */
  leave(): void {
    if (this.waits) this.abort("SHUTDOWN");
    else this.#parts.leave();
  }

  /** The table no longer shows the row as one that this process holds. */
  lost(): void {
    if (this.#parts.completion) void this.onStale();
    else this.abort("LEASE_LOST");
  }

  onRefused(update: RunUpdate): RunUpdate | null {
    const refused = (): Outcome =>
      hopeless(this.#parts.ending(), new Hopeless("OUTPUT_INVALID", "the database refuses the output."));
    return lessOf(update, refused);
  }

  /** The fence refused a write of this run; answers what its signal has aborted with. */
  async onStale(): Promise<JobAborted> {
    this.#settled = true;
    this.#host.release(this);
    if (!this.#ended) {
      const why = await this.#host.whyStale(this);
      if (why !== "COMPLETED") this.abort(why);
      else if (!this.#parts.completion) this.abort("LEASE_LOST");
    }
    return this.#stop.reason ?? aborted("LEASE_LOST");
  }

  /** Resolves once the start that was said is written. Throws why the handler must not start any more. */
  async #writeStart(): Promise<void> {
    this.#startWritten = Promise.withResolvers();
    await this.#startWritten.promise;
    if (this.#stop.reason !== null) throw this.#stop.reason;
    if (this.#settled) throw aborted("LEASE_LOST");
  }

  /** Takes up a run of a workflow. */
  async #take(workflow: WorkflowPlan): Promise<EpisodeEnd> {
    const { definition, job } = this;
    // All of it within the episode: a run whose input or output is refused is undone as after any other failure.
    return await this.#parts.callWorkflow(async (ctx) => {
      const returned = await workflow.run(ctx, await parsedInput(definition, job.input));
      return new JsonOutput(outputJson({ job, log: this.#host.log }, await checkedOutput(definition, returned)));
    });
  }

  /** Calls the handler, within this turn where nothing is to be waited for before or after it. */
  #call(): unknown {
    const { definition, job } = this;
    const { input, output, isolate } = definition;
    if (job.claimNo > 1 || input !== null || output !== null || isolate !== null || this.#hooks !== null)
      return this.#callPrepared();
    this.#parts.called = { ctx: this.#parts.ctx, input: JSON.parse(job.input) };
    return definition.run(this.#parts.ctx, this.#parts.called.input);
  }

  async #callPrepared(): Promise<unknown> {
    const { definition, job } = this;
    if (job.claimNo > 1) await this.#parts.loadSaved();
    const input = definition.input === null ? JSON.parse(job.input) : await parsedInput(definition, job.input);
    const { ctx } = this.#parts;
    if (this.#hooks !== null) {
      await this.#hooks.before();
      // The handler would only find out by itself that it need not begin.
      if (this.#stop.reason !== null) throw this.#stop.reason;
    }
    this.#parts.called = { ctx, input };
    if (definition.isolate !== null) return await this.#parts.callIsolated(definition.isolate);
    const returned: unknown = await definition.run(ctx, input);
    return definition.output === null ? returned : await checkedOutput(definition, returned);
  }

  /**
   * What a handler's end means after `settleIn`. Waits until its transaction is over: a word that says nothing is refused if it
   * committed, and held while it is open.
   */
  async #endAfterTransaction(end: HandlerEnd, { output, outcome }: Completion): Promise<HandlerEnd> {
    if (!this.#settled) {
      this.#answered = Promise.withResolvers();
      this.#say({});
      await this.#answered.promise;
    }
    if (!this.#settled) return "thrown" in end ? end : { thrown: new SettledInVain() };
    if ((await this.#host.whyStale(this)) !== "COMPLETED") return end;
    if ("thrown" in end) {
      this.#host.log.warn("A handler threw after its transaction had settled its job, which stays completed", {
        jobId: this.job.id,
        jobType: this.job.type,
        cause: end.thrown,
      });
    }
    await this.#hooks?.settledInTransaction(outcome, output);
    return end;
  }

  /** What the handler's end means for the job; at once where nobody is to be asked. */
  #verdict(end: HandlerEnd | EpisodeEnd): Outcome | Promise<Outcome> {
    if ("outcome" in end) return end.outcome;
    if ("thrown" in end) return this.#badVerdict(end.thrown);
    try {
      const outcome = {
        kind: "completed",
        output: outputJson({ job: this.job, log: this.#host.log }, end.output),
      } as const;
      return this.#hooks === null ? outcome : this.#hooks.after(outcome, end, false);
    } catch (refused) {
      return this.#badVerdict(refused);
    }
  }

  async #badVerdict(thrown: unknown): Promise<Outcome> {
    const outcome = await endedBadly(this.#parts.ending(), thrown);
    return this.#hooks === null ? outcome : await this.#hooks.after(outcome, { thrown }, this.#cancelRequested);
  }

  #settle(outcome: Outcome): void {
    // The fence may have refused a write while the verdict was reached.
    if (this.#settled) return;
    this.#settled = true;
    this.#say({ outcome });
  }

  /** See `JobContext.progress`. */
  progress(percent: number | null, message?: string): void {
    if (this.#settled) return;
    try {
      this.#say(progressSaid(percent, message));
    } catch (cause) {
      this.#host.log.warn("A call of progress() was ignored; it takes 0 to 100 or null, and text", {
        jobId: this.job.id,
        cause,
      });
    }
  }

  /** See `JobContext.heartbeat`. */
  heartbeat(): Promise<void> {
    if (this.#stop.reason !== null) return unwatched(Promise.reject(this.#stop.reason));
    if (!this.#ended && !this.#settled) this.#stop.armTimeout();
    return Promise.resolve();
  }

  #say({ started = false, progress, message, outcome = null }: Partial<RunUpdate>): void {
    const { id, claimNo, queue } = this.job;
    const update: RunUpdate = { id, claimNo, started, progress, message, outcome };
    const { wakes } = this.overrides;
    if (outcome === null || (wakes === undefined && !this.#host.isLimited(this.job))) {
      this.#host.push(update, this);
      return;
    }
    const frees = this.#host.isLimited(this.job) ? { frees: queue } : {};
    // With any outcome: what is to be cancelled ends by all of them.
    this.#host.push({ ...update, ...frees, ...(wakes !== undefined && { wakes }) }, this);
  }

  /** The grace is over: settle by the reason of the abort, and leave the handler behind. */
  async #giveUp(): Promise<void> {
    if (this.#ended) return;
    const { isolated } = this.#parts;
    const what = { jobId: this.job.id, jobType: this.job.type, reason: this.#stop.reason?.code };
    if (isolated !== null) {
      this.#host.log.warn("An isolated job's thread is ended, 5 s after its signal aborted", what);
      isolated.terminate();
      return;
    }
    if (!this.#settled) {
      this.#settled = true;
      this.#say({ outcome: await this.#badVerdict(this.#stop.reason) });
    }
    this.#host.log.warn(
      "A handler did not end within 5 s after its signal aborted; its outcome no longer counts",
      what,
    );
    if (!this.#ended && this.#host.mayAbandon(this)) this.#giveSlotBack(true);
  }

  #giveSlotBack(zombie: boolean): void {
    this.#slotHeld = false;
    this.#host.freeSlot(this, zombie);
  }
}
