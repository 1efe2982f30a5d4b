import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { ActOptions } from "./act-options.ts";
import type { ForgeContext } from "./context.ts";
import type { CronDefinition } from "./cron/define-cron.ts";
import type { Crons } from "./cron/crons.ts";
import type { JobDefinition } from "./define.ts";
import type { DispatchOptions, DispatchReceipt } from "./dispatch.ts";
import type { Duration } from "./duration.ts";
import type { Hooks } from "./hooks.ts";
import type { Logger } from "./logger.ts";
import type { MailOptions } from "./mail/mailer.ts";
import type { MailMessage } from "./mail/message.ts";
import type { Queues } from "./queues.ts";
import type { Route } from "./route.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { Changes, HistoryEvent, JobStateRecord, LogLevel, Priority, Store, StoreIdentity } from "./store.ts";
import type { WorkerOptions } from "./worker-options.ts";
import type { Workers } from "./workers.ts";
import type { WorkflowDefinition } from "./workflow/define-workflow.ts";
import type { Workflows } from "./workflow/workflows.ts";

/** What `createForge` takes. */
export interface ForgeOptions {
  /** From `sqliteStore(…)` or `postgresStore(…)`; `forge.stop()` closes it. */
  store: Store;
  /** Every job that this process may dispatch or run. */
  jobs: readonly JobDefinition[];
  /** Every cron whose ticks this process may make, and run. A process with `worker: false` makes none. Default: none. */
  crons?: readonly CronDefinition[];
  /** Every workflow, in every version, whose runs this process may start or take up. Default: none. */
  workflows?: readonly WorkflowDefinition[];
  /** What every handler finds on its `ctx`. */
  context?: ForgeContext;
  /** `false`: this process dispatches and watches only. Default: it works too. */
  worker?: WorkerOptions | false;
  /**
   * Chooses the queue of a dispatch whose options name none, by the job's name and its raw input; undefined leaves it to
   * the definition. One that throws, or answers no queue's name, refuses the dispatch with `BAD_REQUEST`. Default: none.
   */
  route?: Route;
  /** What else is to happen around dispatches and runs of every job, in order. Default: nothing. */
  hooks?: Hooks | readonly Hooks[];
  /** How to send mail: adds the job `send_mail`, `forge.mail` and `ctx.mail`. Default: none of them works. */
  mail?: MailOptions;
  /** `false`: `start()` only checks that the schema is up to date. Default: it migrates. */
  migrate?: boolean;
  /** Where warnings and handlers' lines go. Default: warnings and errors to the console. */
  logger?: Logger;
}

/** What one start of a workflow may say about its run; see `DispatchOptions`. */
export type StartOptions = Omit<DispatchOptions, "timeout" | "retry" | "replace">;

/** A job, for people and programs on the server. */
export interface Job<Input = unknown, Output = unknown> {
  id: string;
  type: string;
  queue: string;
  priority: Priority;
  status: StoredJobStatus;
  input: Input;
  output: Output | null;
  /** The full text of the last error. Never send it to a browser. */
  error: string | null;
  /** What watchers see of it. */
  publicError: string | null;
  progress: number | null;
  message: string | null;
  attempts: number;
  maxAttempts: number;
  owner: string | null;
  /** The id of the job that dispatched it as its child, or null. */
  parentId: string | null;
  revision: number;
  createdAt: Date;
  scheduledAt: Date;
  claimedAt: Date | null;
  startedAt: Date | null;
  completedAt: Date | null;
  failedAt: Date | null;
  cancelRequestedAt: Date | null;
  cancelledAt: Date | null;
  /** When its failure was declared to be nobody's business; it stays `failed` then, and cannot be retried. */
  discardedAt: Date | null;
  /** What happened to it beside its ordinary way, oldest first; only where `get` was asked for it. */
  history?: JobEvent[];
  /** What its handlers logged, oldest first, at most 200 lines; only where `get` was asked for it. */
  logs?: JobLogLine[];
}

/** A line that a handler wrote to `ctx.log`. */
export interface JobLogLine {
  at: Date;
  level: LogLevel;
  /** The attempt that logged it. */
  attempt: number;
  message: string;
  /** As JSON brings them back, `{ omitted: "more than 4 KiB" }` in the place of large ones; null where there were none. */
  fields: Record<string, unknown> | null;
}

/**
 * One entry of a job's history: a run that failed (`error`), a worker that died while it ran the job (`death`), or what a
 * person did (`cancel`, `retry`, `discard`).
 */
