import type { Jsonify } from "@forge-jobs/protocol";
import {
  createClient,
  type CreateJobStoreOptions,
  type CreateWorkflowStoreOptions,
  type ForgeClient,
  type JobStoreOptions,
  type WorkflowStoreOptions,
} from "./client.ts";
import { runtimeEffects } from "./effects.ts";
import type { JobStore } from "./job-store.ts";
import type { ForgeClientOptions } from "./options.ts";
import type { WorkflowStore } from "./workflow-store.ts";

interface PageClient extends ForgeClient {
  options: ForgeClientOptions;
}

// On globalThis, so that a module which is replaced in development finds the open connection again.
const KEY: unique symbol = Symbol.for("@forge-jobs/client");
const scope = globalThis as { [KEY]?: PageClient };

function pageClient(): PageClient {
  return (scope[KEY] ??= { ...createClient(() => scope[KEY]!.options, runtimeEffects()), options: {} });
}

/**
 * Says how the page's own client reaches its gateway.
 *
 * May be called at any time and again: an open connection stays, and the next request uses the new options. Default: the
 * gateway at `/_api` on the page's origin.
 */
export function configureForge(options: ForgeClientOptions): void {
  pageClient().options = options;
}

/** Ends the page's client and forgets its options: the next store begins anew. For a change of user, and for tests. */
export function resetForge(): void {
  scope[KEY]?.close();
  delete scope[KEY];
}

/** `ForgeClient.createJobStore` of the page's client. */
export function createJobStore<Args, Output>(
  type: string,
  args: Args,
  options?: CreateJobStoreOptions,
): JobStore<Jsonify<Output>> {
  return pageClient().createJobStore<Args, Output>(type, args, options);
}

/** `ForgeClient.jobStore` of the page's client. */
export function jobStore<Output>(id: string, options?: JobStoreOptions<Jsonify<Output>>): JobStore<Jsonify<Output>> {
  return pageClient().jobStore<Output>(id, options);
}

/** `ForgeClient.createWorkflowStore` of the page's client. */
export function createWorkflowStore<Args, Output>(
  type: string,
  args: Args,
  options?: CreateWorkflowStoreOptions,
): WorkflowStore<Jsonify<Output>> {
  return pageClient().createWorkflowStore<Args, Output>(type, args, options);
}

/** `ForgeClient.workflowStore` of the page's client. */
export function workflowStore<Output>(
  id: string,
  options?: WorkflowStoreOptions<Jsonify<Output>>,
): WorkflowStore<Jsonify<Output>> {
  return pageClient().workflowStore<Output>(id, options);
}
