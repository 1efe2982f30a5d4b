import type { JobStore, JobView } from "@forge-jobs/client";
import { useCallback } from "react";
import { useStore } from "./use-store.ts";

/** What every hook over one job returns. */
export interface JobHandle<Output> {
  /** The job now, or null where there is none. */
  readonly job: JobView<Output> | null;
  /** Asks for the job's cancellation; does nothing without a job. Rejects with `JobFailed` when the gateway refuses. */
  readonly cancel: () => Promise<void>;
  /** Runs a failed, dead or cancelled job again; otherwise like `cancel`. */
  readonly retry: () => Promise<void>;
}

/** Watches a job's store for as long as the component is mounted. */
export function useJobStore<Output>(store: JobStore<Output> | null): JobHandle<Output> {
  const { view: job, cancel } = useStore(store);
  const retry = useCallback(async () => store?.retry(), [store]);
  return { job, cancel, retry };
}