export interface JobEvent {
  event: HistoryEvent;
  at: Date;
  /** The attempt that it happened in or after; 0 before the first. */
  attempt: number;
  /** The full text of the error. Never send it to a browser. */
  error: string | null;
  /** The name of the error's class, or a code of Forge's own: `TIMEOUT`, `INPUT_INVALID`, `OUTPUT_INVALID`, `POISON`. */
  errorName: string | null;
  /** The worker that ran the job. */
  worker: string | null;
  /** Who did it, as the caller named them. */
  by: string | null;
  reason: string | null;
}

/** How a person brings a job back. */
export interface RetryOneOptions extends ActOptions {
  /** Runs in the new budget. Default: as many as the dispatch gave it. */
  maxAttempts?: number;
}

/** Which dead letters to bring back, and how; absent filters match all. */
export interface RetryAllOptions extends ActOptions {
  type?: string;
  queue?: string;
  /** The name of the last error, as the job's history has it. */
  errorName?: string;
  /** No more than so many. Default: all that there are. */
  limit?: number;
  /** Each becomes due at a random moment of this time, so that not all meet at once what they failed of. Default: at once. */
  spread?: Duration;
  /** Only counts. Default false. */
  dryRun?: boolean;
}

/** What `jobs.retryAll` did. Jobs that matched and were changed by somebody else meanwhile are neither of the other two. */
export interface RetryAllResult {
  matched: number;
  retried: number;
  /** Left alone, since another job holds their idempotency key by now. */
  keyHeld: number;
}

/** A page of dead letters, newest first; `for (const job of page)` goes through its jobs, and then ends. */
export interface DeadLetterPage extends Iterable<Job> {
  jobs: Job[];
  /** For the next page; null on the last one. */
  cursor: string | null;
}

/** Which jobs `jobs.list` answers; absent filters match all. */
export interface JobListOptions {
  status?: StoredJobStatus;
  type?: string;
  queue?: string;
  owner?: string;
  /** The id of a job: its children, those that were made anew included. */
  parent?: string;
  /** `cursor` of the page before. */
  cursor?: string;
  /** 1 to 1,000. Default 50. */
  limit?: number;
}

/** What can be done with jobs that exist. Every verb throws `BAD_REQUEST` for an id that is no UUID. */
export interface Jobs {
  /**
   * Reads one job; null if there is none of that id.
   *
   * `history` adds what happened to it: the last 20 errors of its runs and deaths of its workers, and the last 20 things that
   * people did to it. `logs` adds the last 200 lines that its handlers wrote to `ctx.log`.
   */
  get(id: string, options?: { history?: boolean; logs?: boolean }): Promise<Job | null>;
  /** Reads a page of jobs, newest first, without runs of workflows; `cursor` is null on the last page. */
  list(options?: JobListOptions): Promise<{ jobs: Job[]; cursor: string | null }>;
  /**
   * Resolves with the job once it is `completed`, `failed`, `dead_letter` or `cancelled`.
   *
   * Throws `NOT_FOUND` for an unknown id, and the signal's reason when `signal` aborts.
   */
  wait(id: string, options?: { signal?: AbortSignal }): Promise<Job>;
  /**
   * Cancels a job. One that no handler runs becomes `cancelled` at once; a running one `cancel_requested`, its `signal`
   * aborts, and it ends as its handler heeds it, 5 s later at the latest. A settled job is left as it is.
   *
   * `reason` is what watchers see as its error. Default `"cancelled by user"`. `by` enters the job's history. Throws
   * `NOT_FOUND`.
   */
  cancel(id: string, options?: ActOptions & { reason?: string }): Promise<void>;
  /**
   * Brings a failed, dead or cancelled job back to `pending` with a new budget of runs; `attempts` keeps counting.
   *
   * Throws `NOT_FOUND`; `CONFLICT` for a job that is under way, completed or discarded, and for a run of a workflow; `KEY_HELD` when another job has its
   * key now.
   */
  retry(id: string, options?: RetryOneOptions): Promise<void>;
  /**
   * Reads a page of the jobs that are `failed` or `dead_letter` and were not discarded, newest first. `limit` is 1 to 1,000,
   * by default 50.
   */
  deadLetters(options?: { type?: string; cursor?: string; limit?: number }): Promise<DeadLetterPage>;
  /**
   * Brings dead letters back as `retry` does, oldest first, in batches; each batch is a transaction, so that an error on the
   * way leaves what is done done. A job that fails again meanwhile is not brought back twice.
   */
  retryAll(options?: RetryAllOptions): Promise<RetryAllResult>;
  /**
   * Declares a failure nobody's business: the job is `failed` with `discardedAt` from then on, is no dead letter and cannot
   * be retried. Discarding it again changes nothing.
   *
   * Throws `NOT_FOUND`; `CONFLICT` for a job that is neither failed nor dead, and for a run of a workflow.
   */
  discard(id: string, options?: ActOptions): Promise<void>;
  /**
   * Deletes a settled job with its history and what it saved; what is kept is one entry that says who did it. A key that
   * the job still holds is held as long as it would have been.
   *
   * Throws `NOT_FOUND`; `CONFLICT` for a job that is under way.
   */
  delete(id: string, options?: ActOptions): Promise<void>;
  /** Reads what the live path shows of jobs; unknown ids are left out. For adapters such as the gateway. */
  states(ids: readonly string[]): Promise<JobStateRecord[]>;
}

