import type { JobContext } from "../context.ts";
import { IsolatedCall, type JsonOutput } from "../isolate/isolated-call.ts";
import { type JobAborted, Snooze } from "../outcomes.ts";
import { workflowContext } from "../workflow/context.ts";
import { Episode, type EpisodeEnd } from "../workflow/episode.ts";
import { Memo } from "../workflow/memo.ts";
import type { WorkflowContext } from "../workflow/workflow-context.ts";
import { RunChildren } from "./children.ts";
import { jobContext, type JobContextParts } from "./job-context.ts";
import type { Run } from "./run.ts";
import type { RunHost } from "./run-host.ts";
import { SavedState } from "./saved.ts";
import { type Completion, SettleIn } from "./settle-in.ts";
import { SlotLoan } from "./slot-loan.ts";
import { aborted, type StopSwitch } from "./stop-switch.ts";
import type { Ending } from "./verdict.ts";

/** What the `ctx` of one run is made of, each part when it is first asked for: most handlers of small jobs use few. */
export class RunParts implements JobContextParts {
  readonly run: Run;
  readonly host: RunHost;
  readonly #stop: StopSwitch;
  /** What the handler was called with; null where it was not. */
  called: Ending["called"] = null;
  #ctx: JobContext | null = null;
  #saved: SavedState | null = null;
  #settleIn: SettleIn | null = null;
  #children: RunChildren | null = null;
  #loan: SlotLoan | null = null;
  #isolated: IsolatedCall | null = null;
  #episode: Episode | null = null;
  #isLeaving = false;

  constructor(run: Run, host: RunHost, stop: StopSwitch) {
    this.run = run;
    this.host = host;
    this.#stop = stop;
  }

  /** The handler's `ctx`. */
  get ctx(): JobContext {
    return (this.#ctx ??= jobContext(this));
  }

  /** Aborts when the handler is to stop. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The slot that is lent while the handler waits for children. */
  get loan(): SlotLoan | null {
    return this.#loan;
  }

  /** The thread of an isolated handler. */
  get isolated(): IsolatedCall | null {
    return this.#isolated;
  }

  /** What the handler has settled in its own transaction. */
  get completion(): Completion | null {
    return this.#settleIn?.completion ?? null;
  }

  /** The handler has ended: its children are waited for no more, and the slot is its own again. */
  close(): void {
    this.#children?.close();
    this.#loan?.end();
  }

  /** Reads what earlier runs saved. Throws `Snooze` where that cannot be had. */
  async loadSaved(): Promise<void> {
    try {
      await this.saved().load();
    } catch (cause) {
      this.host.log.warn("What a job saved cannot be read; it is given back", { jobId: this.run.job.id, cause });
      throw new Snooze("1s");
    }
  }

  /** Lets a run of a workflow begin nothing more, so that it is given back as soon as nothing of it is in flight. */
  leave(): void {
    this.#isLeaving = true;
    this.#episode?.leave();
  }

  /** Runs the handler in a thread of its own. */
  callIsolated(module: string): Promise<JsonOutput> {
    const { log, context: shared, definitionOf } = this.host;
    const { definition, job } = this.run;
    const { ctx } = this;
    this.#isolated = new IsolatedCall({ definition, module, input: job.input, ctx, shared, definitionOf, log });
    return this.#isolated.run();
  }

  /** Takes a run of a workflow up, until it ends or is put away. Throws `Snooze` where what is recorded of it cannot be had. */
  async callWorkflow(call: (ctx: WorkflowContext) => Promise<unknown>): Promise<EpisodeEnd> {
    const { log, random, context: shared, runs: desk } = this.host;
    const run = this.run;
    const { job, definition } = run;
    const memo = await desk.load(job.id).catch((cause: unknown) => {
      log.warn("What is recorded of a run cannot be read; it is given back", { runId: job.id, cause });
      throw new Snooze("1s");
    });
    if (memo === null) throw await run.onStale();
    const onCancelled = (): void => run.abort("CANCELLED");
    const { signal } = this.#stop;
    const limits = this.host.rateLimit(job.id, () => signal);
    const link = {
      job,
      definition,
      desk,
      log,
      random,
      shared,
      signal,
      drain: (scope: string, retryAfterMs: number) => limits.drain(scope, retryAfterMs),
      onStale: () => run.onStale(),
      onCancelled,
    };
    const episode = new Episode(link, new Memo(memo));
    this.#episode = episode;
    if (this.#isLeaving) episode.leave();
    return episode.run(() => call(workflowContext(episode, episode.root)));
  }

  /** What is known of the run at its end. */
  ending(): Ending {
    const { job, definition, overrides, cancelRequested } = this.run;
    const { log, random } = this.host;
    return {
      job,
      definition,
      overrides,
      queueBackoff: this.host.queueBackoff(job.queue),
      abortedBy: this.#stop.reason,
      cancelRequested,
      called: this.called,
      log,
      random,
    };
  }

  /** What the job saved in its runs. */
  saved(): SavedState {
    return (this.#saved ??= new SavedState(this.run.job, this.host.saved, () => this.run.onStale()));
  }

  /** The way to settle in a transaction of the handler's. */
  settleIn(): SettleIn {
    const run = this.run;
    const { log, settleIn } = this.host;
    return (this.#settleIn ??= new SettleIn({
      job: run.job,
      definition: run.definition,
      log,
      settleIn,
      frees: () => (this.host.isLimited(run.job) ? run.job.queue : undefined),
      hasEnded: () => run.ended,
      counts: () => !run.settled,
      onStale: () => run.onStale(),
    }));
  }

  /** The job's children. */
  children(): RunChildren {
    const run = this.run;
    const host = this.host;
    const stop = this.#stop;
    this.#loan ??= new SlotLoan(host.lane(run), run, (isWaiting) => host.onWaiting(run, isWaiting));
    const link = {
      job: run.job,
      loan: this.#loan,
      signal: () => stop.signal,
      progress: (percent: number) => run.progress(percent),
      onStale: () => run.onStale(),
      onCancelled: (): JobAborted => {
        run.abort("CANCELLED");
        return stop.reason ?? aborted("CANCELLED");
      },
    };
    return (this.#children ??= new RunChildren(link, host.children));
  }
}
