import type { ChildOptions } from "../child-types.ts";
import type { JobDefinition } from "../define.ts";
import { ForgeError } from "../errors.ts";
import { refuseUnknownOptions } from "../options.ts";
import type { ChildEnd, StepRecord, StepWrite } from "../store.ts";
import { call, outputOf } from "./calls.ts";
import type { WorkflowDefinition } from "./define-workflow.ts";
import type { Episode } from "./episode.ts";
import { firmly } from "./firmly.ts";
import { never } from "./never.ts";
import type { Scope } from "./scope.ts";
import { type EndOfWait, waited } from "./waits.ts";

const OPTIONS: readonly (keyof ChildOptions)[] = [
  "runAt",
  "delay",
  "priority",
  "queue",
  "timeout",
  "retry",
  "idempotencyKey",
];

/** How often a run looks for the end of a job that holds its child's idempotency key. */
const FOREIGN_POLL_MS = 15_000;

/** See `WorkflowContext.dispatch`. */
export async function dispatch(
  episode: Episode,
  scope: Scope,
  job: JobDefinition,
  input: unknown,
  options: ChildOptions = {},
): Promise<string> {
  refuseUnknownOptions("dispatch", options, OPTIONS);
  const record = await call(episode, scope, {
    name: job.name,
    isNamed: false,
    happen: async (key, recorded) => {
      const { childId } = await made(episode, key, job, input, options, false);
      return episode.write({
        ...blank(key, recorded?.ord ?? episode.memo.nextOrd()),
        kind: "step",
        status: "completed",
        output: JSON.stringify(childId),
        seq: episode.memo.nextSeq(),
      });
    },
  });
  return outputOf(record) as string;
}

/** See `WorkflowContext.runJob`. */
export async function runJob(
  episode: Episode,
  scope: Scope,
  job: JobDefinition,
  input: unknown,
  options: ChildOptions = {},
): Promise<unknown> {
  refuseUnknownOptions("runJob", options, OPTIONS);
  return outputOf(await child(episode, scope, { job, input, options, kind: "job", name: job.name }));
}

/** See `WorkflowContext.runWorkflow`. */
export async function runWorkflow(
  episode: Episode,
  scope: Scope,
  workflow: WorkflowDefinition,
  input: unknown,
  options: ChildOptions = {},
): Promise<unknown> {
  refuseUnknownOptions("runWorkflow", options, ["runAt", "delay", "priority", "queue"]);
  const { job, name } = workflow;
  return outputOf(await child(episode, scope, { job, input, options, kind: "workflow", name }));
}

interface Child {
  readonly job: JobDefinition;
  readonly input: unknown;
  readonly options: ChildOptions;
  readonly kind: "job" | "workflow";
  readonly name: string;
}

function child(episode: Episode, scope: Scope, { job, input, options, kind, name }: Child): Promise<StepRecord> {
  return call(episode, scope, {
    name,
    isNamed: false,
    happen: async (key, recorded) => {
      const { reads } = episode.memo;
      const { childId, isNew } =
        recorded?.childId == null
          ? await made(episode, key, job, input, options, true)
          : { childId: recorded.childId, isNew: true };
      const waiting = {
        key,
        kind,
        label: key,
        due: null,
        childId,
        onDue: null,
        look: () => endOf(episode.memo.ended(childId)),
        // A read knows of the ends of recorded children only; this one was none yet.
        isUnread: () => !isNew || reads !== episode.memo.reads,
        pollMs: isKeyed(job, options) ? FOREIGN_POLL_MS : null,
      } as const;
      return waited(episode, scope, waiting, recorded);
    },
  });
}

/** Inserts a child, or finds the one of an earlier try; it has the run's owner. */
async function made(
  episode: Episode,
  key: string,
  job: JobDefinition,
  input: unknown,
  options: ChildOptions,
  isAwaited: boolean,
): Promise<{ childId: string; isNew: boolean }> {
  const { desk, job: run } = episode.link;
  const release = episode.hold();
  try {
    const inherited = { ...options, ...(run.owner !== null && { owner: run.owner }) };
    const row = await desk.newChild(job, input, inherited, isAwaited ? run.id : null);
    const wanted = { parent: { id: run.id, claimNo: run.claimNo }, key, job: row };
    const result = await firmly(() => desk.dispatch(wanted), episode.link);
    if (result !== null && "id" in result) {
      const isNew = result.kind === "made";
      if (isAwaited && !isNew && row.keys.length > 0) await refuseAncestor(episode, result.id);
      return { childId: result.id, isNew };
    }
    if (result?.kind === "stale") await episode.link.onStale();
    else if (result !== null) episode.link.onCancelled();
  } finally {
    release();
  }
  return await never();
}

/** Whether another job may stand in for the child: its end wakes nobody. */
function isKeyed({ idempotency }: JobDefinition, { idempotencyKey }: ChildOptions): boolean {
  return idempotency !== null || idempotencyKey !== undefined;
}

async function refuseAncestor({ link: { desk, job } }: Episode, id: string): Promise<void> {
  if (!(await desk.isAbove(id, job.id))) return;
  throw new ForgeError(
    "KEY_HELD",
    `A child of run ${job.id} has the idempotency key of ${id}, which waits for this very run. Give it another key.`,
    { details: { id } },
  );
}

function endOf(end: ChildEnd | undefined): EndOfWait | null {
  if (end === undefined) return null;
  if (end.status === "completed") return { status: "completed", output: end.output };
  const { error = "", publicError = "" } = end.failure ?? {};
  // The way in which it ended stands in the place of the error's name, which belongs to the child.
  return { status: "failed", failure: { error, errorName: end.status, publicError } };
}

function blank(key: string, ord: number): Omit<StepWrite, "run" | "kind" | "status"> {
  return {
    key,
    ord,
    seq: null,
    attempt: 1,
    output: null,
    failure: null,
    due: null,
    childId: null,
    hasUndo: false,
    signal: null,
  };
}
