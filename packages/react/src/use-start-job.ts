import { isSettledJobStatus, type JobStore, type JobView, type Jsonify } from "@forge-jobs/client";
import { useCallback, useEffect, useRef, useState } from "react";
import { useJobStores } from "./provider.ts";
import { type JobHandle, useJobStore } from "./use-job-store.ts";

/** What `useStartJob` returns. All functions keep their identity from render to render. */
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
  const client = useJobStores();
  const [store, setStore] = useState<JobStore<Jsonify<Output>> | null>(null);
  const handle = useJobStore(store);
  const listeners = useRef(new Set<(job: JobView<Jsonify<Output>>) => void>()).current;

  useEffect(() => {
    let isSettled = false;
    return store?.subscribe((view) => {
      const settles = !isSettled && isSettledJobStatus(view.status);
      isSettled = isSettledJobStatus(view.status);
      if (settles) for (const listener of listeners) listener(view);
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
  const onSettled = useCallback<StartJobHandle<Args, Jsonify<Output>>["onSettled"]>(
    (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    [listeners],
  );
  const { job } = handle;
  const isStarting = job !== null && job.jobId === "" && !isSettledJobStatus(job.status);
  return { ...handle, start, isStarting, reset, onSettled };
}

function startedId<Output>(store: JobStore<Output>): Promise<string> {
  return new Promise((resolve, reject) => {
    const stop = store.subscribe(({ jobId, status }) => {
      if (jobId === "" && !isSettledJobStatus(status)) return;
      queueMicrotask(() => stop());
      if (jobId === "") store.done.catch(reject);
      else resolve(jobId);
    });
  });
}
