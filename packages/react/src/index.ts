// Hooks
export { ForgeProvider } from "./provider.ts";
export type { JobStores } from "./provider.ts";
export { useJob } from "./use-job.ts";
export { useStartJob } from "./use-start-job.ts";
export type { JobHandle } from "./use-job-store.ts";
export type { StartJobHandle } from "./use-start-job.ts";

// What pages need of the client besides
export { configureForge, createForgeClient, JobFailed, resetForge } from "@forge-jobs/client";
export type {
  ConnectionStatus,
  ForgeClient,
  ForgeClientOptions,
  JobFailedCode,
  JobState,
  JobStatus,
  JobStoreOptions,
  JobView,
  Jsonify,
} from "@forge-jobs/client";
