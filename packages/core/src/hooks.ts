import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { ForgeContext, JobContext } from "./context.ts";
import { ForgeError } from "./errors.ts";
import { refuseUnknownOptions } from "./options.ts";

/** The job that a hook is about. */
export interface HookJob {
  readonly id: string;
  /** The name it was defined with. */
  readonly name: string;
  /** Its input as it is stored: JSON, before the schema parsed it. */
  readonly input: unknown;
  /** Which run this is, counted from 1; 0 before the first one. */
  readonly attempt: number;
}

/** The `ctx` of hooks that run outside a handler. */
export type HookContext = ForgeContext & Pick<JobContext, "log" | "fetch" | "jobs" | "dispatch">;

/**
 * What an application wants to hear of its jobs, for logs, metrics, alerts and the like.
 *
 * Any number of such objects may be given, to `createForge` (every job) and to `defineJob` (that one); each function is
 * awaited before the next, those of `createForge` first. One that throws or rejects is logged and changes nothing. All but
 * `beforePerform`, which the job's own timeout bounds, have 5 s each; after that they are logged and no longer waited for.
 */
export interface Hooks {
  /** Before a handler runs, with its `ctx`; the handler waits. Not where the input's schema refuses the stored input. */
  readonly beforePerform?: (job: HookJob, ctx: JobContext) => unknown;
  /**
   * After a handler returned and its output was accepted, before the job is `completed`. Where the handler settled its job
   * in a transaction of its own: after that and the handler's end.
   */
  readonly afterPerform?: (job: HookJob & { readonly output: unknown }, ctx: JobContext) => unknown;
  /**
   * After a run failed, timed out or threw `Dead`, before that is written. `willRetry` says whether the job runs again. Not
   * for snoozed and given back runs, cancellations, and what `discardIf` drops.
   */
  readonly onError?: (
    job: HookJob & { readonly error: unknown; readonly willRetry: boolean },
    ctx: JobContext,
  ) => unknown;
  /**
   * After this process inserted a job; `dispatch` waits for it. Not where a key's holder was answered. In a transaction of
   * the caller's it runs before the commit, so the job may yet come to nothing; and a job may run before its hook does.
   */
  readonly onDispatch?: (job: HookJob, ctx: HookContext) => unknown;
  /**
   * After a change of status that this process committed: by dispatching (not within a caller's transaction), by running
   * the job, or by a verb of `jobs`. Nothing waits for it; of one job it comes in order. Two changes written at once are
   * told as the later one, and a worker's claim is not told. What other processes, rescues and sweeps change is not heard
   * here.
   */
  readonly onStateChange?: (job: HookJob & { readonly status: StoredJobStatus }, ctx: HookContext) => unknown;
}

/** The names of the hooks. */
export const HOOK_NAMES = ["beforePerform", "afterPerform", "onDispatch", "onError", "onStateChange"] as const;

/** Checks what an application gave, one object or a list. Throws `BAD_REQUEST`. */
export function hookList(where: string, hooks: Hooks | readonly Hooks[] | undefined): readonly Hooks[] {
  if (hooks === undefined) return [];
  const list: readonly Hooks[] = Array.isArray(hooks) ? [...(hooks as readonly Hooks[])] : [hooks as Hooks];
  for (const one of list) {
    refuseUnknownOptions(`hooks of ${where}`, one, HOOK_NAMES);
    for (const name of HOOK_NAMES) {
      if (one[name] !== undefined && typeof one[name] !== "function") {
        throw new ForgeError("BAD_REQUEST", `${name} in the hooks of ${where} must be a function (job, ctx).`);
      }
    }
  }
  return list;
}
