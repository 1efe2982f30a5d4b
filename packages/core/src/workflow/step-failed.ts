import { PublicError } from "../outcomes.ts";
import type { StepError, StepRecord } from "../store.ts";

/** Why `ctx.step` rejects once the step's attempts are spent: the same the first time and in every replay. */
export class StepFailed extends Error {
  override readonly name: string = "StepFailed";
  /** The name under which the step is recorded. */
  readonly step: string;
  /** The name of the error's class that the last attempt threw; `TIMEOUT` where it ran out of time. */
  readonly errorName: string | null;

  constructor(step: string, { error, errorName, publicError }: StepError) {
    // What may leave the server of it still may, when the run fails by this error.
    super(`The step ${step} failed: ${error}`, { cause: new PublicError(publicError) });
    this.step = step;
    this.errorName = errorName;
  }
}

/** Why an `atMostOnce` step fails that was begun, and whose end nobody recorded. */
export class StepInterrupted extends Error {
  override readonly name: string = "StepInterrupted";

  constructor(step: string) {
    super(`The step ${step} was begun and its end is not known; it may run at most once.`);
  }
}

/** The error of a step that is recorded as failed. */
export function stepFailed({ key, failure }: StepRecord): StepFailed {
  return new StepFailed(key, failure ?? { error: "unknown", errorName: null, publicError: "The step failed." });
}
