import type { JobView, Store, WorkflowView } from "@forge-jobs/client";

/** A view of either kind. */
export type AnyView = JobView | WorkflowView;

/** The id in a view; "" while it is not known. */
function idOf(view: AnyView): string {
  return "jobId" in view ? view.jobId : view.workflowId;
}

/** Whether the gateway has not answered the start yet. */
export function isStarting(view: AnyView | null): boolean {
  return view !== null && view.loading && !idOf(view);
}

/** The id of what is being started; rejects as the store's `done` when the gateway refuses. */
export function startedId(store: Store<AnyView, unknown>): Promise<string> {
  const id = new Promise<string>((resolve, reject) => {
    const stop = store.subscribe((view) => {
      if (idOf(view)) resolve(idOf(view));
      else if (!view.loading) store.done.catch(reject);
      else return;
      // Not before `stop` is there: a store calls its subscriber at once.
      queueMicrotask(() => stop());
    });
  });
  // The refusal is in the view as well, so whoever does not look at the promise has not missed it.
  id.catch(() => {});
  return id;
}
