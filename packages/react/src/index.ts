// Hooks
export { ForgeProvider } from "./provider.ts";
export type { JobStores } from "./provider.ts";
export { useJob } from "./use-job.ts";
export { useStartJob } from "./use-start-job.ts";
export type { JobHandle } from "./use-job-store.ts";
export type { StartJobHandle } from "./use-start-job.ts";

// What pages need of the client besides
export { configureForge, createForgeClient, isSettledJobStatus, JobFailed, resetForge } from "@forge-jobs/client";
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
} from "@forge-jobs/client";