/** The engine of one process: dispatches, works, and tells of changes. */
export interface Forge {
  /** Migrates (or checks), then works. Throws `UNAVAILABLE` naming the database, without its password. */
  start(): Promise<void>;
  /**
   * Takes nothing new, waits for running handlers, aborts their signals with `SHUTDOWN` at `timeout`, gives back what did
   * not finish, and closes the store. Default `"30s"`. A second call waits for the first.
   */
  stop(options?: { timeout?: Duration }): Promise<void>;
  /**
   * Inserts a job and answers its id, or the id of the job that holds its idempotency key.
   *
   * It runs at least once; with `tx` it exists exactly if that transaction commits. Throws `INVALID_ARGS` for an input that
   * the schema refuses or JSON cannot hold, `TOO_LARGE` over 1 MiB, `NOT_FOUND` for a job that is not registered here,
   * `INTERNAL` where the schema itself throws.
   */
  dispatch<Input>(job: JobDefinition<Input>, input: NoInfer<Input>, options?: DispatchOptions): Promise<string>;
  /**
   * Inserts many jobs, all or none, in one statement per batch of 1,000, and answers their ids in order.
   *
   * All or none holds per batch of 1,000, and for the whole within `tx`. Errors as `dispatch`; the sentence names the index.
   */
  dispatchMany<Input>(
    job: JobDefinition<Input>,
    inputs: readonly NoInfer<Input>[],
    options?: DispatchOptions,
  ): Promise<string[]>;
  /**
   * Starts a run of a workflow and answers its id, or the id of the run that holds its idempotency key.
   *
   * It stays with this version of the workflow; with `tx` it exists exactly if that transaction commits. Errors as `dispatch`.
   */
  startWorkflow<Input>(
    workflow: WorkflowDefinition<Input>,
    input: NoInfer<Input>,
    options?: StartOptions,
  ): Promise<string>;
  /**
   * Dispatches a mail as the job `send_mail`, and answers that job's id. With `tx` it is sent exactly if that commits.
   *
   * It is sent at least once: a worker that dies in between sends it again, under the same Message-ID. Up to 8 runs over an
   * hour and more; a mail that the server refuses for good (5xx) ends as `dead_letter` at once. Throws `INVALID_ARGS` for a
   * bad message (an address, a line break in a header, both body and template, a missing field), `BAD_REQUEST` without
   * `createForge({ mail })`, and as `dispatch`.
   */
  mail(message: MailMessage, options?: DispatchOptions): Promise<string>;
  /**
   * Dispatches the job of that name, or starts a run of the newest version of the workflow, on behalf of a principal. A repeated
   * `requestId` within 24 h answers the same job or run. For adapters.
   */
  dispatchNamed(
    name: string,
    input: unknown,
    options: { owner: string | null; requestId?: string },
  ): Promise<DispatchReceipt>;
  /**
   * The registered definition of the rows of that type; a cron's runs are of the type `cron:<name>`, those of a workflow of
   * the type `<name>@<version>`.
   */
  definition(type: string): JobDefinition | undefined;
  /** What `dispatchNamed` starts under that name; its `workflow` is null for a job. */
  startable(name: string): JobDefinition | undefined;
  readonly jobs: Jobs;
  readonly workflows: Workflows;
  readonly queues: Queues;
  readonly workers: Workers;
  readonly rateLimits: RateLimits;
  readonly crons: Crons;
  /** Hints about what moved, of this process and of others. */
  readonly changes: Changes;
  /** Facts about the database that adapters sign and compare with. */
  identity(): Promise<StoreIdentity>;
  /** Asks the database for a sign of life. Throws `UNAVAILABLE`. */
  ping(): Promise<void>;
}
