import * as client from "@forge-jobs/client";
import type { CreateJobStoreOptions, JobStoreOptions, Jsonify } from "@forge-jobs/client";
import { type JobStore, RuneStore } from "./rune-store.ts";

/** `createJobStore` of the page's client: starts a job and returns its store at once; on a server nothing starts. */
export function createJobStore<Args, Output>(type: string, args: Args, options?: CreateJobStoreOptions): JobStore<Jsonify<Output>> {
  return new RuneStore(client.createJobStore<Args, Output>(type, args, options));
}

/** `jobStore` of the page's client: attaches to a job by its id. */
export function jobStore<Output>(id: string, options?: JobStoreOptions<Jsonify<Output>>): JobStore<Jsonify<Output>> {
  return new RuneStore(client.jobStore<Output>(id, options));
}
