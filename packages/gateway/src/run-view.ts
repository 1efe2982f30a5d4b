import { clipText, type RunStateRecord, workflowState } from "@forge-jobs/core";
import { LIMITS, type WorkflowSnapshot } from "@forge-jobs/protocol";
import { fits, StateView } from "./state-view.ts";

/** The row of a workflow's run and its steps, as one read saw them. */
export class RunView extends StateView<WorkflowSnapshot> {
  readonly kind = "workflow";
  readonly record: RunStateRecord;

  constructor(record: RunStateRecord) {
    super();
    this.record = record;
  }

  whole(): WorkflowSnapshot {
    return stateOf(this.record);
  }

  protected bound(): WorkflowSnapshot {
    const { output } = this.record;
    // Looked at first, as for jobs.
    if (output === null || output.length <= LIMITS.stateBytes) {
      const snapshot = this.whole();
      if (fits(snapshot)) return snapshot;
    }
    const partial = { ...stateOf({ ...this.record, output: null }), partial: true as const };
    // A run of very many steps can be too large without its output, too.
    return fits(partial) ? partial : { ...partial, steps: [] };
  }
}

/** What stands for a run that does not exist or that the caller may not watch. */
export function noRun(workflowId: string): WorkflowSnapshot {
  const nothing = { step: null, waitingFor: null, steps: [], output: null, error: null };
  return { revision: 0, workflowId, status: "not_found", ...nothing };
}

function stateOf(record: RunStateRecord): WorkflowSnapshot {
  const { steps, error, ...state } = workflowState(record);
  return {
    revision: record.revision,
    ...state,
    steps: steps.map((step) => ({ ...step, error: clipped(step.error) })),
    error: clipped(error),
  };
}

function clipped(error: string | null): string | null {
  return error === null ? null : clipText(error, LIMITS.errorBytes);
}
