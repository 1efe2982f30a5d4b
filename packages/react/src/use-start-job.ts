import { isSettledJobStatus, type JobStore, type JobView, type Jsonify } from "@forge-jobs/client";
import { useCallback } from "react";
import { useForgeStores } from "./provider.ts";
import { isStarting } from "./started-id.ts";
import { type JobHandle, useJobStore } from "./use-job-store.ts";
import { useStart } from "./use-start.ts";

/** What `useStartJob` returns. `start`, `reset` and `onSettled` keep their identity from render to render. */
export interface StartJobHandle<Args, Output> extends JobHandle<Output> {
  /**
   * Starts a job and resolves with its id; rejects with `JobFailed` when the gateway refuses. To be called from an event,
   * never in render. A second call starts a second job, which takes the place of the first in `job`.
   */
  readonly start: (args: Args) => Promise<string>;
  /** Whether a start has not been answered yet. */
  readonly isStarting: boolean;
  /** Forgets the job, which goes on running. */
  readonly reset: () => void;
  /** Calls `listener` whenever a job started here settles, until the function it returns is called. For effects. */
  readonly onSettled: (listener: (job: JobView<Output>) => void) => () => void;
}

/** Starts jobs of one type, and watches the last one started. */
export function useStartJob<Args = unknown, Output = unknown>(type: string): StartJobHandle<Args, Jsonify<Output>> {
  const client = useForgeStores();
  const create = useCallback((args: Args) => client.createJobStore<Args, Output>(type, args), [client, type]);
  const { store, ...starter } = useStart<Args, JobView<Jsonify<Output>>, JobStore<Jsonify<Output>>>(
    create,
    isSettledJobStatus,
  );
  const handle = useJobStore(store);
  return { ...handle, ...starter, isStarting: isStarting(handle.job) };
}
