// Stores
export { createJobStore, jobStore } from "./stores.ts";
export type { JobStore } from "./rune-store.ts";

// What pages need of the client besides
export { configureForge, createForgeClient, JobFailed, resetForge } from "@forge-jobs/client";
export type {
  ConnectionStatus,
  CreateJobStoreOptions,
  ForgeClient,
  ForgeClientOptions,
  JobFailedCode,
  JobState,
  JobStatus,
  JobStoreOptions,
  JobView,
  Jsonify,
} from "@forge-jobs/client";
