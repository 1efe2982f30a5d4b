import type { ClaimedJob } from "../store.ts";
import type { StepInfo } from "./workflow-context.ts";

/** What does the work of a step, or undoes it. */
export type StepFunction = (step: StepInfo) => unknown;

/** What the testing kit changes of how runs of workflows go. */
export interface Tuning {
  /** A wait shorter than this passes in memory. */
  readonly shortWaitMs: number;
  /** What is called in the place of a step's function. */
  readonly stepFunction: (run: ClaimedJob, key: string, fn: StepFunction) => StepFunction;
}

/** How runs go where nobody tests them. For a wait below 2 s, putting the run away would cost more. */
export const PLAIN: Tuning = { shortWaitMs: 2_000, stepFunction: (_run, _key, fn) => fn };
