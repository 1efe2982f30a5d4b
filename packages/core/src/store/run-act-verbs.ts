import type { StepError } from "./workflow-verbs.ts";

/**
 * What became of a demand to undo a run.
 *
 * `turned`: it is undone from here on, or was being undone already. `cancelled`: nothing had been done that could be undone,
 * and it has ended. `requested`: it has been asked to end before, without being undone. `settled`: it had ended.
 */
export type TurnResult = "turned" | "cancelled" | "requested" | "settled" | "not_found";

/** What became of a step that a person wants to record; `ended`: the step has an end already. `settled`: the run has. */
export type SkipResult = "skipped" | "ended" | "settled" | "not_found";

/** What people do to runs of workflows, whoever has them: none of it is fenced. */
export interface RunActVerbs {
  /**
   * Turns a run round and wakes it, so that what it did is undone; `why.error` enters its history as the reason. A run that
   * nobody has, and of which no step can be undone, is cancelled instead, with its children.
   */
  turn(args: { id: string; why: StepError; by?: string }): Promise<TurnResult>;
  /**
   * Records a step as completed with this output (JSON text) as the last one that ended, notes in the run's history who did
   * it, with the step's key as the reason, and wakes the run, which is not blocked any more.
   */
  skip(args: { id: string; key: string; output: string | null; by?: string }): Promise<SkipResult>;
}
