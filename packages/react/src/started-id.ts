import type { JobStore } from "@forge-jobs/client";

/** The id of a job that is being started; rejects with `JobFailed` when the gateway refuses. */
export function startedId<Output>(store: JobStore<Output>): Promise<string> {
  const id = new Promise<string>((resolve, reject) => {
    const stop = store.subscribe(({ jobId, loading }) => {
      if (jobId) resolve(jobId);
      else if (!loading) store.done.catch(reject);
      else return;
      // Not before `stop` is there: a store calls its subscriber at once.
      queueMicrotask(() => stop());
    });
  });
  // The refusal is in `job.error` as well, so whoever does not look at the promise has not missed it.
  id.catch(() => {});
  return id;
}
