// States
export { JOB_STATUSES, SETTLED_JOB_STATUSES, isSettledJobStatus } from "./job-state.ts";
export type { JobState, JobStateUnion, JobStatus, StoredJobStatus } from "./job-state.ts";
export { JOB_TRANSITIONS } from "./job-transitions.ts";
export type { JobTransition, JobTransitionCause } from "./job-transitions.ts";
export { SETTLED_WORKFLOW_STATUSES, WORKFLOW_STATUSES, isSettledWorkflowStatus } from "./workflow-state.ts";
export type {
  RunStatus,
  StepStatus,
  WorkflowState,
  WorkflowStateUnion,
  WorkflowStatus,
  WorkflowStepState,
} from "./workflow-state.ts";
export type { Jsonify } from "./jsonify.ts";

// Wire
export { PROTOCOL_VERSION } from "./wire.ts";
export type {
  ConnectedEvent,
  CronRunSnapshot,
  CronSnapshot,
  EventsRequest,
  JobSnapshot,
  PollRequest,
  RpcData,
  RpcRequest,
  SignalRequest,
  Snapshot,
  StatesData,
  SubscribeJobRequest,
  SubscribeRequest,
  SubscribeWorkflowRequest,
  UnsubscribeRequest,
  Watch,
  WireError,
  WireEventName,
  WireEvents,
  WireResult,
  WorkflowSnapshot,
} from "./wire.ts";
export { LIMITS } from "./limits.ts";
export type { Limits } from "./limits.ts";

// Errors
export { ERROR_CODES } from "./error-codes.ts";
export type { ErrorCode, ErrorCodeRow } from "./error-codes.ts";
