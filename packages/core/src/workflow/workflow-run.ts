import {
  isSettledWorkflowStatus,
  type StepStatus,
  type WorkflowState,
  type WorkflowStatus,
} from "@forge-jobs/protocol";
import type { Priority, RunRecord, RunStateRecord, StepKind, StepRecord } from "../store.ts";
import { workflowOf } from "./define-workflow.ts";

/** A run of a workflow, for people and programs on the server. */
export interface WorkflowRun<Input = unknown, Output = unknown> {
  id: string;
  workflow: string;
  version: number;
  queue: string;
  priority: Priority;
  status: WorkflowStatus;
  input: Input;
  output: Output | null;
  /** The full text of why it failed or is being undone. Never send it to a browser. */
  error: string | null;
  /** What watchers see of it. */
  publicError: string | null;
  /** What it sleeps on: the name of an event, a sleep or a child. */
  waitingFor: string | null;
  /** Why it cannot go on without a person. */
  blocked: string | null;
  steps: WorkflowRunStep[];
  attempts: number;
  owner: string | null;
  /** The id of the job or run that started it as its child, or null. */
  parentId: string | null;
  revision: number;
  createdAt: Date;
  /** When it is, or was, due to be taken up. */
  scheduledAt: Date;
  startedAt: Date | null;
  /** When its time is up. */
  timeoutAt: Date | null;
  /** When it ended, in whatever way. */
  endedAt: Date | null;
}

/** A recorded step of a run. */
export interface WorkflowRunStep {
  /** Unique in its run: `name`, `name#2`, `scope/name`, and `~name` for the undoing of `name`. */
  name: string;
  kind: StepKind;
  status: StepStatus;
  attempt: number;
  output: unknown;
  error: string | null;
  errorName: string | null;
  /** The end of its wait: of a sleep, for an event, until the next attempt. */
  dueAt: Date | null;
  childId: string | null;
  /** The order in which steps ended, from 1; a run that is taken up again is told of them in this order. */
  seq: number | null;
  startedAt: Date;
  endedAt: Date | null;
}

/** What a run is for people, by what its row and its record say. */
function statusOf({ status, undoing, isUndone, waitingFor, neverClaimed }: RunStateRecord): WorkflowStatus {
  if (status === "completed" || status === "cancelled") return status;
  if (status === "failed" || status === "dead_letter") return isUndone ? "compensated" : "failed";
  if (undoing !== null) return "compensating";
  if (status !== "pending") return "running";
  if (waitingFor !== null) return "waiting";
  return neverClaimed ? "created" : "running";
}

/** A run as its watchers see it, field by field. */
export function workflowState(record: RunStateRecord): WorkflowState {
  const status = statusOf(record);
  const steps = shownSteps(record, status);
  return {
    workflowId: record.id,
    status,
    step: steps.findLast((step) => step.status === "running")?.name ?? null,
    waitingFor: status === "waiting" ? record.waitingFor : null,
    steps,
    output: record.output === null ? null : JSON.parse(record.output),
    error: record.publicError ?? record.undoing?.failure.publicError ?? null,
  };
}

/** A run as people and programs on the server read it. */
export function workflowRunOf(record: RunRecord): WorkflowRun {
  const { name, version } = workflowOf(record.type)!;
  const date = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));
  const status = statusOf(record);
  return {
    id: record.id,
    workflow: name,
    version,
    queue: record.queue,
    priority: record.priority,
    status,
    input: JSON.parse(record.input),
    output: record.output === null ? null : JSON.parse(record.output),
    error: record.error ?? record.undoing?.failure.error ?? null,
    publicError: record.publicError ?? record.undoing?.failure.publicError ?? null,
    waitingFor: status === "waiting" ? record.waitingFor : null,
    blocked: record.blocked,
    steps: record.steps.map((step) => ({
      name: step.key,
      kind: step.kind,
      status: statusOfStep(step, status),
      attempt: step.attempt,
      output: step.output === null ? null : JSON.parse(step.output),
      error: step.failure?.error ?? null,
      errorName: step.failure?.errorName ?? null,
      dueAt: date(step.dueAt),
      childId: step.childId,
      seq: step.seq,
      startedAt: new Date(step.startedAt),
      endedAt: date(step.endedAt),
    })),
    attempts: record.attempts,
    owner: record.owner,
    parentId: record.parentId,
    revision: record.revision,
    createdAt: new Date(record.createdAt),
    scheduledAt: new Date(record.scheduledAt),
    startedAt: date(record.startedAt),
    timeoutAt: date(record.timeoutAt),
    endedAt: date(record.completedAt ?? record.failedAt ?? record.cancelledAt),
  };
}

/** What is recorded, and what is still to come where the definition says so. Undoing shows at the step that is undone. */
function shownSteps(record: RunStateRecord, status: WorkflowStatus): WorkflowState["steps"] {
  const recorded = record.steps.filter(({ kind }) => kind !== "undo");
  const byName = new Map(recorded.map((step) => [step.key, step]));
  const declared = record.declared ?? [];
  const others = recorded.filter(({ key }) => !declared.includes(key)).map(({ key }) => key);
  return [...declared, ...others].map((name) => {
    const step = byName.get(name);
    return step === undefined
      ? {
          name,
          status: isSettledWorkflowStatus(status) || status === "compensating" ? "skipped" : "pending",
          error: null,
        }
      : { name, status: statusOfStep(step, status), error: step.failure?.publicError ?? null };
  });
}

/** A step that was under way when its run ended has not happened. */
function statusOfStep({ status }: StepRecord, run: WorkflowStatus): StepStatus {
  return status === "running" && isSettledWorkflowStatus(run) ? "skipped" : status;
}
