import type { JobDefinition } from "./define.ts";
import type { Amounts } from "./resources.ts";

/** What a worker offers to jobs that ask for something. */
export interface Offers {
  readonly capabilities: ReadonlySet<string>;
  readonly resources: Amounts;
}

/**
 * The types of which a worker can run jobs at all: it has every capability that they require, and one of them alone fits into
 * its resources. It claims no others, so that they wait for a worker that can.
 */
export function eligibleTypes(definitions: Iterable<JobDefinition>, { capabilities, resources }: Offers): string[] {
  const types: string[] = [];
  for (const { name, requires, resources: needs } of definitions) {
    const isCapable = requires.every((capability) => capabilities.has(capability));
    const fits = needs === null || (needs.cpu <= resources.cpu && needs.memory <= resources.memory);
    if (isCapable && fits) types.push(name);
  }
  return types;
}
