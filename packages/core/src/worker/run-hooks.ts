import type { JobContext } from "../context.ts";
import type { HookRunner } from "../hook-runner.ts";
import { JsonOutput } from "../isolate/isolated-call.ts";
import type { HookJob } from "../hooks.ts";
import type { ClaimedJob, Outcome, RunUpdate } from "../store.ts";

/** How a handler ended: with an output that was accepted, or with what was thrown. */
export type HandlerEnd = { readonly output: unknown } | { readonly thrown: unknown };

/** The hooks of one run of a job that has some. */
export class RunHooks {
  readonly #runner: HookRunner;
  readonly #job: ClaimedJob;
  readonly #ctx: () => JobContext;
  #about: HookJob | null = null;

  constructor(runner: HookRunner, job: ClaimedJob, ctx: () => JobContext) {
    this.#runner = runner;
    this.#job = job;
    this.#ctx = ctx;
  }

  /** Before the handler. */
  async before(): Promise<void> {
    if (this.#runner.has("beforePerform", this.#job.type)) {
      await this.#runner.run("beforePerform", this.#hookJob(), this.#ctx());
    }
  }

  /** After the handler, before its outcome is written; answers the outcome. */
  async after(outcome: Outcome, end: HandlerEnd, cancelRequested: boolean): Promise<Outcome> {
    const about = this.#hookJob();
    const { kind } = outcome;
    if (kind === "completed" && "output" in end && this.#runner.has("afterPerform", about.name)) {
      await this.#runner.run(
        "afterPerform",
        { ...about, output: end.output instanceof JsonOutput ? JSON.parse(end.output.json) : end.output },
        this.#ctx(),
      );
    }
    const isFailure = kind === "retry" || kind === "failed" || kind === "dead_letter";
    if (isFailure && "thrown" in end && !cancelRequested && this.#runner.has("onError", about.name)) {
      const what = { error: end.thrown, willRetry: kind === "retry" };
      await this.#runner.run("onError", { ...about, ...what }, this.#ctx());
    }
    return outcome;
  }

  /** A transaction of the handler's has completed the job. */
  async settledInTransaction(outcome: Outcome, output: unknown): Promise<void> {
    this.#runner.tellSettled(this.#hookJob(), await this.after(outcome, { output }, false));
  }

  /** What the run said was written. */
  written({ started, outcome }: RunUpdate): void {
    if (outcome !== null) this.#runner.tellSettled(this.#hookJob(), outcome);
    else if (started) this.#runner.tell(this.#hookJob(), "running");
  }

  #hookJob(): HookJob {
    const { id, type: name, input, attempt } = this.#job;
    return (this.#about ??= { id, name, input: JSON.parse(input), attempt });
  }
}
