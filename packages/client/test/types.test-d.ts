import { expectTypeOf } from "vitest";
import {
  configureForge,
  createForgeClient,
  createJobStore,
  createWorkflowStore,
  type ForgeClient,
  type JobState,
  type JobStateUnion,
  type JobStatus,
  type JobStore,
  jobStore,
  type JobView,
  type WorkflowState,
  type WorkflowStateUnion,
  type WorkflowStatus,
  type WorkflowStore,
  workflowStore,
  type WorkflowView,
} from "../src/index.ts";

interface ExportUsers {
  count: number;
  at: Date;
}

// Outputs are what JSON makes of them.
const started = createJobStore<{ format: string }, ExportUsers>("export_users", { format: "csv" });
expectTypeOf(started).toEqualTypeOf<JobStore<{ count: number; at: string }>>();
expectTypeOf(started.done).toEqualTypeOf<Promise<{ count: number; at: string }>>();
expectTypeOf(jobStore<ExportUsers>("id").get()).toEqualTypeOf<JobView<{ count: number; at: string }>>();
expectTypeOf(jobStore("id").get().output).toEqualTypeOf<unknown>();

// @ts-expect-error: the arguments are the job's.
createJobStore<{ format: string }, ExportUsers>("export_users", { format: 1 });

// A completed job has its output.
const view = started.get();
if (view.status === "completed") expectTypeOf(view.output).toEqualTypeOf<{ count: number; at: string }>();
else expectTypeOf(view.output).toEqualTypeOf<null>();
expectTypeOf(view.status).toEqualTypeOf<JobStatus>();
expectTypeOf(view).toExtend<JobState<{ count: number; at: string }>>();

// The state field by field.
expectTypeOf<JobState<number>>().toEqualTypeOf<{
  jobId: string;
  status: JobStatus;
  progress: number | null;
  message: string | null;
  output: number | null;
  error: string | null;
}>();
expectTypeOf<keyof JobView>().toEqualTypeOf<keyof JobState | "loading" | "connection">();

// What a server has rendered is taken as it is.
declare const state: JobState<{ count: number }>;
declare const union: JobStateUnion<{ count: number }>;
jobStore<{ count: number }>("id", { initial: state });
jobStore<{ count: number }>("id", { initial: union });
jobStore<{ count: number }>("id", { initial: null });

// Members may be passed on as they are.
expectTypeOf<JobStore["cancel"]>().toEqualTypeOf<() => Promise<void>>();

// Runs of workflows alike.
const run = createWorkflowStore<{ user: string }, ExportUsers>("onboarding", { user: "ada" });
expectTypeOf(run).toEqualTypeOf<WorkflowStore<{ count: number; at: string }>>();
expectTypeOf(run.done).toEqualTypeOf<Promise<{ count: number; at: string }>>();
expectTypeOf(run.signal).toEqualTypeOf<(name: string, payload?: unknown) => Promise<void>>();
expectTypeOf(workflowStore<ExportUsers>("id").get()).toEqualTypeOf<WorkflowView<{ count: number; at: string }>>();
// @ts-expect-error: the arguments are the workflow's.
createWorkflowStore<{ user: string }, ExportUsers>("onboarding", { user: 1 });
// @ts-expect-error: nobody retries a run.
void run.retry;
// @ts-expect-error: nobody signals a job.
void started.signal;

const runView = run.get();
if (runView.status === "completed") expectTypeOf(runView.output).toEqualTypeOf<{ count: number; at: string }>();
else expectTypeOf(runView.output).toEqualTypeOf<null>();
expectTypeOf(runView.status).toEqualTypeOf<WorkflowStatus>();
expectTypeOf(runView).toExtend<WorkflowState<{ count: number; at: string }>>();
expectTypeOf<keyof WorkflowView>().toEqualTypeOf<keyof WorkflowState | "loading" | "connection">();

declare const runState: WorkflowState<{ count: number }>;
declare const runUnion: WorkflowStateUnion<{ count: number }>;
workflowStore<{ count: number }>("id", { initial: runState });
workflowStore<{ count: number }>("id", { initial: runUnion });
// @ts-expect-error: the state of a job is none of a run.
workflowStore<{ count: number }>("id", { initial: state });

configureForge({ url: "/_api", getToken: () => Promise.resolve(null), credentials: "include" });
configureForge({ getToken: () => "token" });
// @ts-expect-error: there is no such option.
configureForge({ transport: "websocket" });
// @ts-expect-error: there is no such option.
configureForge({ share: true });
expectTypeOf(createForgeClient()).toEqualTypeOf<ForgeClient>();
expectTypeOf<keyof ForgeClient>().toEqualTypeOf<
  "createJobStore" | "jobStore" | "createWorkflowStore" | "workflowStore" | "close"
>();
