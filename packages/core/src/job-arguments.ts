import { ForgeError, shown } from "./errors.ts";
import type { Store } from "./store.ts";
import { workflowOf } from "./workflow/define-workflow.ts";

const MOST_LISTED = 1_000;
const USUALLY_LISTED = 50;

/** How long a page is. Throws `BAD_REQUEST`. */
export function checkLimit(limit: number = USUALLY_LISTED): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_LISTED) {
    throw new ForgeError("BAD_REQUEST", `limit must be a whole number from 1 to 1,000; got ${shown(limit)}.`);
  }
  return limit;
}

/** What is thrown for an id of no job. */
export function unknownJob(jobId: string): ForgeError {
  return new ForgeError("NOT_FOUND", `There is no job ${jobId}.`, { details: { id: jobId } });
}

/** Refuses what is not for runs of workflows, whose rows are like those of jobs. Throws `CONFLICT`. */
export async function refuseRun(store: Store, id: string, verb: string): Promise<void> {
  const [state] = await store.jobs.states({ ids: [id] });
  const run = state === undefined ? null : workflowOf(state.type);
  if (run === null) return;
  throw new ForgeError(
    "CONFLICT",
    `${id} is a run of the workflow ${run.name}, and ${verb} is for jobs; what can be done with runs is in forge.workflows.`,
  );
}
