import { isDeepStrictEqual } from "node:util";
import type { ForgeContext } from "../context.ts";
import { ForgeError, shown } from "../errors.ts";
import { silent } from "../logger.ts";
import { refuseUnknownOptions } from "../options.ts";
import type { ClaimedJob, RunMemo, StepKind, StepRecord } from "../store.ts";
import { serialiseOutput } from "../values.ts";
import { tame } from "../worker/failure.ts";
import { checkedOutput, parsedInput } from "../worker/handler-values.ts";
import { workflowContext } from "../workflow/context.ts";
import type { WorkflowDefinition } from "../workflow/define-workflow.ts";
import { Episode, type EpisodeDesk } from "../workflow/episode.ts";
import { Memo } from "../workflow/memo.ts";
import { never } from "../workflow/never.ts";
import { PLAIN } from "../workflow/tuning.ts";

/** A run as `workflows.get` answers it, or as JSON brings that back. */
export interface ExportedRun {
  readonly id: string;
  readonly workflow: string;
  readonly version: number;
  readonly status: string;
  readonly input: unknown;
  readonly output: unknown;
  readonly attempts: number;
  readonly owner: string | null;
  readonly timeoutAt: Date | string | null;
  readonly endedAt: Date | string | null;
  readonly steps: readonly {
    readonly name: string;
    readonly kind: string;
    readonly status: string;
    readonly attempt: number;
    readonly output: unknown;
    readonly error: string | null;
    readonly errorName: string | null;
    readonly dueAt: Date | string | null;
    readonly childId: string | null;
    readonly seq: number | null;
    readonly startedAt: Date | string;
    readonly endedAt: Date | string | null;
  }[];
}

/**
 * How far code comes with what is recorded: it returns, throws, or goes on where the record ends, with the steps, waits and
 * children of these names. No name at all: it stands still, and waits for something that is not of its `ctx`.
 */
export type ReplayEnd =
  | { readonly kind: "completed"; readonly output: unknown }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "goes_on"; readonly at: readonly string[] };

/** What `replay` found. */
export interface ReplayReport {
  readonly end: ReplayEnd;
  /** What is recorded and what the code does not ask for: it was removed or renamed, or comes after something new. */
  readonly drift: readonly string[];
  /** Why this is not how the run ended; null where it is, for a run that has not ended, and for one that was cancelled. */
  readonly divergence: string | null;
}

/** A replay writes nothing, and nobody says anything to it. */
const deskOf = (read: RunMemo): EpisodeDesk => ({
  tuning: PLAIN,
  watch: () => () => {},
  load: async () => read,
  write: never,
  writeLater: () => {},
  writeIn: never,
  undo: never,
  block: never,
  newChild: never,
  dispatch: never,
  isAbove: never,
});

/**
 * Runs the code of a workflow against what a run has recorded, as a worker does that takes it up, up to where the record ends:
 * no function of a step is called, nothing is dispatched and nothing written.
 *
 * What stands between the steps does run, and so it does what it does; that is all of the work of a step in the explicit form
 * which is not recorded. `context` is what `createForge({ context })` would be given. Throws `BAD_REQUEST` for what is no
 * run, and for code of another workflow or version.
 */
export async function replay(
  run: ExportedRun,
  workflow: WorkflowDefinition,
  options: { context?: ForgeContext } = {},
): Promise<ReplayReport> {
  refuseUnknownOptions("replay", options, ["context"]);
  check(run, workflow);
  const definition = workflow.job;
  const read = memoOf(run);
  const memo = new Memo(read);
  const job: ClaimedJob = {
    id: run.id,
    type: definition.name,
    queue: definition.queue,
    priority: definition.priority,
    input: JSON.stringify(run.input),
    owner: run.owner,
    attempt: Math.max(1, run.attempts),
    maxAttempts: 1,
    claimNo: 1,
    deaths: 0,
    overrides: null,
    revision: 1,
  };
  const episode = new Episode(
    {
      job,
      definition,
      desk: deskOf(read),
      log: silent,
      random: Math.random,
      shared: options.context ?? {},
      signal: new AbortController().signal,
      drain: async () => {},
      onStale: never,
      onCancelled: () => {},
    },
    memo,
  );
  const end = await endOf(episode, workflow);
  const drift = run.steps.filter(
    ({ name, kind, status }) => kind !== "undo" && status !== "skipped" && !memo.hasAsked(name),
  );
  return { end, drift: drift.map(({ name }) => name), divergence: divergence(run, end) };
}

