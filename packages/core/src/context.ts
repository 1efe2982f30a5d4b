import type { BoundFetch } from "./bound-fetch.ts";
import type { ChildId, ChildOptions, ChildOutputs } from "./child-types.ts";
import type { JobDefinition } from "./define.ts";
import type { DispatchOptions } from "./dispatch.ts";
import type { Jobs, StartOptions } from "./forge-types.ts";
import type { Duration } from "./duration.ts";
import type { Logger } from "./logger.ts";
import type { JobMail } from "./mail/mailer.ts";
import type { WorkflowDefinition } from "./workflow/define-workflow.ts";

/**
 * What `createForge({ context })` adds to every handler's `ctx`. Empty here; an application declares its own:
 * `declare module "@forge-jobs/core" { interface ForgeContext { db: Database } }`.
 */
export interface ForgeContext {}

/** Tokens of the rate limits that `forge.rateLimits.configure` made, for a job's handler. */
export interface JobRateLimit {
  /**
   * Takes one token of a scope, before a call that the scope limits; across all processes no token is taken twice.
   *
   * Where none is left the job's place is reserved. A wait of up to `wait` (default `"2s"`) passes here, with the slot held,
   * and ends early when `signal` aborts. For a longer one a `RateLimited` is thrown: let it pass, and the job sleeps until
   * exactly then, without its slot and without using up an attempt, to start over with its place kept. So a handler that
   * takes several tokens allows a longer `wait`, or saves what it has done.
   *
   * Throws `NOT_FOUND` for a scope that is not configured.
   */
  acquire(scope: string, options?: { wait?: Duration }): Promise<void>;
  /**
   * Empties a scope's bucket for all processes, since the service behind it said to come back after `retryAfterMs`; jobs
   * that have a place ask anew. Goes on at once. Throws `NOT_FOUND`.
   */
  drain(scope: string, retryAfterMs: number): Promise<void>;
}

/**
 * What a job's handler gets beside its input. Verbs may be taken out of it, as in `const { progress, log } = ctx`; a copy by
 * spread lacks what is made when it is first asked for.
 */
