import { isSettledJobStatus, type JobStore, type JobView, type Jsonify } from "@forge-jobs/client";
import { useCallback, useEffect, useState } from "react";
import { useJobStores } from "./provider.ts";
import { startedId } from "./started-id.ts";
import { type JobHandle, useJobStore } from "./use-job-store.ts";

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
  type Listener = (job: JobView<Jsonify<Output>>) => void;
  const client = useJobStores();
  const [store, setStore] = useState<JobStore<Jsonify<Output>> | null>(null);
  const [listeners] = useState(() => new Set<Listener>());
  const handle = useJobStore(store);
  const { job } = handle;

  useEffect(() => {
    let wasSettled = false;
    return store?.subscribe((view) => {
      const isSettled = isSettledJobStatus(view.status);
      if (isSettled && !wasSettled) for (const listener of listeners) listener(view);
      wasSettled = isSettled;
    });
  }, [store, listeners]);

  const start = useCallback(
    (args: Args): Promise<string> => {
      const next = client.createJobStore<Args, Output>(type, args);
      setStore(next);
      return startedId(next);
    },
    [client, type],
  );
  const reset = useCallback(() => setStore(null), []);
  const onSettled = useCallback(
    (listener: Listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    [listeners],
  );
  const isStarting = job !== null && job.loading && job.jobId === "";
  return { ...handle, start, isStarting, reset, onSettled };
}
