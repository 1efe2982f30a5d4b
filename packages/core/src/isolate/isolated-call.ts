import { Worker } from "node:worker_threads";
import type { ForgeContext, JobContext } from "../context.ts";
import type { JobDefinition } from "../define.ts";
import { ForgeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { JobAborted } from "../outcomes.ts";
import { CONTEXT_NAMES } from "../worker/job-context.ts";
import type { FromThread, JobReference, ThreadData, ToThread } from "./messages.ts";
import { putTogether, type RemoteError, takenApart } from "./remote-error.ts";

/** An output that is JSON already. */
export class JsonOutput {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

/** What a job's thread is made of. */
export interface IsolatedCallDeps {
  readonly definition: JobDefinition;
  /** The address of the module that defines it. */
  readonly module: string;
  /** JSON text. */
  readonly input: string;
  readonly ctx: JobContext;
  /** What `createForge({ context })` gave, which is part of `ctx`. */
  readonly shared: ForgeContext;
  readonly definitionOf: (name: string) => JobDefinition | undefined;
  readonly log: Logger;
}

/** What a thread has of its own, and does not ask for. */
const LOCAL: ReadonlySet<string> = new Set([
  "signal",
  "log",
  "fetch",
  "progress",
  "heartbeat",
  "isCancelRequested",
  "saved",
  "save",
]);

// Beside this module, from `src` and from `dist`.
const MAIN = new URL(`./thread-main${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/** The thread ended before its handler did: by `process.exit`, or for want of memory. */
class ThreadExited extends Error {
  override readonly name: string = "ThreadExited";
  readonly code: string = "THREAD_EXITED";
}

/**
 * One run of an isolated handler, in a thread that lives as long as it.
 *
 * Running: until the handler ends, the thread does, or `terminate` is called. Ending: the thread is being ended, and what it
 * says no longer counts. The call's promise settles once the thread is gone.
 */
export class IsolatedCall {
  readonly #deps: IsolatedCallDeps;
  readonly #cancelFlag = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #end = Promise.withResolvers<JsonOutput>();
  /** What calls of the thread were refused with: a handler may throw it on, and it is to be the same. */
  readonly #refusals = new Map<number, unknown>();
  #worker: Worker | null = null;
  #ending = false;

  constructor(deps: IsolatedCallDeps) {
    this.#deps = deps;
  }

  /** Runs the handler, and answers what it returned. Rejects with what it threw, or with how its thread ended. */
  async run(): Promise<JsonOutput> {
    const { ctx } = this.#deps;
    const onAbort = (): void => this.#tellAbort(ctx.signal.reason as JobAborted);
    ctx.signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#worker = new Worker(MAIN, { workerData: this.#data(), name: `forge ${this.#deps.definition.name}` });
      this.#worker.on("message", (message: FromThread) => this.#hear(message));
      this.#worker.on("error", (error) => this.#end.reject(error));
      this.#worker.on("exit", (code) => {
        this.#end.reject(new ThreadExited(`The job's thread ended with code ${code} before its handler did.`));
      });
      if (ctx.signal.aborted) onAbort();
      return await this.#end.promise;
    } finally {
      this.#ending = true;
      ctx.signal.removeEventListener("abort", onAbort);
      await this.#worker?.terminate();
    }
  }

  /** Ends the thread, whatever it does; the call rejects with the reason that its signal aborted with. */
  terminate(): void {
    this.#ending = true;
    this.#end.reject(this.#deps.ctx.signal.reason);
  }

  #data(): ThreadData {
    const { definition, module, input, ctx, shared } = this.#deps;
    const facts: Record<string, unknown> = {};
    const verbs: string[] = [];
    for (const key of CONTEXT_NAMES) {
      if (LOCAL.has(key) || !(key in ctx)) continue;
      const part = ctx[key as keyof JobContext] as unknown;
      if (typeof part === "function") verbs.push(key);
      else if (isPlain(part)) facts[key] = part;
      else for (const verb of Object.keys(part as object)) verbs.push(`${key}.${verb}`);
    }
    const unreachable = Object.keys(shared);
    const { saved } = ctx;
    return {
      module,
      name: definition.name,
      input,
      facts,
      saved: { ...saved },
      verbs,
      unreachable,
      cancelFlag: this.#cancelFlag,
    };
  }

  #tellAbort({ code, message }: JobAborted): void {
    if (code === "CANCELLED") Atomics.store(new Int32Array(this.#cancelFlag), 0, 1);
    this.#tell({ kind: "abort", code, message });
  }

  #tell(message: ToThread): void {
    this.#worker?.postMessage(message);
  }

  #hear(message: FromThread): void {
    if (this.#ending) return;
    const { ctx, log, definition } = this.#deps;
    switch (message.kind) {
      case "call":
        void this.#call(message);
        break;
      case "progress":
        ctx.progress(message.percent, message.message);
        break;
      case "heartbeat":
        ctx.heartbeat().catch(() => {});
        break;
      case "log":
        ctx.log[message.level](message.message, message.fields);
        break;
      case "returned":
        if (message.mended) {
          log.warn("The output held NUL or half surrogate pairs; they were replaced", {
            jobId: ctx.jobId,
            jobType: definition.name,
          });
        }
        this.#end.resolve(new JsonOutput(message.json));
        break;
      case "threw":
        this.#end.reject(this.#thrown(message.error));
    }
  }

  #thrown(error: RemoteError): unknown {
    return error.kind === "known" ? this.#refusals.get(error.n) : putTogether(error);
  }

  async #call({ n, verb, args }: Extract<FromThread, { kind: "call" }>): Promise<void> {
    try {
      const value = await this.#verb(verb)(...args.map((arg) => this.#withDefinition(arg)));
      if (!this.#ending) this.#tell({ kind: "reply", n, value });
    } catch (error) {
      this.#refusals.set(n, error);
      if (!this.#ending) this.#tell({ kind: "refusal", n, error: takenApart(error) });
    }
  }

  #verb(path: string): (...args: unknown[]) => unknown {
    const [first = "", second] = path.split(".");
    const part = this.#deps.ctx[first as keyof JobContext] as unknown;
    const verb = second === undefined ? part : (part as Record<string, unknown>)[second];
    return (...args) => (verb as (...args: unknown[]) => unknown)(...args);
  }

  #withDefinition(arg: unknown): unknown {
    if (typeof arg !== "object" || arg === null || !("forgeJob" in arg)) return arg;
    const { forgeJob, isWorkflow } = arg as JobReference;
    const definition = this.#deps.definitionOf(forgeJob);
    if (definition !== undefined) return isWorkflow === true ? { job: definition } : definition;
    const what = isWorkflow === true ? "workflow" : "job";
    throw new ForgeError(
      "NOT_FOUND",
      `The ${what} ${forgeJob} is not registered here; pass it in createForge({ ${what}s }).`,
    );
  }
}

/** Whether a part of `ctx` is data that a thread can be handed. */
function isPlain(part: unknown): boolean {
  return typeof part !== "object" || part === null || part instanceof Date || Array.isArray(part);
}
