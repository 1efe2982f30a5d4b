import type { Jsonify, WorkflowStoreOptions } from "@forge-jobs/client";
import { useMemo } from "react";
import { useForgeStores } from "./provider.ts";
import { useWorkflowStore, type WorkflowHandle } from "./use-workflow-store.ts";

/** Watches the run of a workflow of this id while the component is mounted; null watches nothing. Otherwise as `useJob`. */
export function useWorkflow<Output = unknown>(
  id: string | null,
  options?: WorkflowStoreOptions<Jsonify<Output>>,
): WorkflowHandle<Jsonify<Output>> {
  const client = useForgeStores();
  // Not on `options`: a new object at every render must not make a new store.
  // oxlint-disable-next-line react/memo-dependencies, react-hooks/exhaustive-deps -- see above
  const store = useMemo(() => (id === null ? null : client.workflowStore<Output>(id, options)), [client, id]);
  return useWorkflowStore(store);
}
