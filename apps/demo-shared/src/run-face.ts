import { isSettledWorkflowStatus, type WorkflowStepState, type WorkflowView } from "@forge-jobs/client";
import { isId } from "./is-id.ts";
import { CONNECTION_LOOKS, type Look } from "./job-words.ts";
import { RUN_LOOKS, type RunWords, STEP_LOOKS } from "./run-words.ts";

/** A step of a run, put into what a stepper shows. */
interface StepFace {
  /** Unique in its run. */
  readonly name: string;
  readonly label: string;
  readonly look: Look;
  readonly error: string | null;
  /** Whether the run is here. */
  readonly isCurrent: boolean;
}

/** A run's view, put into what a page shows. */
export interface RunFace {
  readonly look: Look;
  readonly steps: readonly StepFace[];
  /** What its watcher should know; null for nothing. */
  readonly message: string | null;
  readonly error: string | null;
  /** Null once the run has settled. */
  readonly connection: Look | null;
  readonly isSettled: boolean;
  readonly canCancel: boolean;
  /** For screen readers; changes with the status and with each step that ends, and never else. */
  readonly announcement: string;
}

/** Puts a run's view into words and pictures. */
export function runFace(words: RunWords, view: WorkflowView): RunFace {
  const isSettled = isSettledWorkflowStatus(view.status);
  const look = lookOf(view);
  return {
    look,
    steps: view.steps.map((step) => stepFace(words, view, step)),
    message: messageOf(words, view),
    error: view.error,
    connection: view.connection === "closed" ? null : CONNECTION_LOOKS[view.connection],
    isSettled,
    // Whoever stops an undoing would be left with half of it.
    canCancel: !isSettled && view.status !== "compensating",
    announcement: announcementOf(words, view, look.word),
  };
}

function lookOf({ status, workflowId, loading }: WorkflowView): Look {
  const look = RUN_LOOKS[status];
  // There is no run: the start was refused, or the address held something else than an id.
  if (status === "failed" && !isId(workflowId)) return { ...look, word: "Refused" };
  return loading ? { ...look, word: workflowId === "" ? "Sending" : "Loading" } : look;
}

function stepFace(words: RunWords, { status, waitingFor }: WorkflowView, step: WorkflowStepState): StepFace {
  const isWaitedFor = status === "waiting" && step.status === "running" && step.name === waitingFor;
  return {
    name: step.name,
    label: words.steps[step.name] ?? step.name,
    look: STEP_LOOKS[isWaitedFor ? "waiting" : step.status],
    error: step.error,
    isCurrent: step.status === "running",
  };
}

function messageOf({ waits }: RunWords, { status, loading, waitingFor }: WorkflowView): string | null {
  switch (status) {
    case "created":
      return loading ? null : "Waiting for a worker.";
    case "waiting":
      return waitingFor === null ? null : `Waiting for ${waits[waitingFor] ?? waitingFor}.`;
    case "compensating":
      return "What was done is being undone, the last step first.";
    case "compensated":
      return "What was done has been undone.";
    case "not_found":
      return "This run does not exist, or another browser started it.";
    case "running":
    case "completed":
    case "failed":
    case "cancelled":
      break;
  }
  return null;
}

function announcementOf({ label, waits }: RunWords, view: WorkflowView, word: string): string {
  const { status, steps, waitingFor, error } = view;
  const count = (wanted: WorkflowStepState["status"]): number => steps.filter((step) => step.status === wanted).length;
  const parts = [`${label}: ${word}`];
  if (status === "running" && steps.length > 0) parts.push(`${count("completed")} of ${steps.length} steps done`);
  if (status === "compensating") parts.push(`${count("compensated")} undone`);
  if (status === "waiting" && waitingFor !== null) parts.push(`for ${waits[waitingFor] ?? waitingFor}`);
  if (isSettledWorkflowStatus(status) && error !== null) parts.push(error);
  return parts.join(", ");
}