export interface JobContext extends ForgeContext {
  readonly jobId: string;
  /** Which run this is, counted from 1 over the job's life; given back and snoozed runs do not count. */
  readonly attempt: number;
  /** The attempt after which a failure is final. */
  readonly maxAttempts: number;
  readonly isRetry: boolean;
  readonly isLastAttempt: boolean;
  /**
   * Writes log lines that carry the job's id, type and attempt.
   *
   * The last 200 of each job are kept beside it, written a moment later: see `jobs.get(id, { logs: true })`. A message is kept
   * up to 1 KiB, fields up to 4 KiB as JSON; larger ones are left out. Lines that the database does not take are lost.
   */
  readonly log: Logger;
  /** Aborts when the job is cancelled, out of time, or no longer this process's; `signal.reason` is a `JobAborted`. */
  readonly signal: AbortSignal;
  /**
   * Tells watchers how far the job is: `percent` from 0 to 100, clamped, or null for unknown; `message` at most 1 KiB,
   * cut on a code point, and left as it was where absent. Returns at once and never throws; of several calls in quick
   * succession the last one is written.
   */
  readonly progress: (percent: number | null, message?: string) => void;
  /** Restarts the timeout's clock. Rejects with the `JobAborted` once `signal` has aborted. */
  readonly heartbeat: () => Promise<void>;
  /** Whether somebody asked for this job to be cancelled. */
  readonly isCancelRequested: () => boolean;
  /**
   * What this job has saved so far, by key: by earlier runs, and by this one once `save` has resolved. Values are as JSON
   * brings them back.
   */
  readonly saved: Readonly<Record<string, unknown>>;
  /**
   * Saves a value for the later runs of this job: after a retry, a shutdown, or the death of this worker.
   *
   * `key` is text of 1 to 200 characters; a key that is saved again holds the later value. All values of a job together
   * are at most 1 MiB of JSON. Durable once the promise resolves; until then a later run may find the value before. What
   * a job saved goes with its row. Rejects with `BAD_REQUEST` for a key and `INVALID_ARGS` or `TOO_LARGE` for a value it
   * cannot take, and, having changed nothing, with the `JobAborted` when the job is no longer this run's.
   */
  readonly save: (key: string, value: unknown) => Promise<void>;
  /**
   * Completes this job inside an open transaction of yours, so that its writes and the job's end commit together or not at
   * all. `tx` is what a dispatch takes; `output` is checked by the job's output schema before anything is written.
   *
   * Once the transaction commits the job is completed, exactly once, whatever the handler does afterwards: what it returns
   * is ignored, what it throws only logged. If it rolls back nothing has happened: the handler's throw counts as usual, and
   * a handler that returns all the same fails with `SettledInVain`. Let the last statement of the transaction be this one:
   * until its end the job's row is locked, and progress and cancellations wait.
   *
   * Rejects, so that the transaction rolls back, with the `JobAborted` when the job is no longer this run's; `CONFLICT`
   * when the run is over or settled before; `BAD_REQUEST` for a `tx` that is none, and as a failure without retry
   * (`OUTPUT_INVALID`) for an output that is refused. A job that was asked to stop may still complete.
   */
  readonly settleIn: (tx: unknown, output?: unknown) => Promise<void>;
  /**
   * `fetch`, aborted with `signal` and after 30 s, or after its option `timeout` (`false`: never); a signal of your own is
   * heeded as well.
   */
  readonly fetch: BoundFetch;
  /** Sends mail now, as part of this run; `forge.mail` sends it as a job of its own. Needs `createForge({ mail })`. */
  readonly mail: JobMail;
  /** What can be done with jobs that exist; see `Forge.jobs`. */
  readonly jobs: Jobs;
  /** Tokens of rate limits. */
  readonly rateLimit: JobRateLimit;
  /** Dispatches another job; see `Forge.dispatch`. */
  readonly dispatch: <Input>(
    job: JobDefinition<Input>,
    input: NoInfer<Input>,
    options?: DispatchOptions,
  ) => Promise<string>;
  /** Starts a run of a workflow, which goes on whatever becomes of this job; see `Forge.startWorkflow`. */
  readonly startWorkflow: <Input>(
    workflow: WorkflowDefinition<Input>,
    input: NoInfer<Input>,
    options?: StartOptions,
  ) => Promise<string>;
  /**
   * Dispatches a job as a child of this one, and answers its id.
   *
   * A run that comes again finds its children by job, input and which of several alike it is: those that completed or are
   * under way are used again, and one that ended without success is made anew. A child has this job's owner; it is
   * cancelled with this job, and otherwise goes on whatever becomes of it. Errors as `Forge.dispatch`, and, having changed
   * nothing, the `JobAborted` when the job is cancelled or no longer this run's; `KEY_HELD` where the child's idempotency
   * key is held by a job that waits for this one.
   */
  readonly dispatchChild: <Input, Output>(
    job: JobDefinition<Input, Output>,
    input: NoInfer<Input>,
    options?: ChildOptions,
  ) => Promise<ChildId<Output>>;
  /**
   * Waits until children of this job have completed, and answers their outputs in the order of the ids.
   *
   * The slot of this run is free for others meanwhile, and so are the places that it takes of its queue's limits; the
   * timeout's clock runs on. Several waits may be under way at once. Rejects with a `ChildFailed` as soon as one of the
   * children failed, is dead, was cancelled or deleted, while the others go on; with the `JobAborted` when `signal` aborts,
   * at once where the process stops; with `BAD_REQUEST` for an id that is no child's of this job.
   */
  readonly waitForJobs: <const Ids extends readonly string[]>(ids: Ids) => Promise<ChildOutputs<Ids>>;
  /**
   * Makes this job's progress follow that of its children from now on: the mean over all that this run dispatched before and
   * after, one that has ended counting as 100. Calls of `progress` are written in between; the last one stands.
   */
  readonly trackChildren: () => void;
}

/** What a cron's handler gets. */
export interface CronContext extends JobContext {
  /** Names this run; the same in every attempt. It is the id of the job that runs. */
  readonly runId: string;
  /** The tick that this run is for; of a run that was triggered, when that was. */
  readonly scheduledTime: Date;
  /** Whether the tick was missed and is made up for. */
  readonly isCatchUp: boolean;
}
