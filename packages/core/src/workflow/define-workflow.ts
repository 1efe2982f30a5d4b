import type { StandardSchemaV1 } from "@standard-schema/spec";
import { checkName, type JobDefinition, jobDefinition } from "../define.ts";
import { type Duration, durationMs } from "../duration.ts";
import { ForgeError, shown } from "../errors.ts";
import { refuseUnknownOptions } from "../options.ts";
import type { Priority } from "../store.ts";
import { checkStepName } from "./step-names.ts";
import type { WorkflowContext } from "./workflow-context.ts";

/** What `defineWorkflow` takes. `In` is the raw input, `Parsed` what the function gets, `Ret` what it returns, `Out` what is stored. */
export interface WorkflowOptions<In, Parsed, Ret, Out> {
  /**
   * A whole number from 1. A run stays with the version that it was started with; only workers that have it take it up.
   * Default 1.
   */
  version?: number;
  /** Any Standard Schema, checked at the start against the input as JSON, and parsed again each time the run is taken up. */
  input?: StandardSchemaV1<In, Parsed>;
  /** Any Standard Schema for what the function returns; a refusal fails the run with `OUTPUT_INVALID`. */
  output?: StandardSchemaV1<Ret, Out>;
  /** How long the whole run may take, sleeps included; `false`: as long as it likes. Default `false`. */
  timeout?: Duration | false;
  /** The names of its steps in their order, for a stepper that shows what is still to come. Default: it shows what happened. */
  steps?: readonly string[];
  /** The queue that it waits in. Default `"default"`. */
  queue?: string;
  /** Default `"normal"`. */
  priority?: Priority;
  /** `true`: browsers may start and watch it through the gateway; `"watch"`: only watch. Default: neither. */
  public?: true | "watch";
  /** The sentence that watchers see for an error that is no `PublicError`. It must not throw; if it does, the default is used. */
  publicError?: (error: unknown) => string;
  /** How long the row of a run that ended is kept. Default: `"7d"` where it completed or was cancelled, `"30d"` where it failed. */
  retain?: Duration | "forever";
  run(ctx: WorkflowContext, input: Parsed): Promise<Ret>;
}

/** What a workflow is apart from its values. */
export interface WorkflowPlan {
  readonly name: string;
  readonly version: number;
  /** Null: none. */
  readonly timeoutMs: number | null;
  /** Null: not given. */
  readonly steps: readonly string[] | null;
  readonly public: boolean | "watch";
  readonly run: (ctx: WorkflowContext, input: unknown) => Promise<unknown>;
}

/** A checked workflow definition, as `defineWorkflow` makes it. `Input` and `Output` exist for types only. */
export interface WorkflowDefinition<Input = unknown, Output = unknown> extends WorkflowPlan {
  /** What its runs are to a worker: jobs of the type `name@version`. */
  readonly job: JobDefinition<Input, Output>;
}

const OPTION_NAMES: readonly (keyof WorkflowOptions<unknown, unknown, unknown, unknown>)[] = [
  "version",
  "input",
  "output",
  "timeout",
  "steps",
  "queue",
  "priority",
  "public",
  "publicError",
  "retain",
  "run",
];
const LONGEST_NAME = 90;
const LARGEST_VERSION = 1_000_000;
const MOST_STEPS = 1_000;

/** The type of a run's row. Names of jobs hold no `@`. */
function runType(name: string, version: number): string {
  return `${name}@${version}`;
}

/** The name and version of the workflow whose runs have this type; null for the type of a job. */
export function workflowOf(type: string): { readonly name: string; readonly version: number } | null {
  const at = type.lastIndexOf("@");
  return at < 0 ? null : { name: type.slice(0, at), version: Number(type.slice(at + 1)) };
}

/**
 * Defines a workflow: its name and version, what it takes and returns, and the function that runs it, step by recorded step,
 * over restarts and for as long as it takes.
 *
 * Throws `BAD_REQUEST` for a bad or unknown option, before anything is stored.
 */
export function defineWorkflow<Parsed = unknown, In = Parsed, Ret = unknown, Out = Ret>(
  name: string,
  options: WorkflowOptions<In, Parsed, Ret, Out>,
): WorkflowDefinition<In, Out> {
  const what = `defineWorkflow(${JSON.stringify(name)})`;
  if (checkName("A workflow's name", name).length > LONGEST_NAME) {
    throw bad(`A workflow's name may have at most ${LONGEST_NAME} characters; got ${shown(name)}.`);
  }
  refuseUnknownOptions(what, options, OPTION_NAMES);
  if (typeof options.run !== "function") throw bad(`${what} needs a function \`run(ctx, input)\`.`);
  const { version = 1, timeout = false, steps, queue, priority, retain } = options;
  if (!Number.isInteger(version) || version < 1 || version > LARGEST_VERSION) {
    throw bad(`version of ${name} must be a whole number from 1; got ${shown(version)}.`);
  }
  const plan: WorkflowPlan = {
    name,
    version,
    timeoutMs: timeout === false ? null : durationMs(timeout, `timeout of ${name}, unless it is false,`),
    steps: steps === undefined ? null : stepNames(name, steps),
    public: options.public ?? false,
    run: (ctx, input) => options.run(ctx, input as Parsed),
  };
  const job = jobDefinition<Parsed, In, Ret, Out>(runType(name, version), {
    ...(options.input !== undefined && { input: options.input }),
    ...(options.output !== undefined && { output: options.output }),
    ...(queue !== undefined && { queue }),
    ...(priority !== undefined && { priority }),
    ...(options.public !== undefined && { public: options.public }),
    ...(options.publicError !== undefined && { publicError: options.publicError }),
    ...(retain !== undefined && { retain }),
    // The time of a run is its own, and goes on while nobody has it.
    timeout: false,
    retry: false,
    // A run that failed is no dead letter: nothing but `restart` takes it up again.
    deadLetter: false,
    run: () => {
      throw new Error(`${name} is a workflow, whose function a run calls.`);
    },
  });
  return { ...plan, job: { ...job, workflow: plan } };
}

function stepNames(name: string, steps: readonly string[]): readonly string[] {
  if (!Array.isArray(steps) || steps.length > MOST_STEPS) {
    throw bad(`steps of ${name} must be a list of at most 1,000 names; got ${shown(steps)}.`);
  }
  const names = steps.map((step: string) => checkStepName(step, `A name in steps of ${name}`));
  if (new Set(names).size < names.length) throw bad(`The names in steps of ${name} must differ; got ${shown(steps)}.`);
  return names;
}

function bad(sentence: string): ForgeError {
  return new ForgeError("BAD_REQUEST", sentence);
}
