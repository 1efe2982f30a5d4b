// Defining
export { defineJob } from "./define.ts";
export { defineCron } from "./cron/define-cron.ts";
export type { CronDefinition, CronOptions } from "./cron/define-cron.ts";
export { defineWorkflow } from "./workflow/define-workflow.ts";
export type { WorkflowDefinition, WorkflowOptions, WorkflowPlan } from "./workflow/define-workflow.ts";
export type {
  Branches,
  Compensate,
  RaceResult,
  StepInfo,
  StepOptions,
  WorkflowContext,
} from "./workflow/workflow-context.ts";
export { StepFailed, StepInterrupted } from "./workflow/step-failed.ts";
export type { IdempotencyOptions, JobDefinition, JobOptions } from "./define.ts";
// `export *`, since a named re-export of ForgeContext could not be merged with by an application's declaration.
export type * from "./context.ts";
export { Dead, JobAborted, PublicError, RateLimited, Snooze } from "./outcomes.ts";
export type { AbortCode, ErrorFactory } from "./outcomes.ts";
export type { Backoff, RetryLayer, RetryOn, RetryOptions } from "./retry-options.ts";
export type { Duration } from "./duration.ts";

// Running
export { createForge } from "./forge.ts";
export type { Forge, ForgeOptions, StartOptions } from "./forge-types.ts";
export type { ActOptions } from "./act-options.ts";
export type { DeadLetterPage, Job, JobEvent, JobListOptions, JobLogLine, Jobs } from "./forge-types.ts";
export type { RetryAllOptions, RetryAllResult, RetryOneOptions } from "./forge-types.ts";
export type { Workflows } from "./workflow/workflows.ts";
export type { WorkflowListOptions, WorkflowPage } from "./workflow/list-runs.ts";
export type { WorkflowRun, WorkflowRunStep } from "./workflow/workflow-run.ts";
export { queuesFromEnv } from "./queue-options.ts";
export type { QueueBackoffOptions, QueueOptions } from "./queue-options.ts";
export type { Queue, Queues } from "./queues.ts";
export type { Amounts, Resources } from "./resources.ts";
export type { Route } from "./route.ts";
export type { WorkerOptions } from "./worker-options.ts";
export type { WorkerInfo, Workers } from "./workers.ts";
export type { Cron, CronRun, Crons, PreviewOptions } from "./cron/crons.ts";
export { ChildFailed } from "./child-failed.ts";
export type { ChildFailure } from "./child-failed.ts";
export type { ChildId, ChildOptions, ChildOutputs } from "./child-types.ts";
export type { DispatchOptions, DispatchReceipt } from "./dispatch.ts";
export type { BoundFetch, BoundFetchInit } from "./bound-fetch.ts";
export type { RateLimit, RateLimitOptions, RateLimits } from "./rate-limits.ts";
export type { HookContext, HookJob, Hooks } from "./hooks.ts";
export type { Logger } from "./logger.ts";
export type { JobMail, MailOptions, MailReceipt } from "./mail/mailer.ts";
export type { MailBody, MailEnvelope, MailMessage } from "./mail/message.ts";

// Errors
export { ForgeError } from "./errors.ts";
export type { ForgeErrorOptions } from "./errors.ts";

// For adapters such as the gateway
export { durationMs } from "./duration.ts";
export { CRON_PREFIX } from "./define.ts";
export { workflowState } from "./workflow/workflow-run.ts";
export { workflowOf } from "./workflow/define-workflow.ts";
export { checkId } from "./id.ts";
export { PRIORITIES } from "./store.ts";
export { refuseUnknownOptions } from "./options.ts";
export { clipText } from "./values.ts";

// The storing seam
export type * from "./store.ts";
