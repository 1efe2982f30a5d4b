// The page's client
export {
  configureForge,
  createJobStore,
  createWorkflowStore,
  jobStore,
  resetForge,
  workflowStore,
} from "./page-client.ts";

// Clients
export { createForgeClient } from "./client.ts";
export type { CreateJobStoreOptions, ForgeClient, JobStoreOptions } from "./client.ts";
export type { CreateWorkflowStoreOptions, WorkflowStoreOptions } from "./client.ts";
export type { ForgeClientOptions } from "./options.ts";

// Stores
export type { Store } from "./store.ts";
export type { JobStore } from "./job-store.ts";
export type { WorkflowStore } from "./workflow-store.ts";
export type { ConnectionStatus, JobView, WorkflowView } from "./view.ts";

// Errors
export { JobFailed, WorkflowFailed } from "./failed.ts";
export type { JobFailedCode, WorkflowFailedCode } from "./failed.ts";

// States, for whoever shows them
export { isSettledJobStatus, isSettledWorkflowStatus } from "@forge-jobs/protocol";
export type { ErrorCode, JobState, JobStateUnion, JobStatus, Jsonify } from "@forge-jobs/protocol";
export type {
  StepStatus,
  WorkflowState,
  WorkflowStateUnion,
  WorkflowStatus,
  WorkflowStepState,
} from "@forge-jobs/protocol";
