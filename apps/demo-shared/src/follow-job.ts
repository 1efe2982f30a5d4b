import { isSettledJobStatus, type JobView } from "@forge-jobs/client";
import { isId } from "./is-id.ts";
import { CONNECTION_LOOKS, type Look, STATUS_LOOKS } from "./job-words.ts";

/** A job's view, put into what a page shows. */
export interface JobFace {
  readonly look: Look;
  /** Null where nobody knows how far the job is; never falls, except when the job starts over. */
  readonly percent: number | null;
  /** Whether a bar makes sense at all. */
  readonly hasBar: boolean;
  /** What the job says, or what its watcher should know instead; null for nothing. */
  readonly message: string | null;
  /** Why it failed, or why its last run did. */
  readonly error: string | null;
  /** Null once the job has settled. */
  readonly connection: Look | null;
  readonly isSettled: boolean;
  readonly canCancel: boolean;
  readonly canRetry: boolean;
  /** For screen readers; changes with the status and at each quarter of the way, and never else. */
  readonly announcement: string;
}

const QUARTER = 25;

/**
 * Follows one job over its views and remembers how far it was, so that a bar which falls back says why.
 *
 * The function that it returns answers the same face for the same view, so it may be called as often as a framework likes.
 */
export function followJob(label: string): (view: JobView) => JobFace {
  let lastView: JobView | null = null;
  let lastFace: JobFace | null = null;
  let furthest = 0;
  let hasStartedOver = false;
  return (view) => {
    if (lastFace !== null && view === lastView) return lastFace;
    const progress = progressOf(view);
    if (lastView === null || lastView.jobId !== view.jobId || isReopened(lastView, view)) {
      furthest = 0;
      hasStartedOver = false;
    }
    // A handler only counts up; whatever is lower is another run.
    if (view.status === "running" && (progress ?? 0) < furthest) hasStartedOver = true;
    if (view.status !== "pending" && view.status !== "claimed") furthest = progress ?? 0;
    lastView = view;
    lastFace = faceOf(label, view, progress, hasStartedOver);
    return lastFace;
  };
}

/** How far the run is that is under way, or was. A job that waits still carries what its last run said. */
function progressOf({ status, progress }: JobView): number | null {
  if (status === "completed") return 100;
  return status === "pending" || status === "claimed" ? null : progress;
}

/** Whether a person asked for another run; then nobody needs to be told. */
function isReopened(before: JobView, now: JobView): boolean {
  return isSettledJobStatus(before.status) && !isSettledJobStatus(now.status);
}

function faceOf(label: string, view: JobView, progress: number | null, hasStartedOver: boolean): JobFace {
  const isSettled = isSettledJobStatus(view.status);
  // There is no job that could run again: the start was refused, or the address held something else than an id.
  const isRefused = view.status === "failed" && !isId(view.jobId);
  const look = lookOf(view, isRefused);
  const percent = progress === null ? null : Math.floor(progress);
  return {
    look,
    percent,
    hasBar: !isRefused && view.status !== "not_found" && (percent !== null || !isSettled),
    message: messageOf(view, hasStartedOver),
    error: view.error,
    connection: view.connection === "closed" ? null : CONNECTION_LOOKS[view.connection],
    isSettled,
    canCancel: !isSettled && view.status !== "cancel_requested",
    canRetry: !isRefused && (view.status === "failed" || view.status === "dead_letter" || view.status === "cancelled"),
    announcement: announcementOf(label, view, look.word, percent, hasStartedOver),
  };
}

function lookOf(view: JobView, isRefused: boolean): Look {
  const look = STATUS_LOOKS[view.status];
  if (isRefused) return { ...look, word: "Refused" };
  return view.loading ? { ...look, word: view.jobId === "" ? "Sending" : "Loading" } : look;
}

function messageOf(view: JobView, hasStartedOver: boolean): string | null {
  switch (view.status) {
    case "not_found":
      return "This job does not exist, or another browser started it.";
    case "retry":
      return "This run broke off. The next one begins shortly, from the start.";
    case "cancel_requested":
      return "Stopping, and cleaning up what was begun.";
    case "pending":
      return view.loading ? null : "Waiting for a worker.";
    case "running":
      return hasStartedOver ? joined("Started over.", view.message) : view.message;
    case "claimed":
    case "completed":
    case "failed":
    case "dead_letter":
    case "cancelled":
      break;
  }
  return null;
}

function joined(first: string, second: string | null): string {
  return second === null ? first : `${first} ${second}`;
}

function announcementOf(
  label: string,
  view: JobView,
  word: string,
  percent: number | null,
  hasStartedOver: boolean,
): string {
  const parts = [`${label}: ${word}`];
  if (view.status === "running") {
    if (hasStartedOver) parts.push("started over");
    if (percent !== null) parts.push(`${Math.floor(percent / QUARTER) * QUARTER} %`);
  } else if (isSettledJobStatus(view.status) && view.error !== null) {
    parts.push(view.error);
  }
  return parts.join(", ");
}
