import type { MessagePort } from "node:worker_threads";
import { inspect } from "node:util";
import type { FromThread, JobReference, ToThread } from "./messages.ts";
import { putTogether, type RemoteError, takenApart } from "./remote-error.ts";

/** A thread's line to the main one: says things, calls verbs there, and hears of the abort. */
export class ThreadLink {
  readonly #port: MessagePort;
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  /** Errors that came from the main thread, by the number under which it knows them. */
  readonly #known = new WeakMap<object, number>();
  #count = 0;

  constructor(port: MessagePort, onAbort: (message: Extract<ToThread, { kind: "abort" }>) => void) {
    this.#port = port;
    port.on("message", (message: ToThread) => {
      if (message.kind === "abort") onAbort(message);
      else this.#answer(message);
    });
  }

  /** Says something. Throws for what cannot be cloned. */
  say(message: FromThread): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port between threads has no origin.
    this.#port.postMessage(message);
  }

  /** Writes a log line; fields that cannot be cloned are written as text. Never throws. */
  log(level: "debug" | "info" | "warn" | "error", message: unknown, fields?: Record<string, unknown>): void {
    try {
      this.say({ kind: "log", level, message: String(message), fields });
    } catch {
      this.say({ kind: "log", level, message: String(message), fields: { fields: inspect(fields, { depth: 3 }) } });
    }
  }

  /** Calls a verb of the main thread's `ctx`. */
  call(verb: string, args: readonly unknown[]): Promise<unknown> {
    const call = Promise.withResolvers<unknown>();
    // One that a handler starts and nobody awaits must not end the thread when it rejects.
    call.promise.catch(() => {});
    const n = this.#count++;
    try {
      this.say({ kind: "call", n, verb, args: args.map(withReference) });
      this.#calls.set(n, call);
    } catch (cause) {
      call.reject(new TypeError(`ctx.${verb} of an isolated job takes plain data only.`, { cause }));
    }
    return call.promise;
  }

  /** Takes a thrown value apart; one that the main thread sent is named by its number. */
  takenApart(thrown: unknown): RemoteError {
    const n = typeof thrown === "object" && thrown !== null ? this.#known.get(thrown) : undefined;
    return n === undefined ? takenApart(thrown) : { kind: "known", n };
  }

  #answer(message: Exclude<ToThread, { kind: "abort" }>): void {
    const call = this.#calls.get(message.n);
    this.#calls.delete(message.n);
    if (message.kind === "reply") {
      call?.resolve(message.value);
    } else if (message.error.kind !== "known") {
      const error = putTogether(message.error);
      if (typeof error === "object" && error !== null) this.#known.set(error, message.n);
      call?.reject(error);
    }
  }
}

/** A definition holds functions; its name tells the main thread which one is meant. */
function withReference(arg: unknown): unknown {
  if (typeof arg !== "object" || arg === null) return arg;
  const { name, run, job } = arg as { name?: unknown; run?: unknown; job?: { name: string } };
  if (typeof name !== "string" || typeof run !== "function") return arg;
  return (job === undefined ? { forgeJob: name } : { forgeJob: job.name, isWorkflow: true }) satisfies JobReference;
}
