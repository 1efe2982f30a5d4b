import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { JobContext } from "./context.ts";
import { type Duration, durationMs } from "./duration.ts";
import { ForgeError, shown } from "./errors.ts";
import { hookList, type Hooks } from "./hooks.ts";
import { note } from "./isolate/definitions.ts";
import { isolatedModule } from "./isolate/module-of.ts";
import { refuseUnknownOptions } from "./options.ts";
import { type Amounts, amountsOf, type Resources } from "./resources.ts";
import { type DeadLetterOptions, type StoredRetention, storedRetention } from "./retention.ts";
import { type RetryLayer, retryLayer, type RetryOptions } from "./retry-options.ts";
import { PRIORITIES, type KeyHold, type Priority } from "./store.ts";
import type { WorkflowPlan } from "./workflow/define-workflow.ts";

/** How dispatches of a job with the same key merge into one job. Keys are separate per job name and owner. */
export interface IdempotencyOptions<Input> {
  /** Makes the key from the raw input; at most 1,000 characters. */
  key: (input: Input, about: { owner: string | null }) => string;
  /** How long the key is held after the job completed. Absent: only while the job is unfinished. */
  for?: Duration | "forever";
}

/** What `defineJob` takes. `In` is the raw input, `Parsed` what the handler gets, `Ret` what it returns, `Out` what is stored. */
export interface JobOptions<In, Parsed, Ret, Out> {
  /** Any Standard Schema, checked at dispatch against the input as JSON, and parsed again before each run. */
  input?: StandardSchemaV1<In, Parsed>;
  /** Any Standard Schema for what the handler returns; a refusal fails the job with `OUTPUT_INVALID`, without retry. */
  output?: StandardSchemaV1<Ret, Out>;
  /** The queue that it waits in. Default `"default"`. */
  queue?: string;
  /** Default `"normal"`. */
  priority?: Priority;
  /**
   * How long one run may take; `ctx.heartbeat()` restarts the clock. `false`: as long as it likes, for loops that live as
   * long as their process. Default `"1h"`.
   */
  timeout?: Duration | false;
  /**
   * What a worker must have among its `capabilities` to run it, such as `["media"]`; others leave it for one that has.
   * Default: nothing, so that it runs anywhere.
   */
  requires?: readonly string[];
  /**
   * What one run uses. A worker runs it only where it fits into `worker.resources`, and together with other jobs only while
   * the sum fits. Nothing is measured or enforced. Default: nothing.
   */
  resources?: Resources;
  /** How failures and timeouts are retried; `false`: one run. Default: 3 runs, exponential from 1 s to 5 min. */
  retry?: RetryOptions | false;
  /**
   * Whether this failure is hopeless and of no interest: the job then ends as `failed` with `discardedAt`, for good, without
   * a warning, an `onError` hook or a place among the dead letters.
   *
   * Asked after every failed or timed-out run whose input could be parsed, whatever runs are left; not after `Dead`, `Snooze`
   * or a cancellation. It has 5 s; if it throws or takes longer, the job is retried as usual. Default: never.
   */
  discardIf?: (input: Parsed, error: unknown, ctx: JobContext) => boolean | Promise<boolean>;
  /**
   * What becomes of a job that failed: `after` it becomes `dead_letter`, and `retain` is how long its row is kept. `false`: it
   * stays `failed`. A change applies to jobs that are dispatched from then on. Default `{ after: "1h", retain: "30d" }`.
   */
  deadLetter?: DeadLetterOptions | false;
  /**
   * How long the row of a completed or cancelled job is kept; of its keys, those that are held longer are held on without
   * it. A change applies to jobs that are dispatched from then on. Default `"7d"`.
   */
  retain?: Duration | "forever";
  /** `true`: merges with an unfinished job of the same input and owner. Default: every dispatch makes a job. */
  idempotent?: true | IdempotencyOptions<In>;
  /**
   * What the job is about, such as its customer, made from the raw input at dispatch; text of 1 to 1,000 characters. Of the
   * jobs of this name and queue with the same key, all processes together run `concurrencyPerKey` at once, and keys take
   * turns. Default: no key, no limit.
   */
  concurrencyKey?: (input: In) => string;
  /** How many jobs with the same `concurrencyKey` run at once, 1 to 10,000. Default 1. */
  concurrencyPerKey?: number;
  /** `true`: browsers may dispatch and watch it through the gateway; `"watch"`: only watch. Default: neither. */
  public?: true | "watch";
  /** The sentence that watchers see for an error that is no `PublicError`. It must not throw; if it does, the default is used. */
  publicError?: (error: unknown) => string;
  /**
   * Runs the handler in a worker thread of its own, which is really ended 5 s after `signal` aborted: for work that computes
   * for long, or code that may hang or crash. `true`: the module that calls `defineJob` is imported there, so it should
   * start nothing; or the address of the module that defines the job, such as `import.meta.url`.
   *
   * A crash, `process.exit` or an endless loop there ends that run only. `ctx` is the same but for what
   * `createForge({ context })` gave; hooks, `discardIf`, `publicError` and `backoff` stay in the main thread, and see a copy
   * of an error without its class. Default `false`.
   */
  isolate?: boolean | string | URL;
  /** What else is to happen around this job's dispatches and runs. Default: nothing. */
  hooks?: Hooks | readonly Hooks[];
  run(ctx: JobContext, input: Parsed): Ret | Promise<Ret>;
}

