import * as client from "@forge-jobs/client";
import type {
  CreateJobStoreOptions,
  CreateWorkflowStoreOptions,
  ForgeClientOptions,
  JobStoreOptions,
  Jsonify,
  WorkflowStoreOptions,
} from "@forge-jobs/client";
import { type JobStore, RuneJobStore, RuneWorkflowStore, type WorkflowStore } from "./rune-store.ts";

/** A client of its own, whose stores have `current`. */
export interface ForgeClient extends Pick<client.ForgeClient, "close"> {
  /** Starts a job and returns its store at once; on a server nothing starts. */
  readonly createJobStore: typeof createJobStore;
  /** Attaches to a job by its id. */
  readonly jobStore: typeof jobStore;
  /** Starts a run of a workflow and returns its store at once; on a server nothing starts. */
  readonly createWorkflowStore: typeof createWorkflowStore;
  /** Attaches to a run of a workflow by its id. */
  readonly workflowStore: typeof workflowStore;
}

/** Creates a client beside the page's own, for a page that speaks with more than one gateway. */
export function createForgeClient(options?: ForgeClientOptions): ForgeClient {
  const own = client.createForgeClient(options);
  return {
    createJobStore: (type, args, how) => new RuneJobStore(own.createJobStore(type, args, how)),
    jobStore: (id, how) => new RuneJobStore(own.jobStore(id, how)),
    createWorkflowStore: (type, args, how) => new RuneWorkflowStore(own.createWorkflowStore(type, args, how)),
    workflowStore: (id, how) => new RuneWorkflowStore(own.workflowStore(id, how)),
    close: own.close,
  };
}

/** Starts a job through the page's client and returns its store at once; on a server nothing starts. */
export function createJobStore<Args, Output>(
  type: string,
  args: Args,
  options?: CreateJobStoreOptions,
): JobStore<Jsonify<Output>> {
  return new RuneJobStore(client.createJobStore<Args, Output>(type, args, options));
}

/** Attaches to a job by its id through the page's client. */
export function jobStore<Output>(id: string, options?: JobStoreOptions<Jsonify<Output>>): JobStore<Jsonify<Output>> {
  return new RuneJobStore(client.jobStore<Output>(id, options));
}

/** Starts a run of a workflow through the page's client and returns its store at once; on a server nothing starts. */
export function createWorkflowStore<Args, Output>(
  type: string,
  args: Args,
  options?: CreateWorkflowStoreOptions,
): WorkflowStore<Jsonify<Output>> {
  return new RuneWorkflowStore(client.createWorkflowStore<Args, Output>(type, args, options));
}

/** Attaches to a run of a workflow by its id through the page's client. */
export function workflowStore<Output>(
  id: string,
  options?: WorkflowStoreOptions<Jsonify<Output>>,
): WorkflowStore<Jsonify<Output>> {
  return new RuneWorkflowStore(client.workflowStore<Output>(id, options));
}
