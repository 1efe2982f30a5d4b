import type { WorkflowStore, WorkflowView } from "@forge-jobs/client";
import { useCallback } from "react";
import { useStore } from "./use-store.ts";

/** What every hook over one run of a workflow returns. */
export interface WorkflowHandle<Output> {
  /** The run now, or null where there is none. */
  readonly workflow: WorkflowView<Output> | null;
  /** Asks for the run's cancellation; does nothing without a run. Rejects with `WorkflowFailed` when the gateway refuses. */
  readonly cancel: () => Promise<void>;
  /** Gives the run a signal, which a `waitForEvent` of that name hands out, now or later; otherwise like `cancel`. */
  readonly signal: (name: string, payload?: unknown) => Promise<void>;
}

/** Watches a run's store for as long as the component is mounted. */
export function useWorkflowStore<Output>(store: WorkflowStore<Output> | null): WorkflowHandle<Output> {
  const { view: workflow, cancel } = useStore(store);
  const signal = useCallback(async (name: string, payload?: unknown) => store?.signal(name, payload), [store]);
  return { workflow, cancel, signal };
}
