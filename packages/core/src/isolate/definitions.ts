import type { JobDefinition } from "../define.ts";

// On the global object, since a job's module may load another copy of this package than the thread that runs it.
const KEY = Symbol.for("forge-jobs.thread");

type Definitions = Map<string, JobDefinition>;

const global = globalThis as { [KEY]?: Definitions };

/** Makes this thread one that runs a job: from here on `note` keeps what is defined, by name. */
export function collectDefinitions(): ReadonlyMap<string, JobDefinition> {
  return (global[KEY] ??= new Map());
}

/** Keeps a definition where this thread runs a job; elsewhere does nothing. */
export function note(definition: JobDefinition): void {
  global[KEY]?.set(definition.name, definition);
}

/** Whether this thread runs a job. */
export function isJobThread(): boolean {
  return global[KEY] !== undefined;
}
