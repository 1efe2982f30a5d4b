// Stores
export { createForgeClient, createJobStore, createWorkflowStore, jobStore, workflowStore } from "./forge-client.ts";
export type { ForgeClient } from "./forge-client.ts";
export type { JobStore, WorkflowStore } from "./rune-store.ts";

// What pages need of the client besides
export {
  configureForge,
  isSettledJobStatus,
  isSettledWorkflowStatus,
  JobFailed,
  resetForge,
  WorkflowFailed,
} from "@forge-jobs/client";
export type {
  ConnectionStatus,
  CreateJobStoreOptions,
  CreateWorkflowStoreOptions,
  ErrorCode,
  ForgeClientOptions,
  JobFailedCode,
  JobState,
  JobStateUnion,
  JobStatus,
  JobStoreOptions,
  JobView,
  Jsonify,
  StepStatus,
  WorkflowFailedCode,
  WorkflowState,
  WorkflowStateUnion,
  WorkflowStatus,
  WorkflowStepState,
  WorkflowStoreOptions,
  WorkflowView,
} from "@forge-jobs/client";
