import { LIMITS } from "@forge-jobs/protocol";
import { type BoundFetch, boundFetch } from "../bound-fetch.ts";
import type { JobContext } from "../context.ts";
import { ForgeError } from "../errors.ts";
import { clipText } from "../values.ts";
import type { ThreadData } from "./messages.ts";
import type { ThreadLink } from "./thread-link.ts";

/** Makes a handler's `ctx` in a thread: what is plain is there, what is not is asked of the main thread. */
export function threadContext(data: ThreadData, link: ThreadLink, signal: AbortSignal): JobContext {
  const flag = new Int32Array(data.cancelFlag);
  const saved: Record<string, unknown> = { ...data.saved };
  let fetch: BoundFetch | null = null;
  const ctx: Record<string, unknown> = {
    ...data.facts,
    signal,
    log: {
      debug: (message: string, fields?: Record<string, unknown>) => link.log("debug", message, fields),
      info: (message: string, fields?: Record<string, unknown>) => link.log("info", message, fields),
      warn: (message: string, fields?: Record<string, unknown>) => link.log("warn", message, fields),
      error: (message: string, fields?: Record<string, unknown>) => link.log("error", message, fields),
    } satisfies JobContext["log"],
    get fetch() {
      return (fetch ??= boundFetch(() => signal));
    },
    progress: ((percent: unknown, message?: unknown) => {
      // What is no number is refused, with a word, where it arrives.
      const number = percent === null || typeof percent === "number" ? percent : Number.NaN;
      try {
        const text = message === undefined ? undefined : clipText(message, LIMITS.messageBytes);
        link.say({ kind: "progress", percent: number, message: text });
      } catch (cause) {
        link.log("warn", "A call of progress() was ignored; it takes 0 to 100 or null, and text", { cause });
      }
    }) satisfies JobContext["progress"],
    heartbeat: (() => {
      if (signal.aborted) {
        const refused = Promise.reject(signal.reason);
        refused.catch(() => {});
        return refused;
      }
      link.say({ kind: "heartbeat" });
      return Promise.resolve();
    }) satisfies JobContext["heartbeat"],
    isCancelRequested: () => Atomics.load(flag, 0) === 1,
    saved,
    save: (async (key, value) => {
      await link.call("save", [key, value]);
      saved[key] = JSON.parse(JSON.stringify(value) ?? "null");
    }) satisfies JobContext["save"],
  };
  for (const path of data.verbs) {
    const [first = "", second] = path.split(".");
    const verb = (...args: unknown[]): Promise<unknown> => link.call(path, args);
    if (second === undefined) ctx[first] = verb;
    else ctx[first] = { ...(ctx[first] as object | undefined), [second]: verb };
  }
  for (const name of data.unreachable) Object.defineProperty(ctx, name, { get: () => unreachable(name) });
  return ctx as unknown as JobContext;
}

function unreachable(name: string): never {
  throw new ForgeError(
    "BAD_REQUEST",
    `ctx.${name} cannot be reached from an isolated job, which runs in a thread of its own; make or import it in the job's module.`,
  );
}