/** A checked job definition, as `defineJob` makes it. `Input` and `Output` exist for types only. */
export interface JobDefinition<Input = unknown, Output = unknown> {
  readonly name: string;
  readonly input: StandardSchemaV1 | null;
  readonly output: StandardSchemaV1 | null;
  readonly queue: string;
  readonly priority: Priority;
  /** Null: none. */
  readonly timeoutMs: number | null;
  readonly requires: readonly string[];
  /** Null: it uses none. */
  readonly resources: Amounts | null;
  readonly retry: RetryLayer;
  readonly discardIf: ((input: unknown, error: unknown, ctx: JobContext) => unknown) | null;
  /** Null: the defaults. */
  readonly retention: StoredRetention | null;
  readonly idempotency: {
    readonly key: ((input: unknown, about: { owner: string | null }) => string) | null;
    readonly hold: KeyHold;
  } | null;
  readonly concurrency: { readonly key: (input: unknown) => string; readonly perKey: number } | null;
  readonly public: boolean | "watch";
  readonly publicError: ((error: unknown) => string) | null;
  readonly hooks: readonly Hooks[];
  /** The address of the module that defines it, where it runs in a thread of its own. */
  readonly isolate: string | null;
  /** Of what its runs are runs, where it stands for a workflow. */
  readonly workflow: WorkflowPlan | null;
  readonly run: (ctx: JobContext, input: unknown) => unknown;
  /** Never set; carries the types. */
  readonly types?: { readonly input: Input; readonly output: Output };
}

const OPTION_NAMES: readonly (keyof JobOptions<unknown, unknown, unknown, unknown>)[] = [
  "input",
  "output",
  "queue",
  "priority",
  "timeout",
  "requires",
  "resources",
  "retry",
  "discardIf",
  "deadLetter",
  "retain",
  "idempotent",
  "concurrencyKey",
  "concurrencyPerKey",
  "public",
  "publicError",
  "hooks",
  "isolate",
  "run",
];
const NAME = /^[A-Za-z][A-Za-z0-9_.:-]{0,99}$/;
const DEFAULT_TIMEOUT_MS = 60 * 60_000;
const MOST_PER_KEY = 10_000;

type ConcurrencyOption = "concurrencyKey" | "concurrencyPerKey";

/** Checks a job's or queue's name. Throws `BAD_REQUEST`. */
export function checkName(what: string, name: string): string {
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new ForgeError(
      "BAD_REQUEST",
      `${what} must begin with a letter and hold at most 100 letters, digits and _ . : -; got ${shown(name)}.`,
    );
  }
  return name;
}

/** Checks a priority. Throws `BAD_REQUEST`. */
export function checkPriority(what: string, priority: Priority): Priority {
  if (!PRIORITIES.includes(priority)) {
    throw new ForgeError("BAD_REQUEST", `${what} must be one of ${PRIORITIES.join(", ")}; got ${shown(priority)}.`);
  }
  return priority;
}

/** Turns a timeout into milliseconds, `false` into null. Throws `BAD_REQUEST`. */
export function timeoutMs(timeout: Duration | false, what: string): number | null {
  if (timeout === false) return null;
  const ms = durationMs(timeout, `${what}, unless it is false,`);
  if (ms > 0) return ms;
  throw new ForgeError(
    "BAD_REQUEST",
    `${what} must leave a run some time; got ${shown(timeout)}. Pass false for a run that may take as long as it likes.`,
  );
}

/** What the types of crons' jobs begin with. */
export const CRON_PREFIX: string = "cron:";

/**
 * Defines a job: its name, what it takes and returns, and the handler that runs it, at least once, in some worker process.
 *
 * `Parsed` is what the handler gets, `In` what a dispatch takes; without an `input` schema both are what `run` says it takes, or
 * anything. Throws `BAD_REQUEST` for a bad or unknown option, before anything is stored.
 */
export function defineJob<Parsed = unknown, In = Parsed, Ret = unknown, Out = Ret>(
  name: string,
  options: JobOptions<In, Parsed, Ret, Out>,
): JobDefinition<In, Out> {
  if (checkName("A job's name", name).startsWith(CRON_PREFIX)) {
    throw new ForgeError(
      "BAD_REQUEST",
      `A job's name cannot begin with "${CRON_PREFIX}", which marks the runs of crons; got ${shown(name)}.`,
    );
  }
  return jobDefinition(name, options);
}

