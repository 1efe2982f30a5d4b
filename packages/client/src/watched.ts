import {
  isSettledJobStatus,
  isSettledWorkflowStatus,
  JOB_STATUSES,
  type JobState,
  type Snapshot,
  type Watch,
  type WireError,
  WORKFLOW_STATUSES,
  type WorkflowState,
} from "@forge-jobs/protocol";

/** What is known of a job or a run: fields that a newer gateway added are in it, too, and a refusal may be all there is. */
type KnownState = Partial<Omit<JobState, "status"> & Omit<WorkflowState, "status">> & {
  /** Undefined where the gateway's word for it is not known here, and nothing was known before. */
  readonly status: string | undefined;
};

/** One job or one run of a workflow as its client knows it, shared by all stores on its id. */
export interface Watched {
  /** "" while it is being started. */
  id: string;
  /** The last revision seen; 0 when there is none that the gateway may compare with. */
  revision: number;
  /** Null until the first state or refusal. */
  state: KnownState | null;
  /** Why the gateway gave no state; a state that arrives later clears it. */
  refusal: WireError | null;
  /** The stream that was asked to carry it. */
  requestedOn: object | null;
  /** The stream that has said it does. */
  carriedBy: object | null;
  /** Called after each change; one per store that watches. */
  readonly listeners: Set<() => void>;
}

/** All that a client watches, by id. What has no listeners is forgotten when the next changes are taken. */
export type AllWatched = Map<string, Watched>;

/** A job or run of which nothing is known but its id, or what the page was rendered with. */
export function createWatched(id: string, initial: JobState | WorkflowState | null): Watched {
  const watched: Watched = {
    id,
    revision: 0,
    state: null,
    refusal: null,
    requestedOn: null,
    carriedBy: null,
    listeners: new Set(),
  };
  if (initial) setState(watched, initial);
  return watched;
}

/** Whether a status is an end; those of jobs and those of runs that mean an end do not contradict each other. */
export function isEnd(status = ""): boolean {
  return isSettledJobStatus(status) || isSettledWorkflowStatus(status);
}

/** Whether there is an end to show; a retry can still reopen a job. */
export function isSettled({ state }: Watched): boolean {
  return isEnd(state?.status);
}

/**
 * Takes over a state. The status of a newer gateway that this version does not know counts as unfinished: the last unfinished
 * one stays.
 */
function setState(watched: Watched, from: JobState | WorkflowState): void {
  const isKnown = ["not_found", ...JOB_STATUSES, ...WORKFLOW_STATUSES].includes(from.status);
  const status = isKnown ? from.status : isSettled(watched) ? undefined : watched.state?.status;
  watched.refusal = null;
  watched.state = { ...from, status };
}

/** Ends a watch with the gateway's sentence. */
export function refuse(watched: Watched, refusal: WireError): void {
  watched.refusal = refusal;
  watched.state = { ...watched.state, status: "failed", error: refusal.message };
}

/** The watch of the same id: the one that is there, or else this very record. */
export function joinWatch(all: AllWatched, watched: Watched): Watched {
  const there = all.get(watched.id);
  if (there) {
    there.state ??= watched.state;
    return there;
  }
  // What it knew may belong to another database by now.
  forgetRevision(watched);
  all.set(watched.id, watched);
  return watched;
}

/** The id of what a snapshot is of. */
export function idOf(snapshot: Snapshot): string {
  return "jobId" in snapshot ? snapshot.jobId : snapshot.workflowId;
}

/**
 * Applies a snapshot unless it is older than what is known, and tells the listeners. `readWhole` is to fetch the state
 * that came without its output.
 *
 * `not_found` has no revision. It is not believed of what has settled: a job that was deleted after it completed keeps its
 * output on the page.
 */
export function receiveSnapshot(all: AllWatched, snapshot: Snapshot, readWhole: (id: string) => unknown): void {
  const watched = all.get(idOf(snapshot));
  if (!watched) return;
  const isMissing = snapshot.status === "not_found";
  const revision = isMissing ? 0 : snapshot.revision;
  if (isMissing ? isSettled(watched) : !(revision >= watched.revision)) return;
  const isNew = revision > watched.revision;
  watched.revision = revision;
  if (!snapshot.partial) {
    setState(watched, snapshot);
    tell(watched);
  } else if (isNew) readWhole(watched.id);
}

/** Tells every listener. */
export function notify(all: AllWatched): void {
  all.forEach(tell);
}

function tell(watched: Watched): void {
  watched.listeners.forEach((listener) => listener());
}

/** Voids what a gateway on another database knew: every revision, and what was requested by it. */
export function forgetRevisions(all: AllWatched): void {
  all.forEach(forgetRevision);
}

function forgetRevision(watched: Watched): void {
  watched.revision = 0;
  watched.requestedOn = null;
}

/** Marks what was requested as carried, and tells the listeners. */
export function setCarried(all: AllWatched): void {
  all.forEach((watched) => {
    watched.carriedBy = watched.requestedOn;
  });
  notify(all);
}

/** How many ids one request may name, as the protocol says. */
export const MOST_IDS = 1_000;

/** Takes what a stream is still to be asked for: what it lacks, and what it carries for nobody. More than fits is left. */
export function takeChanges(all: AllWatched, stream: object): { add: Watch[]; remove: string[] } {
  const add: Watch[] = [];
  const remove: string[] = [];
  all.forEach((watched, id) => {
    const isRequested = watched.requestedOn === stream;
    if (!watched.listeners.size) {
      all.delete(id);
      if (isRequested) remove.push(id);
    } else if (!isRequested && add.length < MOST_IDS) {
      watched.requestedOn = stream;
      add.push({ id, revision: watched.revision });
    }
  });
  return { add, remove };
}
