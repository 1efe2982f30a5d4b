import { isSettledWorkflowStatus, type Jsonify, type WorkflowStore, type WorkflowView } from "@forge-jobs/client";
import { useCallback } from "react";
import { useForgeStores } from "./provider.ts";
import { isStarting } from "./started-id.ts";
import { useStart } from "./use-start.ts";
import { useWorkflowStore, type WorkflowHandle } from "./use-workflow-store.ts";

/** What `useStartWorkflow` returns. `start`, `reset` and `onSettled` keep their identity from render to render. */
export interface StartWorkflowHandle<Args, Output> extends WorkflowHandle<Output> {
  /**
   * Starts a run and resolves with its id; rejects with `WorkflowFailed` when the gateway refuses. To be called from an event,
   * never in render. A second call starts a second run, which takes the place of the first in `workflow`.
   */
  readonly start: (args: Args) => Promise<string>;
  /** Whether a start has not been answered yet. */
  readonly isStarting: boolean;
  /** Forgets the run, which goes on. */
  readonly reset: () => void;
  /** Calls `listener` whenever a run started here settles, until the function it returns is called. For effects. */
  readonly onSettled: (listener: (workflow: WorkflowView<Output>) => void) => () => void;
}

/** Starts runs of one workflow, in its newest version, and watches the last one started. */
export function useStartWorkflow<Args = unknown, Output = unknown>(
  type: string,
): StartWorkflowHandle<Args, Jsonify<Output>> {
  const client = useForgeStores();
  const create = useCallback((args: Args) => client.createWorkflowStore<Args, Output>(type, args), [client, type]);
  const { store, ...starter } = useStart<Args, WorkflowView<Jsonify<Output>>, WorkflowStore<Jsonify<Output>>>(
    create,
    isSettledWorkflowStatus,
  );
  const handle = useWorkflowStore(store);
  return { ...handle, ...starter, isStarting: isStarting(handle.workflow) };
}
