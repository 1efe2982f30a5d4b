import type { Forge, StartOptions } from "../forge-types.ts";
import { refuseUnknownOptions } from "../options.ts";

const START_OPTIONS: readonly (keyof StartOptions)[] = [
  "tx",
  "runAt",
  "delay",
  "priority",
  "queue",
  "idempotencyKey",
  "owner",
];

/** Makes the verb `startWorkflow`: to start a run is to dispatch its row. */
export function workflowStarter(dispatch: Forge["dispatch"]): Forge["startWorkflow"] {
  return async (workflow, input, options = {}) => {
    refuseUnknownOptions("startWorkflow", options, START_OPTIONS);
    return dispatch(workflow?.job, input as never, options);
  };
}
