import type { Store, WorkflowDefinition } from "@forge-jobs/core";
import { expect } from "vitest";
import type { RunRecord, StepWrite } from "../../src/store.ts";
import { checkedOutput, parsedInput } from "../../src/worker/handler-values.ts";
import { runError } from "../../src/worker/failure.ts";
import { aborted } from "../../src/worker/stop-switch.ts";
import { workflowContext } from "../../src/workflow/context.ts";
import { Episode, type EpisodeEnd, type EpisodeLink } from "../../src/workflow/episode.ts";
import { Memo } from "../../src/workflow/memo.ts";
import { silent } from "./world.ts";

/** What a replay does that the first time did not. */
class Deviation extends Error {}

/**
 * Runs the code of every run that has ended against its record once more, and holds it to its history: it asks for the same
 * steps, does nothing anew, and comes to the same end. Answers how many there were; those that were cancelled are left out.
 */
export async function expectSameReplays(
  store: Store,
  ids: readonly string[],
  workflows: readonly WorkflowDefinition[],
): Promise<number> {
  const runs = await store.workflows.get({ ids });
  let replayed = 0;
  for (const run of runs) {
    const workflow = workflows.find(({ job }) => job.name === run.type);
    if (workflow === undefined || (run.status !== "completed" && run.status !== "failed")) continue;
    expect(endOf(await replay(store, run, workflow)), `the replay of ${run.type}`).toEqual(recordedEnd(run));
    replayed++;
  }
  return replayed;
}

async function replay(
  store: Store,
  run: RunRecord,
  { job: definition, run: code }: WorkflowDefinition,
): Promise<EpisodeEnd> {
  const [read] = await store.workflows.load({ ids: [run.id] });
  const deviated = Promise.withResolvers<never>();
  deviated.promise.catch(() => {});
  const deviate = (what: string): Promise<never> => {
    deviated.reject(new Deviation(`The replay of ${run.type} does anew: ${what}`));
    return deviated.promise;
  };
  const known = new Set(read!.steps.map(({ key }) => key));
  const desk = {
    watch: () => () => {},
    load: async () => read!,
    write: ({ key, status }: StepWrite) => deviate(`${key} ${status}`),
    // The start of a step that never ended.
    writeLater: ({ key, status }: StepWrite) => (known.has(key) ? undefined : void deviate(`${key} ${status}`)),
    writeIn: ({ key }: StepWrite) => deviate(`${key} in a transaction`),
    undo: () => deviate("turns round"),
    block: () => deviate("is blocked"),
    newChild: () => deviate("makes a child"),
  };
  const link = {
    job: { ...run, claimNo: 1_000, attempt: run.attempts, overrides: null },
    definition,
    desk,
    log: silent,
    random: () => 0.5,
    shared: {},
    signal: new AbortController().signal,
    drain: async () => {},
    onStale: async () => aborted("LEASE_LOST"),
    onCancelled: () => {},
  } as unknown as EpisodeLink;
  // A run that came to an end of its own had time left then.
  const isOutOfTime = run.error?.startsWith("JobAborted") === true;
  const episode = new Episode(link, new Memo({ ...read!, signals: [], ...(!isOutOfTime && { timeoutAt: null }) }));
  const ended = episode.run(async () => {
    const input = await parsedInput(definition, link.job.input);
    return checkedOutput(definition, await code(workflowContext(episode, episode.root), input));
  });
  const end = await Promise.race([ended, deviated.promise]);
  // One that is undone need not come to the end of its code.
  if (run.undoing === null)
    expect(episode.memo.unasked(), `steps of ${run.type} that its replay does not ask for`).toEqual([]);
  return "thrown" in end ? { thrown: runError(definition, run.id, end.thrown).error } : end;
}

function endOf(end: EpisodeEnd): unknown {
  if ("output" in end) return { output: JSON.parse(JSON.stringify(end.output) ?? "null") };
  if ("thrown" in end) return { error: firstLine(end.thrown) };
  return end.outcome.kind === "suspended" ? end : { kind: end.outcome.kind, error: firstLine(end.outcome.error) };
}

function recordedEnd({ status, output, error, isUndone, undoing }: RunRecord): unknown {
  if (status === "completed") return { output: JSON.parse(output ?? "null") };
  if (undoing === null) return { error: firstLine(error) };
  return { kind: isUndone ? "compensated" : "failed", error: firstLine(error) };
}

/** Without the places in the code, which may be others. */
function firstLine(text: unknown): string {
  return String(text).split("\n")[0]!;
}
