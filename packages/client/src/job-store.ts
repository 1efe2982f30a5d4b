import type { JobState } from "@forge-jobs/protocol";
import { JobFailed } from "./failed.ts";
import { createStore, type Kind, type Store, type StoreContext, type StoreOrigin } from "./store.ts";
import type { JobView } from "./view.ts";

/** The store of one job. */
export interface JobStore<Output = unknown> extends Store<JobView<Output>, Output> {
  /** Runs a failed, dead or cancelled job again; otherwise like `cancel`. */
  readonly retry: () => Promise<void>;
}

const JOB: Kind<JobState> = {
  noun: "job",
  idField: "jobId",
  otherField: "workflowId",
  blank: { jobId: "", status: "pending", progress: null, message: null, output: null, error: null },
  Failed: JobFailed,
};

/** Creates the store of one job. */
export function createJobStore<Output>(context: StoreContext, origin: StoreOrigin): JobStore<Output> {
  const [store, command] = createStore<JobState, JobView<Output>, Output>(context, origin, JOB);
  return Object.assign(store, { retry: () => command("retry") });
}
