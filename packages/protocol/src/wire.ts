import type { ErrorCode } from "./error-codes.ts";
import type { JobState } from "./job-state.ts";
import type { WorkflowState } from "./workflow-state.ts";

/** The version of the wire that this release speaks; sent as `?v=` and in `connected`. */
export const PROTOCOL_VERSION = 1;

/** What an error answer says: a code of the closed table, a sentence for people, and when to try again. */
export interface WireError {
  code: ErrorCode;
  message: string;
  retryAfterMs?: number;
  details?: unknown;
}

/** The envelope of every JSON answer. */
export type WireResult<Data> = { success: true; data: Data } | { success: false; error: WireError };

/** An id and the last revision its watcher has applied; 0 when it has none. */
export interface Watch {
  id: string;
  revision: number;
}

/**
 * A job's state with its revision, the cursor of the live path: a watcher drops what is not newer than what it has.
 *
 * `partial: true` says that the state was over the size limit and lacks its output; the watcher reads it by
 * `GET /_api/jobs/:id`.
 */
export interface JobSnapshot<Output = unknown> extends JobState<Output> {
  revision: number;
  partial?: true;
}

/**
 * A workflow run's state with its revision; see `JobSnapshot`. A `partial` one lacks its output and, where it is too large
 * without that, its steps; `GET /_api/workflows/:id` has all of it.
 */
export interface WorkflowSnapshot<Output = unknown> extends WorkflowState<Output> {
  revision: number;
  partial?: true;
}

/**
 * What a `states` list holds. A workflow's snapshot has `workflowId`, a job's has `jobId`; so has what is `not_found`, since
 * nobody knows which of the two it is not.
 */
export type Snapshot = JobSnapshot | WorkflowSnapshot;

/** A run of a cron: the state of its job, and the tick that it is for (ISO 8601; of a triggered run, when that was). */
export interface CronRunSnapshot<Output = unknown> extends JobSnapshot<Output> {
  scheduledTime: string;
  /** Whether the tick was missed and made up for; null once the job's row is gone and its status `not_found`. */
  isCatchUp: boolean | null;
}

/**
 * Answer of `GET /_api/crons/:name`: a public cron with its newest run, which can be watched by its `jobId` as any job.
 *
 * `nextRun` is ISO 8601, and null while the cron is paused or no worker has it.
 */
export interface CronSnapshot<Output = unknown> {
  name: string;
  paused: boolean;
  nextRun: string | null;
  lastRun: CronRunSnapshot<Output> | null;
}

/** Body of `POST /_api/rpc/:name`. A repeated `requestId` (a UUID) is absorbed for 24 hours. */
export interface RpcRequest {
  args: unknown;
  requestId?: string;
}

/** Answer of `POST /_api/rpc/:name`, for a job or for a workflow. */
export type RpcData = { jobId: string } | { workflowId: string };

/** Body of `POST /_api/events`. */
export interface EventsRequest {
  watch: Watch[];
}

/** Body of `POST /_api/subscribe`; `n` numbers the change and comes back as the event `subscribed`. */
export interface SubscribeRequest {
  sessionId: string;
  sessionSecret: string;
  n: number;
  add: { id: string; revision?: number }[];
  remove: string[];
}

/**
 * Answer of `POST /_api/subscribe` and of `POST /_api/poll`: the states that are newer than the revisions given. Unknown and
 * forbidden ids are in it too, with the status `not_found`.
 */
export interface StatesData {
  states: Snapshot[];
}

/**
 * Body of `POST /_api/subscribe-job`. Under several `subscriptionId`s a job stays watched until each was unsubscribed;
 * without one a single unsubscribe ends the watch.
 */
export interface SubscribeJobRequest {
  sessionId: string;
  sessionSecret: string;
  subscriptionId?: string;
  jobId: string;
}

/** Body of `POST /_api/subscribe-workflow`; otherwise as `subscribe-job`. */
export interface SubscribeWorkflowRequest {
  sessionId: string;
  sessionSecret: string;
  subscriptionId?: string;
  workflowId: string;
}

/** Body of `POST /_api/unsubscribe`, with one of the two ids. */
export interface UnsubscribeRequest {
  sessionId: string;
  sessionSecret: string;
  subscriptionId?: string;
  jobId?: string;
  workflowId?: string;
}

/** Body of `POST /_api/workflows/:id/signal`. A repeated `signalId` is one signal; default: every request is another. */
export interface SignalRequest {
  name: string;
  payload?: unknown;
  signalId?: string;
}

/** Body of `POST /_api/poll`. */
export interface PollRequest {
  watch: Watch[];
}

/** First event of every stream. Intervals are milliseconds. A new `epoch` voids every known revision. */
export interface ConnectedEvent {
  sessionId: string;
  sessionSecret: string;
  protocol: number;
  epoch: string;
  heartbeatMs: number;
  pollMs: number;
}

/** The gateway's events by name, with what each one's `data` holds. Unknown names and fields are ignored. */
export interface WireEvents {
  connected: ConnectedEvent;
  job: JobSnapshot;
  workflow: WorkflowSnapshot;
  subscribed: { n: number };
  status: { stale: boolean };
  ping: Record<string, never>;
  goaway: { reason: string; retryMs: number };
  problem: { code: ErrorCode; message: string };
}

/** The name of an event of the stream. */
export type WireEventName = keyof WireEvents;