/** The same for a name that is checked already. */
export function jobDefinition<Parsed = unknown, In = Parsed, Ret = unknown, Out = Ret>(
  name: string,
  options: JobOptions<In, Parsed, Ret, Out>,
): JobDefinition<In, Out> {
  refuseUnknownOptions(`defineJob(${JSON.stringify(name)})`, options, OPTION_NAMES);
  if (typeof options.run !== "function") {
    throw new ForgeError("BAD_REQUEST", `defineJob(${JSON.stringify(name)}) needs a function \`run(ctx, input)\`.`);
  }
  if (![undefined, true, "watch"].includes(options.public)) {
    throw new ForgeError("BAD_REQUEST", `public of ${name} must be true or "watch"; got ${shown(options.public)}.`);
  }
  if (options.publicError !== undefined && typeof options.publicError !== "function") {
    throw new ForgeError("BAD_REQUEST", `publicError of ${name} must be a function of the error.`);
  }
  if (options.discardIf !== undefined && typeof options.discardIf !== "function") {
    throw new ForgeError("BAD_REQUEST", `discardIf of ${name} must be a function of input, error and ctx.`);
  }
  const definition: JobDefinition<In, Out> = {
    name,
    input: schemaOf(name, "input", options.input),
    output: schemaOf(name, "output", options.output),
    queue: options.queue === undefined ? "default" : checkName(`The queue of ${name}`, options.queue),
    priority: options.priority === undefined ? "normal" : checkPriority(`priority of ${name}`, options.priority),
    timeoutMs: options.timeout === undefined ? DEFAULT_TIMEOUT_MS : timeoutMs(options.timeout, `timeout of ${name}`),
    requires: checkCapabilities(`requires of ${name}`, options.requires === undefined ? [] : options.requires),
    resources: needsOf(`resources of ${name}`, options.resources),
    retry: retryLayer(options.retry === undefined ? {} : options.retry, ` of ${name}`),
    discardIf: (options.discardIf as JobDefinition["discardIf"] | undefined) ?? null,
    retention: storedRetention(name, options.retain, options.deadLetter),
    idempotency: idempotencyOf(name, options.idempotent),
    concurrency: concurrencyOf(name, options),
    public: options.public ?? false,
    publicError: options.publicError ?? null,
    hooks: hookList(`defineJob(${JSON.stringify(name)})`, options.hooks),
    isolate: isolatedModule(name, options.isolate),
    workflow: null,
    run: (ctx, input) => options.run(ctx, input as Parsed),
  };
  note(definition);
  return definition;
}

/** Checks a list of capabilities. Throws `BAD_REQUEST`. */
export function checkCapabilities(what: string, capabilities: readonly string[]): readonly string[] {
  if (!Array.isArray(capabilities))
    throw new ForgeError("BAD_REQUEST", `${what} must be a list of names; got ${shown(capabilities)}.`);
  return capabilities.map((capability: string) => checkName(`A name in ${what}`, capability));
}

function needsOf(what: string, resources: Resources | undefined): Amounts | null {
  if (resources === undefined) return null;
  const { cpu, memory } = amountsOf(what, resources);
  return cpu === null && memory === null ? null : { cpu: cpu ?? 0, memory: memory ?? 0 };
}

function schemaOf(name: string, what: string, schema: StandardSchemaV1 | undefined): StandardSchemaV1 | null {
  if (schema === undefined) return null;
  if (typeof schema?.["~standard"]?.validate !== "function") {
    throw new ForgeError(
      "BAD_REQUEST",
      `${what} of ${name} must be a Standard Schema, such as one made by Zod, Valibot or ArkType.`,
    );
  }
  return schema;
}

function concurrencyOf<In>(
  name: string,
  { concurrencyKey: key, concurrencyPerKey: perKey }: Pick<JobOptions<In, never, never, never>, ConcurrencyOption>,
): JobDefinition["concurrency"] {
  if (key === undefined && perKey === undefined) return null;
  if (typeof key !== "function") {
    throw new ForgeError(
      "BAD_REQUEST",
      `concurrencyKey of ${name} must be a function that makes a text of the input${perKey === undefined ? "" : ", and concurrencyPerKey needs one"}; got ${shown(key)}.`,
    );
  }
  if (perKey !== undefined && !(Number.isInteger(perKey) && perKey >= 1 && perKey <= MOST_PER_KEY)) {
    throw new ForgeError(
      "BAD_REQUEST",
      `concurrencyPerKey of ${name} must be a whole number from 1 to 10,000; got ${shown(perKey)}.`,
    );
  }
  return { key: key as (input: unknown) => string, perKey: perKey ?? 1 };
}

function idempotencyOf<In>(
  name: string,
  option: true | IdempotencyOptions<In> | undefined,
): JobDefinition["idempotency"] {
  if (option === undefined) return null;
  const whileUnfinished: KeyHold = { kind: "job", afterCompletionMs: 0 };
  if (option === true) return { key: null, hold: whileUnfinished };
  refuseUnknownOptions(`idempotent of ${name}`, option, ["key", "for"], "true");
  if (typeof option.key !== "function") {
    throw new ForgeError("BAD_REQUEST", `idempotent.key of ${name} must be a function of the input.`);
  }
  const key = option.key as (input: unknown, about: { owner: string | null }) => string;
  if (option.for === undefined) return { key, hold: whileUnfinished };
  const afterCompletionMs = option.for === "forever" ? null : durationMs(option.for, `idempotent.for of ${name}`);
  return { key, hold: { kind: "job", afterCompletionMs } };
}
