import { ForgeError } from "../errors.ts";
import type { Scope } from "./scope.ts";
import type { Branches, RaceResult, WorkflowContext } from "./workflow-context.ts";

type ContextOf = (scope: Scope) => WorkflowContext;

/** See `WorkflowContext.parallel`. */
export async function parallel<T extends Record<string, unknown>>(
  scope: Scope,
  branches: Branches<T>,
  contextOf: ContextOf,
): Promise<T> {
  const running = Object.entries(branches).map(async ([name, branch]) => {
    const value = await (branch as (ctx: WorkflowContext) => Promise<unknown>)(contextOf(scope.inside(name)));
    return [name, value] as const;
  });
  return Object.fromEntries(await Promise.all(running)) as T;
}

/** See `WorkflowContext.race`. */
export async function race<T extends Record<string, unknown>>(
  scope: Scope,
  branches: Branches<T>,
  contextOf: ContextOf,
): Promise<RaceResult<T>> {
  if (Object.keys(branches).length === 0) {
    throw new ForgeError("BAD_REQUEST", "ctx.race needs at least one branch: nothing would ever end it.");
  }
  const scopes: Scope[] = [];
  const running = Object.entries(branches).map(async ([name, branch]) => {
    const inner = scope.inside(name);
    scopes.push(inner);
    const value = await (branch as (ctx: WorkflowContext) => Promise<unknown>)(contextOf(inner));
    return { winner: name, value };
  });
  try {
    return (await Promise.race(running)) as RaceResult<T>;
  } finally {
    for (const inner of scopes) inner.close();
  }
}