/** Runs the code until it ends, or stands still. */
async function endOf(episode: Episode, { job: definition, run }: WorkflowDefinition): Promise<ReplayEnd> {
  let returned: { readonly value: unknown } | null = null as { readonly value: unknown } | null;
  const code = Promise.withResolvers<never>();
  try {
    const input = await parsedInput(definition, episode.link.job.input);
    // As in a process that is about to stop: nothing new begins, and where the code stands still the run is put away.
    episode.leave();
    const episodeEnds = episode.run(async () => {
      try {
        returned = { value: await run(workflowContext(episode, episode.root), input) };
      } catch (thrown) {
        code.reject(thrown);
      }
    });
    await Promise.race([code.promise, episodeEnds]);
    if (returned === null) return { kind: "goes_on", at: episode.memo.open() };
    const output = await checkedOutput(definition, returned.value);
    return { kind: "completed", output: JSON.parse(serialiseOutput(output, "The output").json) };
  } catch (thrown) {
    return { kind: "failed", error: tame(thrown) };
  }
}

function check(run: ExportedRun, workflow: WorkflowDefinition): void {
  if (typeof run?.workflow !== "string" || !Array.isArray(run.steps)) {
    throw new ForgeError("BAD_REQUEST", `replay takes a run as workflows.get answers it; got ${shown(run)}.`);
  }
  if (workflow?.job?.workflow == null) {
    throw new ForgeError("BAD_REQUEST", "replay takes what defineWorkflow made.");
  }
  if (run.workflow !== workflow.name || run.version !== workflow.version) {
    throw new ForgeError(
      "BAD_REQUEST",
      `The run is of ${run.workflow} in version ${run.version}, and the code of ${workflow.name} in version ${workflow.version}; a run stays with its version.`,
    );
  }
}

/** What a worker would read of the run. */
function memoOf(run: ExportedRun): RunMemo {
  return {
    id: run.id,
    wakes: 0,
    now: Date.now(),
    timeoutAt: null,
    undoing: null,
    steps: run.steps.map(stepOf),
    signals: [],
    ended: [],
  };
}

function stepOf(step: ExportedRun["steps"][number], index: number): StepRecord {
  const hasOutput = step.status === "completed" || step.status === "compensated";
  const failure = { error: step.error ?? "", errorName: step.errorName, publicError: "" };
  return {
    key: step.name,
    kind: step.kind as StepKind,
    // What was under way when its run ended is shown as skipped; it has not happened, and did not keep the run.
    status: step.status === "skipped" && step.endedAt === null ? "running" : (step.status as StepRecord["status"]),
    ord: index + 1,
    seq: step.seq,
    attempt: step.attempt,
    output: hasOutput ? JSON.stringify(step.output) : null,
    failure: step.error === null ? null : failure,
    dueAt: instant(step.dueAt),
    childId: step.childId,
    hasUndo: false,
    startedAt: instant(step.startedAt) ?? 0,
    endedAt: instant(step.endedAt),
  };
}

function instant(date: Date | string | null): number | null {
  return date === null ? null : new Date(date).getTime();
}

function divergence({ status, output, timeoutAt, endedAt }: ExportedRun, end: ReplayEnd): string | null {
  const [due, ended] = [instant(timeoutAt), instant(endedAt)];
  const isOutOfTime = due !== null && ended !== null && ended >= due;
  if (status === "completed") {
    if (end.kind === "completed" && isDeepStrictEqual(end.output, output)) return null;
    return `It completed with ${shown(output)}, and the code now ${told(end)}.`;
  }
  if (status !== "failed" && status !== "compensated") return null;
  if (end.kind === "failed" || (isOutOfTime && end.kind === "goes_on")) return null;
  return `It failed, and the code now ${told(end)}.`;
}

function told(end: ReplayEnd): string {
  if (end.kind === "completed") return `returns ${shown(end.output)}`;
  if (end.kind === "failed") return `throws ${String(end.error)}`;
  return end.at.length === 0 ? "stands still" : `goes on at ${end.at.join(", ")}`;
}
