import type { JobDefinition } from "../define.ts";
import { ForgeError } from "../errors.ts";
import type { WorkflowDefinition } from "./define-workflow.ts";

/** Checks the workflows that a process is given. Throws `BAD_REQUEST`. */
export function workflowsOf(workflows: readonly WorkflowDefinition[]): readonly WorkflowDefinition[] {
  if (!Array.isArray(workflows) || workflows.some((workflow) => workflow?.job?.workflow == null)) {
    throw new ForgeError("BAD_REQUEST", "createForge({ workflows }) takes a list of what defineWorkflow made.");
  }
  const types = new Set<string>();
  for (const { job, name, version } of workflows) {
    if (types.has(job.name)) {
      throw new ForgeError("BAD_REQUEST", `Two workflows are ${name} in version ${version}; give one another version.`);
    }
    types.add(job.name);
  }
  return workflows;
}

/**
 * What can be started under a name: the jobs, and of each workflow the newest version. Where both share a name the job comes
 * first. Throws `BAD_REQUEST` where both are public, since browsers could then reach only one of them.
 */
export function startableByName(
  jobs: ReadonlyMap<string, JobDefinition>,
  workflows: readonly WorkflowDefinition[],
): ReadonlyMap<string, JobDefinition> {
  const startable = new Map(jobs);
  for (const { name, public: exposed, job } of workflows.toSorted((a, b) => a.version - b.version)) {
    const namesake = jobs.get(name);
    if (namesake === undefined) startable.set(name, job);
    else if (exposed === true && namesake.public === true) {
      throw new ForgeError(
        "BAD_REQUEST",
        `A public job and a public workflow are both named ${name}, and browsers start either by its name; rename one.`,
      );
    }
  }
  return startable;
}
