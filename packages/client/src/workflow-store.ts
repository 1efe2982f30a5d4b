import type { SignalRequest, WorkflowState } from "@forge-jobs/protocol";
import { WorkflowFailed } from "./failed.ts";
import { createStore, type Kind, type Store, type StoreContext, type StoreOrigin } from "./store.ts";
import type { WorkflowView } from "./view.ts";

/** The store of one run of a workflow. */
export interface WorkflowStore<Output = unknown> extends Store<WorkflowView<Output>, Output> {
  /**
   * Gives the run a signal, which a `waitForEvent` of that name hands out, now or later; sent once, however often it is
   * repeated until it is answered. Rejects with `WorkflowFailed` when the gateway refuses: with `CONFLICT` once the run has
   * ended. Throws a `TypeError` where `payload` is no JSON.
   */
  readonly signal: (name: string, payload?: unknown) => Promise<void>;
}

const WORKFLOW: Kind<WorkflowState> = {
  noun: "workflow",
  idField: "workflowId",
  otherField: "jobId",
  blank: { workflowId: "", status: "created", step: null, waitingFor: null, steps: [], output: null, error: null },
  Failed: WorkflowFailed,
};

/** Creates the store of one run. */
export function createWorkflowStore<Output>(context: StoreContext, origin: StoreOrigin): WorkflowStore<Output> {
  const [store, command] = createStore<WorkflowState, WorkflowView<Output>, Output>(context, origin, WORKFLOW);
  return Object.assign(store, {
    signal: async (name: string, payload?: unknown) => {
      const request: SignalRequest = { name, payload, signalId: context.uuid() };
      await command("signal", JSON.stringify(request));
    },
  });
}
