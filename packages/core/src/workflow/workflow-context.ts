import type { Jsonify } from "@forge-jobs/protocol";
import type { ForgeContext } from "../context.ts";
import type { JobDefinition } from "../define.ts";
import type { Duration } from "../duration.ts";
import type { Logger } from "../logger.ts";
import type { RetryOptions } from "../retry-options.ts";
import type { ChildOptions } from "../child-types.ts";
import type { WorkflowDefinition } from "./define-workflow.ts";

/** What the function of a step gets. */
export interface StepInfo {
  /** The same in every attempt of this step of this run, and in no other: for services that take an idempotency key. */
  readonly idempotencyKey: string;
  /** Which attempt it is, from 1. */
  readonly attempt: number;
  /** Aborts when the attempt is out of time, or the run is cancelled, out of time or no longer this process's. */
  readonly signal: AbortSignal;
}

/** How a step is to be undone when the run fails after it. `output` is what the step returned, as JSON brings it back. */
export type Compensate<Output> = (output: Jsonify<Output>, step: StepInfo) => unknown;

/** What one step may say besides its function. */
export interface StepOptions<Output = unknown> {
  /** How failed attempts are repeated; `false`: one attempt. Default: 3 attempts, exponential from 1 s to 5 min. */
  retry?: RetryOptions | false;
  /** How long one attempt may take. Default: as long as the run. */
  timeout?: Duration;
  /** Undoes the step when the run fails later; itself a step with retries, which survives restarts. Default: nothing to undo. */
  compensate?: Compensate<Output>;
  /**
   * `true`: its start is recorded before it runs, and an attempt whose end is not known is never repeated: the step fails
   * with `StepInterrupted` instead. Default `false`: it runs at least once.
   */
  atMostOnce?: boolean;
}

/** The parts of a run that happen side by side, by name. Each gets a `ctx` whose names are its own. */
export type Branches<T> = { [K in keyof T]: (ctx: WorkflowContext) => Promise<T[K]> };

/** The branch that ended first, and what it returned. */
export type RaceResult<T> = { [K in keyof T & string]: { readonly winner: K; readonly value: T[K] } }[keyof T & string];

/**
 * What the function of a workflow gets.
 *
 * The function runs from its beginning each time the run is taken up again; what it did before is recorded under the names of
 * its steps, and is not done again. So between steps it should do nothing that has an effect, or that comes out differently
 * the next time: time, random values and ids come from `ctx`. A promise of its own, such as a timer or a request outside of a
 * step, does not keep a run in memory that waits for something of `ctx` too.
 */
export interface WorkflowContext extends ForgeContext {
  readonly runId: string;
  readonly version: number;
  /** How often workers took the run up after a failure or a death, from 1; waits do not count. */
  readonly attempt: number;
  /** Whether something of the run was recorded before this worker took it up. */
  readonly isResumed: boolean;
  /** Writes log lines that carry the run's id and workflow. Silent while the run only retraces what is recorded. */
  readonly log: Logger;
  /** Aborts when the run is cancelled, out of time, or no longer this process's. */
  readonly signal: AbortSignal;
  /** The time of the last recorded thing: the same in every replay. */
  now(): Date;
  /** A random id, the same in every replay. */
  uuid(): string;
  /** A random number from 0 to 1, the same in every replay. */
  random(): number;
  /**
   * Does something once: what `fn` returns is recorded under `name` before this resolves, and from then on returned without
   * calling it. Until then it runs at least once.
   *
   * `name` is text of 1 to 200 characters; a second step of the same name is recorded as `name#2`. Resolves with what JSON
   * brings back. Rejects with `StepFailed` once its attempts are spent.
   */
  step<Output>(
    name: string,
    fn: (step: StepInfo) => Output | Promise<Output>,
    options?: StepOptions<Output>,
  ): Promise<Jsonify<Output>>;
  /**
   * The same inside an open transaction of yours: what `fn` writes there and the record of the step commit together, or
   * neither does. `fn` runs once per call; whatever fails, fails the transaction. Repeated in another transaction, where the
   * one before came to nothing, it is the same step.
   *
   * The transaction keeps the run's row locked: until it has ended, ask nothing else of `ctx`.
   */
  stepIn<Output>(
    tx: unknown,
    name: string,
    fn: (step: StepInfo) => Output | Promise<Output>,
    options?: Pick<StepOptions<Output>, "compensate">,
  ): Promise<Jsonify<Output>>;
  /** Sleeps; the run holds no slot meanwhile, and restarts do not matter. Without a name it is called `sleep`. */
  sleep(duration: Duration): Promise<void>;
  sleep(name: string, duration: Duration): Promise<void>;
  /** The same until an instant. */
  sleepUntil(date: Date): Promise<void>;
  sleepUntil(name: string, date: Date): Promise<void>;
  /**
   * Waits for a signal of this name, and resolves with its payload; null when `timeout` passes first. A signal that came
   * early is there already. Each is handed out once, in the order in which they came.
   */
  waitForEvent<Payload = unknown>(name: string, options?: { timeout?: Duration }): Promise<Payload | null>;
  /** Dispatches a job once, as a child of this run, and goes on; resolves with its id. */
  dispatch<Input>(job: JobDefinition<Input>, input: NoInfer<Input>, options?: ChildOptions): Promise<string>;
  /** Dispatches a job as a child of this run and waits for its output. Rejects with `ChildFailed`. */
  runJob<Input, Output>(
    job: JobDefinition<Input, Output>,
    input: NoInfer<Input>,
    options?: ChildOptions,
  ): Promise<Jsonify<Output>>;
  /** Starts a workflow as a child of this run and waits for its output. Rejects with `ChildFailed`. */
  runWorkflow<Input, Output>(
    workflow: WorkflowDefinition<Input, Output>,
    input: NoInfer<Input>,
    options?: Pick<ChildOptions, "delay" | "runAt" | "priority" | "queue">,
  ): Promise<Jsonify<Output>>;
  /** Gives the steps of `fn` names of their own: `name/…`. For loops and branches that use the same names. */
  scope<Output>(name: string, fn: (ctx: WorkflowContext) => Promise<Output>): Promise<Output>;
  /** Runs branches side by side and resolves with what they returned; rejects as soon as one rejects. */
  parallel<T extends Record<string, unknown>>(branches: Branches<T>): Promise<T>;
  /**
   * Runs branches side by side until the first ends; the others are given up: their steps' signals abort, their waits are
   * over, nothing that they ask for later happens. Every replay has the same winner. Throws `BAD_REQUEST` without branches.
   */
  race<T extends Record<string, unknown>>(branches: Branches<T>): Promise<RaceResult<T>>;
  /** Whether a step of exactly this name is recorded as completed. */
  isStepCompleted(name: string): boolean;
  /** Notes that a step begins that `recordStepComplete` will end. */
  recordStepStart(name: string): void;
  /** Records a step as completed. Durable once it resolves; where that is not awaited, before the next wait or the return. */
  recordStepComplete(name: string, output?: unknown): Promise<void>;
  /** What a step of exactly this name is recorded with; undefined where it is not completed. */
  getStepResult<Output = unknown>(name: string): Output | undefined;
}
