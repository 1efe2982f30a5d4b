// Hooks
export { ForgeProvider } from "./provider.ts";
export type { ForgeStores } from "./provider.ts";
export { useJob } from "./use-job.ts";
export { useStartJob } from "./use-start-job.ts";
export type { JobHandle } from "./use-job-store.ts";
export type { StartJobHandle } from "./use-start-job.ts";
export { useWorkflow } from "./use-workflow.ts";
export { useStartWorkflow } from "./use-start-workflow.ts";
export type { WorkflowHandle } from "./use-workflow-store.ts";
export type { StartWorkflowHandle } from "./use-start-workflow.ts";

// What pages need of the client besides
export {
  configureForge,
  createForgeClient,
  isSettledJobStatus,
  isSettledWorkflowStatus,
  JobFailed,
  resetForge,
  WorkflowFailed,
} from "@forge-jobs/client";
export type {
  ConnectionStatus,
  ErrorCode,
  ForgeClient,
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
