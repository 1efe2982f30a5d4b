import * as client from "@forge-jobs/client";
import type { CreateJobStoreOptions, ForgeClientOptions, JobStoreOptions, Jsonify } from "@forge-jobs/client";
import { type JobStore, RuneStore } from "./rune-store.ts";

/** A client of its own, whose stores have `current`. */
export interface ForgeClient extends Pick<client.ForgeClient, "close"> {
  /** Starts a job and returns its store at once; on a server nothing starts. */
  readonly createJobStore: typeof createJobStore;
  /** Attaches to a job by its id. */
  readonly jobStore: typeof jobStore;
}

/** Creates a client beside the page's own, for a page that speaks with more than one gateway. */
export function createForgeClient(options?: ForgeClientOptions): ForgeClient {
  const own = client.createForgeClient(options);
  return {
    createJobStore: (type, args, how) => new RuneStore(own.createJobStore(type, args, how)),
    jobStore: (id, how) => new RuneStore(own.jobStore(id, how)),
    close: own.close,
  };
}

/** Starts a job through the page's client and returns its store at once; on a server nothing starts. */
export function createJobStore<Args, Output>(
  type: string,
  args: Args,
  options?: CreateJobStoreOptions,
): JobStore<Jsonify<Output>> {
  return new RuneStore(client.createJobStore<Args, Output>(type, args, options));
}

/** Attaches to a job by its id through the page's client. */
export function jobStore<Output>(id: string, options?: JobStoreOptions<Jsonify<Output>>): JobStore<Jsonify<Output>> {
  return new RuneStore(client.jobStore<Output>(id, options));
}
