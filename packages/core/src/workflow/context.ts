import { createHash } from "node:crypto";
import type { ForgeContext } from "../context.ts";
import { childLogger, type Logger } from "../logger.ts";
import { dispatch, runJob, runWorkflow } from "./child-calls.ts";
import { workflowOf } from "./define-workflow.ts";
import { unwatched } from "../worker/unwatched.ts";
import type { Episode } from "./episode.ts";
import { parallel, race } from "./branches.ts";
import type { Scope } from "./scope.ts";
import { completedStep, recordStepComplete, recordStepStart, step, stepIn } from "./step-calls.ts";
import { sleep, sleepUntil, waitForEvent } from "./wait-calls.ts";
import type { WorkflowContext } from "./workflow-context.ts";

/** Chance that is the same in every replay: drawn from the run's id, call by call. */
class Chance {
  readonly #seed: string;
  #draws = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  draw(): Buffer {
    return createHash("sha256")
      .update(`${this.#seed} ${this.#draws++}`)
      .digest();
  }
}

type Said<Call> = Call extends (episode: Episode, scope: Scope, ...said: infer Rest) => unknown ? Rest : never;

/** Makes the `ctx` of one scope of a run. What it answers may be left alone: its rejection ends no process. */
export function workflowContext(episode: Episode, scope: Scope): WorkflowContext {
  const { job, shared } = episode.link;
  const { name: workflow, version } = workflowOf(job.type)!;
  const inner = (its: Scope): WorkflowContext => workflowContext(episode, its);
  const chance = new Chance(`${job.id} ${scope.names.prefix}`);
  const own: Omit<WorkflowContext, keyof ForgeContext> = {
    runId: job.id,
    version,
    attempt: job.attempt,
    isResumed: episode.memo.isResumed,
    log: onlyNew(episode, childLogger(episode.link.log, { runId: job.id, workflow, version })),
    signal: episode.signal,
    now: () => new Date(Math.max(startOf(job.id), episode.memo.toldUntil)),
    uuid: () => uuidOf(chance.draw()),
    random: () => chance.draw().readUIntBE(0, 6) / 2 ** 48,
    step: ((name, fn, options) =>
      unwatched(step(episode, scope, name, fn, options as never))) as WorkflowContext["step"],
    stepIn: ((tx, name, fn, options) =>
      unwatched(stepIn(episode, scope, tx, name, fn, options as never))) as WorkflowContext["stepIn"],
    sleep: ((...said: Parameters<WorkflowContext["sleep"]>) =>
      unwatched(sleep(episode, scope, ...(said as Said<typeof sleep>)))) as WorkflowContext["sleep"],
    sleepUntil: ((...said: Parameters<WorkflowContext["sleepUntil"]>) =>
      unwatched(sleepUntil(episode, scope, ...(said as Said<typeof sleepUntil>)))) as WorkflowContext["sleepUntil"],
    waitForEvent: ((name, options) =>
      unwatched(waitForEvent(episode, scope, name, options))) as WorkflowContext["waitForEvent"],
    dispatch: (child, input, options) => unwatched(dispatch(episode, scope, child, input, options)),
    runJob: ((child, input, options) =>
      unwatched(runJob(episode, scope, child as never, input, options))) as WorkflowContext["runJob"],
    runWorkflow: ((child, input, options) =>
      unwatched(runWorkflow(episode, scope, child as never, input, options))) as WorkflowContext["runWorkflow"],
    scope: (name, fn) => unwatched((async () => fn(inner(scope.inside(name))))()),
    parallel: (branches) => unwatched(parallel(scope, branches, inner)),
    race: (branches) => unwatched(race(scope, branches, inner)),
    isStepCompleted: (name) => completedStep(episode, scope, name) !== null,
    recordStepStart: (name) => recordStepStart(episode, scope, name),
    recordStepComplete: (name, output) => unwatched(recordStepComplete(episode, scope, name, output)),
    getStepResult: <Output>(name: string) => {
      const output = completedStep(episode, scope, name)?.output ?? null;
      return output === null ? undefined : (JSON.parse(output) as Output);
    },
  };
  return Object.assign(own, shared);
}

/** Says nothing while the run retraces what is recorded: it has been said before. */
function onlyNew(episode: Episode, log: Logger): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, fields?: Record<string, unknown>): void => {
      if (episode.isCaughtUp) log[level](message, fields);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** When a run was started: ids are UUIDv7, which begin with the time. */
function startOf(id: string): number {
  return Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
}

function uuidOf(bytes: Buffer): string {
  const uuid = Buffer.from(bytes.subarray(0, 16));
  // Version 8 of RFC 9562: bits of one's own making.
  uuid[6] = (uuid[6]! & 0x0f) | 0x80;
  uuid[8] = (uuid[8]! & 0x3f) | 0x80;
  return uuid.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
