import type { JobDefinition } from "./define.ts";
import { ForgeError, shown } from "./errors.ts";

/** Checks that something is a job at all. Throws `BAD_REQUEST`. */
export function checkDefinition(job: JobDefinition): void {
  if (typeof job?.run === "function" && typeof job.name === "string") return;
  throw new ForgeError(
    "BAD_REQUEST",
    `A dispatch takes a job that defineJob made, and then its input; got ${shown(job)}.`,
  );
}

/** Refuses a job that an engine does not have. Throws `BAD_REQUEST` for what is no job, and `NOT_FOUND`. */
export function refuseUnregistered(job: JobDefinition, definitions: ReadonlyMap<string, JobDefinition>): void {
  checkDefinition(job);
  const registered = definitions.get(job.name);
  if (registered === job) return;
  const what = job.workflow === null ? "job" : "workflow";
  throw new ForgeError(
    "NOT_FOUND",
    registered === undefined
      ? `The ${what} ${shown(job.name)} is not registered here; pass it in createForge({ ${what}s }).`
      : `The ${what} ${shown(job.name)} is registered here with another definition than the one that was passed; pass the same object in createForge({ ${what}s }).`,
  );
}
