import type { JobStore, JobView } from "@forge-jobs/client";
import { useCallback, useSyncExternalStore } from "react";

/** What every hook over one job returns. */
export interface JobHandle<Output> {
  /** The job now, or null where there is none. */
  readonly job: JobView<Output> | null;
  /** Asks for the job's cancellation; does nothing without a job. Rejects with `JobFailed` when the gateway refuses. */
  readonly cancel: () => Promise<void>;
  /** Runs a failed, dead or cancelled job again; otherwise like `cancel`. */
  readonly retry: () => Promise<void>;
}

const nothing = (): null => null;
const never = (): (() => void) => () => {};

/** Watches a store for as long as the component is mounted. */
export function useJobStore<Output>(store: JobStore<Output> | null): JobHandle<Output> {
  const look = store?.get ?? nothing;
  const job = useSyncExternalStore<JobView<Output> | null>(store?.subscribe ?? never, look, look);
  const cancel = useCallback(async () => store?.cancel(), [store]);
  const retry = useCallback(async () => store?.retry(), [store]);
  return { job, cancel, retry };
}
