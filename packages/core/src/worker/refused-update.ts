import type { Outcome, RunUpdate } from "../store.ts";

/** What may be left of an update whose data the database refuses; null where nothing is. */
export function lessOf(update: RunUpdate, refusedOutput: () => Outcome): RunUpdate | null {
  const { outcome, progress, message } = update;
  if (outcome === null) {
    return progress === undefined && message === undefined
      ? null
      : { ...update, progress: undefined, message: undefined };
  }
  if (outcome.kind === "completed") return { ...update, message: undefined, outcome: refusedOutput() };
  if (!("error" in outcome) || outcome.error === "") return null;
  return { ...update, message: undefined, outcome: { ...outcome, error: "" } };
}
