/** The names under which running jobs and runs of workflows stand in the page's address. */
export type JobParameter = "job" | "import" | "verification" | "trip";

/** The job's id that the address names; null for none. */
export function jobInAddress(parameter: JobParameter): string | null {
  return new URL(location.href).searchParams.get(parameter) || null;
}

/**
 * Puts a job's id into the address, or takes it out, so that reload and back find the job again.
 *
 * Adds an entry to the history, except where the address says so already.
 */
export function putJobInAddress(parameter: JobParameter, id: string | null): void {
  if (id === jobInAddress(parameter)) return;
  const url = new URL(location.href);
  if (id === null) url.searchParams.delete(parameter);
  else url.searchParams.set(parameter, id);
  history.pushState(null, "", url);
  for (const listener of listeners) listener();
}

const listeners = new Set<() => void>();

/** Calls `listener` whenever the address has changed, by the person or by `putJobInAddress`; returns what ends that. */
export function onAddressChange(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("popstate", listener);
  };
}
