import type { DispatchOptions } from "./dispatch.ts";

declare const childOutput: unique symbol;

/** The id of a child as `ctx.dispatchChild` answers it: text that knows what the child's handler returns, for `ctx.waitForJobs`. */
export type ChildId<Output = unknown> = string & { readonly [childOutput]: Output };

/** What one dispatch of a child may say about its job. It has its parent's owner, and no transaction of the caller's. */
export type ChildOptions = Omit<DispatchOptions, "tx" | "owner">;
