import { type BoundFetch, boundFetch } from "../bound-fetch.ts";
import type { CronContext, ForgeContext, JobContext, JobRateLimit } from "../context.ts";
import type { ChildId, ChildOptions, ChildOutputs } from "../child-types.ts";
import type { JobDefinition } from "../define.ts";
import { childLogger, type Logger } from "../logger.ts";
import type { JobMail } from "../mail/mailer.ts";
import type { ClaimedJob } from "../store.ts";
import type { RunChildren } from "./children.ts";
import type { SavedState } from "./saved.ts";
import type { SettleIn } from "./settle-in.ts";
import { unwatched } from "./unwatched.ts";

/** What a handler's `ctx` is made of. */
export interface JobContextParts extends Pick<
  JobContext,
  "jobs" | "dispatch" | "progress" | "heartbeat" | "isCancelRequested"
> {
  readonly job: ClaimedJob;
  readonly log: Logger;
  /** Makes a logger that keeps what it passes on to this one. */
  readonly kept: (log: Logger) => Logger;
  /** What `createForge({ context })` gave. */
  readonly shared: ForgeContext;
  readonly signal: () => AbortSignal;
  readonly saved: () => SavedState;
  readonly rateLimit: () => JobRateLimit;
  readonly children: () => RunChildren;
  readonly settleIn: () => SettleIn;
  readonly mail: (signal: () => AbortSignal) => JobMail;
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
export function jobContext({
  job,
  log: parent,
  kept,
  shared,
  signal,
  saved,
  rateLimit: makeRateLimit,
  children,
  settleIn,
  mail: makeMail,
  ...verbs
}: JobContextParts): JobContext {
  const logLine = (): Logger => kept(childLogger(parent, { jobId: job.id, jobType: job.type, attempt: job.attempt }));
  let log: Logger | null = null;
  let fetch: BoundFetch | null = null;
  let mail: JobMail | null = null;
  let rateLimit: JobRateLimit | null = null;
  const own: Omit<JobContext, keyof ForgeContext> = {
    jobId: job.id,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    isRetry: job.attempt > 1,
    isLastAttempt: job.attempt >= job.maxAttempts,
    // Made when first asked for: most handlers of small jobs use neither.
    get log(): Logger {
      return (log ??= logLine());
    },
    get signal(): AbortSignal {
      return signal();
    },
    get rateLimit(): JobRateLimit {
      return (rateLimit ??= makeRateLimit());
    },
    progress: verbs.progress,
    heartbeat: verbs.heartbeat,
    isCancelRequested: verbs.isCancelRequested,
    get fetch(): BoundFetch {
      return (fetch ??= boundFetch(signal));
    },
    get mail(): JobMail {
      return (mail ??= makeMail(signal));
    },
    jobs: verbs.jobs,
    dispatch: verbs.dispatch,
    get saved(): Readonly<Record<string, unknown>> {
      return saved().values;
    },
    save: (key, value) => unwatched(saved().save(key, value)),
    dispatchChild: <Input, Output>(child: JobDefinition<Input, Output>, input: Input, options?: ChildOptions) =>
      unwatched(children().dispatch(child, input, options) as Promise<ChildId<Output>>),
    settleIn: (tx, output) => unwatched(settleIn().settle(tx, output)),
    waitForJobs: <const Ids extends readonly string[]>(ids: Ids) =>
      unwatched(children().wait(ids) as Promise<ChildOutputs<Ids>>),
    trackChildren: () => children().track(),
  };
  return Object.assign(own, shared);
}
