// Stores
export { createForgeClient, createJobStore, jobStore } from "./forge-client.ts";
export type { ForgeClient } from "./forge-client.ts";
export type { JobStore } from "./rune-store.ts";

// What pages need of the client besides
export { configureForge, isSettledJobStatus, JobFailed, resetForge } from "@forge-jobs/client";
export type {
  ConnectionStatus,
  CreateJobStoreOptions,
  ErrorCode,
  ForgeClientOptions,
  JobFailedCode,
  JobState,
  JobStateUnion,
  JobStatus,
  JobStoreOptions,
  JobView,
  Jsonify,
} from "@forge-jobs/client";
