import type { JobStoreOptions, Jsonify } from "@forge-jobs/client";
import { useMemo } from "react";
import { useForgeStores } from "./provider.ts";
import { type JobHandle, useJobStore } from "./use-job-store.ts";

/**
 * Watches the job of this id while the component is mounted; null watches nothing.
 *
 * `initial` is the state the page was rendered with: shown at once, also on the server, and replaced by what is newer. It
 * is read when the id is first seen.
 */
export function useJob<Output = unknown>(
  id: string | null,
  options?: JobStoreOptions<Jsonify<Output>>,
): JobHandle<Jsonify<Output>> {
  const client = useForgeStores();
  // Not on `options`: a new object at every render must not make a new store.
  // oxlint-disable-next-line react/memo-dependencies, react-hooks/exhaustive-deps -- see above
  const store = useMemo(() => (id === null ? null : client.jobStore<Output>(id, options)), [client, id]);
  return useJobStore(store);
}
