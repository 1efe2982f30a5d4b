import type { JobDefinition } from "../define.ts";
import { jobTemplate } from "../dispatch.ts";
import { newId } from "../id.ts";
import type { NewJob } from "../store.ts";

/** The input of a cron's job. */
export interface CronInput {
  /** The job's id, the same in every attempt. */
  readonly runId: string;
  /** ISO 8601: the tick, or when it was triggered. */
  readonly scheduledTime: string;
  readonly isCatchUp: boolean;
  /** Who triggered it; null for a tick, and for a trigger that did not say. */
  readonly triggeredBy: string | null;
}

/** What all runs of a cron have in common, as JSON. */
export function runTemplate(job: JobDefinition): string {
  return JSON.stringify(jobTemplate(job, {}).row);
}

/** Makes the row of one run. */
export function newRun(
  template: string,
  run: { readonly scheduledAt: number; readonly isCatchUp: boolean; readonly triggeredBy: string | null },
): NewJob {
  const id = newId();
  const { scheduledAt, isCatchUp, triggeredBy } = run;
  const input: CronInput = {
    runId: id,
    scheduledTime: new Date(scheduledAt).toISOString(),
    isCatchUp,
    triggeredBy,
  };
  const row = JSON.parse(template) as Omit<NewJob, "id" | "input" | "keys">;
  return { ...row, id, input: JSON.stringify(input), keys: [] };
}
