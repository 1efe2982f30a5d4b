import { type BoundFetch, boundFetch } from "../bound-fetch.ts";
import type { CronContext, ForgeContext, JobContext, JobRateLimit } from "../context.ts";
import type { ChildId, ChildOptions, ChildOutputs } from "../child-types.ts";
import type { JobDefinition } from "../define.ts";
import { childLogger, type Logger } from "../logger.ts";
import type { JobMail } from "../mail/mailer.ts";
import type { RunChildren } from "./children.ts";
import type { Run } from "./run.ts";
import type { RunHost } from "./run-host.ts";
import type { SavedState } from "./saved.ts";
import type { SettleIn } from "./settle-in.ts";
import { workflowStarter } from "../workflow/start-workflow.ts";
import { unwatched } from "./unwatched.ts";

/** What a handler's `ctx` is made of. */
export interface JobContextParts {
  readonly run: Pick<Run, "job" | "progress" | "heartbeat" | "cancelRequested">;
  readonly host: Pick<RunHost, "log" | "logs" | "context" | "dispatch" | "jobs" | "mail" | "rateLimit">;
  readonly signal: AbortSignal;
  saved(): SavedState;
  children(): RunChildren;
  settleIn(): SettleIn;
}

/** The names that an application's own context may not take. */
export const CONTEXT_NAMES: readonly (keyof CronContext)[] = [
  "jobId",
  "attempt",
  "maxAttempts",
  "isRetry",
  "isLastAttempt",
  "log",
  "signal",
  "progress",
  "heartbeat",
  "isCancelRequested",
  "fetch",
  "jobs",
  "dispatch",
  "startWorkflow",
  "saved",
  "save",
  "rateLimit",
  "runId",
  "scheduledTime",
  "isCatchUp",
  "dispatchChild",
  "settleIn",
  "mail",
  "waitForJobs",
  "trackChildren",
];

/** Makes the `ctx` of one run. */
export function jobContext(parts: JobContextParts): JobContext {
  return Object.assign(new OwnContext(parts), parts.host.context);
}

/**
 * What is not the application's own of a `ctx`.
 *
 * Every job pays for it, so what few handlers use is made when it is first asked for, by getters of the class: written into
 * each object they took ten times as long. Handlers take verbs out of it, hence verbs that know their object.
 */
class OwnContext implements Omit<JobContext, keyof ForgeContext> {
  readonly jobId: string;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly isRetry: boolean;
  readonly isLastAttempt: boolean;
  readonly jobs: JobContext["jobs"];
  readonly dispatch: JobContext["dispatch"];
  readonly #parts: JobContextParts;
  #log: Logger | null = null;
  #fetch: BoundFetch | null = null;
  #mail: JobMail | null = null;
  #rateLimit: JobRateLimit | null = null;

  constructor(parts: JobContextParts) {
    const { id, attempt, maxAttempts } = parts.run.job;
    this.jobId = id;
    this.attempt = attempt;
    this.maxAttempts = maxAttempts;
    this.isRetry = attempt > 1;
    this.isLastAttempt = attempt >= maxAttempts;
    this.jobs = parts.host.jobs;
    this.dispatch = parts.host.dispatch;
    this.#parts = parts;
  }

  get log(): Logger {
    if (this.#log !== null) return this.#log;
    const { run, host } = this.#parts;
    const { id: jobId, type: jobType, attempt } = run.job;
    return (this.#log = host.logs.loggerOf(run.job, childLogger(host.log, { jobId, jobType, attempt })));
  }

  get signal(): AbortSignal {
    return this.#parts.signal;
  }

  get rateLimit(): JobRateLimit {
    return (this.#rateLimit ??= this.#parts.host.rateLimit(this.jobId, () => this.signal));
  }

  get fetch(): BoundFetch {
    return (this.#fetch ??= boundFetch(() => this.signal));
  }

  get mail(): JobMail {
    return (this.#mail ??= this.#parts.host.mail(() => this.signal));
  }

  get startWorkflow(): JobContext["startWorkflow"] {
    return workflowStarter(this.dispatch);
  }

  get saved(): Readonly<Record<string, unknown>> {
    return this.#parts.saved().values;
  }

  readonly progress = (percent: number | null, message?: string): void => this.#parts.run.progress(percent, message);
  readonly heartbeat = (): Promise<void> => this.#parts.run.heartbeat();
  readonly isCancelRequested = (): boolean => this.#parts.run.cancelRequested;
  readonly save: JobContext["save"] = (key, value) => unwatched(this.#parts.saved().save(key, value));
  readonly dispatchChild = <Input, Output>(
    child: JobDefinition<Input, Output>,
    input: Input,
    options?: ChildOptions,
  ): Promise<ChildId<Output>> =>
    unwatched(this.#parts.children().dispatch(child, input, options) as Promise<ChildId<Output>>);
  readonly settleIn: JobContext["settleIn"] = (tx, output) => unwatched(this.#parts.settleIn().settle(tx, output));
  readonly waitForJobs = <const Ids extends readonly string[]>(ids: Ids): Promise<ChildOutputs<Ids>> =>
    unwatched(this.#parts.children().wait(ids) as Promise<ChildOutputs<Ids>>);
  readonly trackChildren = (): void => this.#parts.children().track();
}
