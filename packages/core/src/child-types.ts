import type { DispatchOptions } from "./dispatch.ts";

declare const childOutput: unique symbol;

/** The id of a child as `ctx.dispatchChild` answers it: text that knows what the child's handler returns, for `ctx.waitForJobs`. */
export type ChildId<Output = unknown> = string & { readonly [childOutput]: Output };

/** What one dispatch of a child may say about its job. It has its parent's owner, no transaction of the caller's, and replaces nothing. */
export type ChildOptions = Omit<DispatchOptions, "tx" | "owner" | "replace">;

/** The outputs of children in the order of their ids; `unknown` for an id that is plain text. */
export type ChildOutputs<Ids extends readonly string[]> = {
  -readonly [At in keyof Ids]: Ids[At] extends ChildId<infer Output> ? Output : unknown;
};
