import { AssertionError, partialDeepStrictEqual } from "node:assert";
import { inspect } from "node:util";
import type { Forge, Job, Jobs } from "../forge-types.ts";
import { workflowOf } from "../workflow/define-workflow.ts";

/** Any part of a value, at any depth. */
export type Part<T> = T extends object ? { [K in keyof T]?: Part<T[K]> } : T;

type Lists = Pick<Forge, "jobs" | "workflows">;

/** The jobs or runs of a type whose inputs match, oldest first. Throws an `AssertionError` where there is none. */
export async function dispatched(forge: Lists, type: string, matcher: unknown): Promise<Job[]> {
  const run = workflowOf(type);
  const all = run === null ? await jobsOf(forge.jobs, type) : await runsOf(forge, run);
  const found = all.filter(({ input }) => isMatch(input, matcher));
  if (found.length > 0) return found;
  const inputs = all.map(({ input }) => input);
  const what = matcher === undefined ? type : `${type} with an input that matches ${inspect(matcher)}`;
  throw new AssertionError({
    message: `Nobody dispatched ${what}. Dispatched was: ${all.length === 0 ? "nothing of this type" : inspect(inputs)}`,
    actual: inputs,
    expected: matcher,
    operator: "assertDispatched",
  });
}

function isMatch(input: unknown, matcher: unknown): boolean {
  if (matcher === undefined) return true;
  if (typeof matcher === "function") return (matcher as (input: unknown) => unknown)(input) === true;
  try {
    partialDeepStrictEqual(input, matcher);
    return true;
  } catch (error) {
    if (error instanceof AssertionError) return false;
    throw error;
  }
}

async function jobsOf(jobs: Jobs, type: string): Promise<Job[]> {
  const all: Job[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page: Awaited<ReturnType<Jobs["list"]>> = await jobs.list({ type, limit: 1_000, ...(cursor && { cursor }) });
    all.unshift(...page.jobs.toReversed());
    cursor = page.cursor;
  }
  return all;
}

/** The rows of runs, which are those of jobs. */
async function runsOf(
  { jobs, workflows }: Lists,
  { name: workflow, version }: { readonly name: string; readonly version: number },
): Promise<Job[]> {
  const all: Job[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page: Awaited<ReturnType<Lists["workflows"]["list"]>> = await workflows.list({
      workflow,
      version,
      limit: 1_000,
      ...(cursor && { cursor }),
    });
    const rows = await Promise.all(page.runs.map(({ id }) => jobs.get(id)));
    all.unshift(...rows.flatMap((row) => row ?? []).toReversed());
    cursor = page.cursor;
  }
  return all;
}
