import type { Jsonify } from "@forge-jobs/protocol";
import type { JobDefinition } from "../define.ts";
import { type Duration, durationMs } from "../duration.ts";
import { makeForge } from "../forge.ts";
import type { Forge, ForgeOptions, Job } from "../forge-types.ts";
import { type Logger, silent } from "../logger.ts";
import { refuseUnknownOptions } from "../options.ts";
import { sqliteStore } from "../sqlite/index.ts";
import type { WorkflowDefinition } from "../workflow/define-workflow.ts";
import type { StepInfo } from "../workflow/workflow-context.ts";
import { Clockwork, type DrainOptions } from "./clockwork.ts";
import { dispatched, type Part } from "./dispatched.ts";
import { type MockStepOptions, StepMocks } from "./step-mocks.ts";
import { watched } from "./watched-store.ts";

/** What `createTestForge` takes: what `createForge` takes, besides the store. */
export interface TestForgeOptions extends Omit<ForgeOptions, "store" | "migrate" | "jobs" | "logger"> {
  /** Every job that may be dispatched or run. Default: none. */
  jobs?: readonly JobDefinition[];
  /**
   * The SQLite file that the data lies in, whose folder exists. Default `":memory:"`: nowhere, and then there are no
   * transactions of your own to pass as `tx`, since nobody else can open it.
   */
  database?: string;
  /** Where warnings and handlers' lines go. Default: nowhere. */
  logger?: Logger;
}

/**
 * An engine for tests. It works, on a store whose clock stands where the tests put it: what is due later, the retry of a
 * job, a run's sleep or deadline, comes when they move the clock, and takes no time.
 *
 * What takes its time in reality still does: handlers and steps, their timeouts, and short waits of `ctx.rateLimit`. Sweeps
 * (dead letters, retention) go by the host's clock.
 */
export interface TestForge extends Forge {
  /** The time by the store's clock. */
  now(): Date;
  /**
   * Runs until nothing runs and nothing is due, and moves the clock to whatever is due next, until everything has ended or
   * waits for what has no time: an event without a deadline, a paused queue, a worker that is not there.
   *
   * Ticks of crons that lie on the way happen, but nothing is waited for on their account. Throws `CONFLICT` after 1,000
   * moves of the clock. With `{ jump: false }` the clock stands still.
   */
  drain(options?: DrainOptions): Promise<void>;
  /** Moves the clock ahead, running everything on the way at its time, ticks of crons as well, and what is due at the end. */
  advance(duration: Duration): Promise<void>;
  /** Gives a run a signal, as `workflows.signal` does, and runs what is due then; the clock stands still. */
  signal(runId: string, name: string, payload?: unknown): Promise<void>;
  /**
   * Calls `fn` in the place of a step's function from now on, or answers `value`. What it returns takes that back; of several
   * mocks that fit, the newest counts.
   *
   * `name` is the step's own, whatever its scope and however often it repeats, or one exactly as it is recorded
   * (`item-7/charge`, `charge#2`). `~charge` is what undoes `charge`. Everything else about the step stays: its retries,
   * its timeout, its record. Steps of the explicit form have no function that could be replaced.
   */
  mockStep(name: string, fn: (step: StepInfo) => unknown, options?: MockStepOptions): () => void;
  mockStep(name: string, value: unknown, options?: MockStepOptions): () => void;
  /**
   * Throws an `AssertionError` unless a job was dispatched, or a workflow started, by whomever; answers all that match, oldest
   * first. `matcher` is a part of the input, or a function that says whether it is meant. Default: any input matches.
   */
  assertDispatched<Input>(
    definition: JobDefinition<Input> | WorkflowDefinition<Input>,
    matcher?: Part<Jsonify<NoInfer<Input>>> | ((input: Jsonify<NoInfer<Input>>) => boolean),
  ): Promise<Job<Jsonify<Input>>[]>;
  /** Stops at once. */
  [Symbol.asyncDispose](): Promise<void>;
}

const OPTION_NAMES: readonly (keyof TestForgeOptions)[] = [
  "jobs",
  "crons",
  "workflows",
  "context",
  "worker",
  "route",
  "hooks",
  "mail",
  "logger",
  "database",
];

/**
 * Makes and starts an engine for tests, in memory, on a clock that jumps to the next instant at which something is due.
 *
 * Each is its own: several may run side by side. End it with `stop()`, or hold it with `await using`. Throws `BAD_REQUEST` for
 * bad or unknown options.
 */
export async function createTestForge(options: TestForgeOptions = {}): Promise<TestForge> {
  refuseUnknownOptions("createTestForge", options, OPTION_NAMES);
  const { database = ":memory:", jobs = [], logger = silent, ...others } = options;
  const clock = { offsetMs: 0 };
  const mocks = new StepMocks();
  const store = watched(sqliteStore(database, { clock }));
  // No wait is short where the clock jumps: every one is in the tables, where the clockwork finds it.
  const tuning = { shortWaitMs: 0, stepFunction: mocks.functionOf.bind(mocks) };
  const { forge, ticker } = makeForge({ ...others, jobs, logger, store: store.store }, tuning);
  const crons = (others.crons ?? []).length > 0 ? forge.crons : null;
  const clockwork = new Clockwork({ watched: store, clock, ticker, crons });
  await forge.start();
  return {
    ...forge,
    now: () => new Date(clockwork.now),
    drain: async (drainOptions = {}) => {
      refuseUnknownOptions("drain", drainOptions, ["jump"]);
      if (drainOptions.jump === false) await clockwork.quiet();
      else await clockwork.toEnd();
    },
    advance: (duration) => clockwork.to(clockwork.now + durationMs(duration, "What the clock is moved by")),
    signal: async (runId, name, payload) => {
      await forge.workflows.signal(runId, name, payload);
      await clockwork.quiet();
    },
    mockStep: (name: string, fnOrValue: unknown, mockOptions?: MockStepOptions) =>
      mocks.add(name, fnOrValue, mockOptions),
    assertDispatched: async (definition, matcher) => {
      const { name } = "job" in definition ? definition.job : definition;
      return (await dispatched(forge, name, matcher)) as never;
    },
    [Symbol.asyncDispose]: () => forge.stop({ timeout: "0ms" }),
  };
}
