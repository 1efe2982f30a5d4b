// The page's client
export { configureForge, createJobStore, jobStore, resetForge } from "./page-client.ts";

// Clients
export { createForgeClient } from "./client.ts";
export type { CreateJobStoreOptions, ForgeClient, JobStoreOptions } from "./client.ts";
export type { ForgeClientOptions } from "./options.ts";

// Stores
export type { JobStore } from "./job-store.ts";
export type { ConnectionStatus, JobView } from "./job-view.ts";

// Errors
export { JobFailed } from "./job-failed.ts";
export type { JobFailedCode } from "./job-failed.ts";

// States, for whoever shows them
export { isSettledJobStatus } from "@forge-jobs/protocol";
export type { ErrorCode, JobState, JobStateUnion, JobStatus, Jsonify } from "@forge-jobs/protocol";
