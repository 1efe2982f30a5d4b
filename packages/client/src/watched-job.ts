import {
  isSettledJobStatus,
  JOB_STATUSES,
  type JobState,
  type Snapshot,
  type Watch,
  type WireError,
} from "@forge-jobs/protocol";

/** One job as its client knows it, shared by all stores on its id. */
export interface WatchedJob {
  /** "" while the job is being started. */
  id: string;
  /** The last revision seen; 0 when there is none that the gateway may compare with. */
  revision: number;
  /** Null until the first state or refusal. */
  state: JobState | null;
  /** Why the gateway gave no state; a state that arrives later clears it. */
  refusal: WireError | null;
  /** The stream that was asked to carry the job. */
  requestedOn: object | null;
  /** The stream that has said it does. */
  carriedBy: object | null;
  /** Called after each change; one per store that watches. */
  readonly listeners: Set<() => void>;
}

/** The watched jobs of a client by id. One without listeners is forgotten when the next changes are taken. */
export type WatchedJobs = Map<string, WatchedJob>;

/** A job of which nothing is known but its id, or what the page was rendered with. */
export function createWatchedJob(id: string, initial: JobState | null): WatchedJob {
  const job: WatchedJob = {
    id,
    revision: 0,
    state: null,
    refusal: null,
    requestedOn: null,
    carriedBy: null,
    listeners: new Set(),
  };
  if (initial) setState(job, initial);
  return job;
}

/** The state that is shown while none is known. */
export function blankState(jobId: string): JobState {
  return { jobId, status: "pending", progress: null, message: null, output: null, error: null };
}

/** Whether the job has an end to show; a retry can still reopen it. */
export function isSettled({ state }: WatchedJob): boolean {
  return state !== null && isSettledJobStatus(state.status);
}

/**
 * Takes over the known fields of a state. The status of a newer gateway that this version does not know counts as
 * unfinished: the last unfinished one stays.
 */
function setState(job: WatchedJob, from: JobState): void {
  const state = blankState(job.id) as object as Record<string, unknown>;
  for (const field in state) state[field] = from[field as keyof JobState] ?? state[field];
  if (from.status !== "not_found" && !JOB_STATUSES.includes(from.status)) {
    state["status"] = job.state && !isSettled(job) ? job.state.status : "pending";
  }
  job.refusal = null;
  job.state = state as unknown as JobState;
}

/** Ends a watch with the gateway's sentence. */
export function refuse(job: WatchedJob, refusal: WireError): void {
  job.refusal = refusal;
  job.state = { ...(job.state ?? blankState(job.id)), status: "failed", error: refusal.message };
}

/** The watch of the job's id: the one that is there, or else this very record. */
export function joinWatch(jobs: WatchedJobs, job: WatchedJob): WatchedJob {
  const watched = jobs.get(job.id);
  if (watched) {
    watched.state ??= job.state;
    return watched;
  }
  // What it knew may belong to another database by now.
  forgetRevision(job);
  jobs.set(job.id, job);
  return job;
}

/**
 * Applies a snapshot unless it is older than what is known, and tells the listeners. `readWhole` is to fetch the state
 * that came without its output.
 *
 * `not_found` has no revision. It is not believed of a job that has settled: one that was deleted after it completed keeps
 * its output on the page.
 */
export function receiveSnapshot(jobs: WatchedJobs, snapshot: Snapshot, readWhole: (id: string) => unknown): void {
  const job = "jobId" in snapshot && jobs.get(snapshot.jobId);
  if (!job) return;
  const isMissing = snapshot.status === "not_found";
  const revision = isMissing ? 0 : snapshot.revision;
  if (isMissing ? isSettled(job) : !(revision >= job.revision)) return;
  const isNew = revision > job.revision;
  job.revision = revision;
  if (!snapshot.partial) {
    setState(job, snapshot);
    tell(job);
  } else if (isNew) readWhole(job.id);
}

/** Tells every listener of these jobs. */
export function notify(jobs: WatchedJobs): void {
  jobs.forEach(tell);
}

function tell(job: WatchedJob): void {
  job.listeners.forEach((listener) => listener());
}

/** Voids what a gateway on another database knew: every revision, and what was requested by it. */
export function forgetRevisions(jobs: WatchedJobs): void {
  jobs.forEach(forgetRevision);
}

function forgetRevision(job: WatchedJob): void {
  job.revision = 0;
  job.requestedOn = null;
}

/** Marks what was requested as carried, and tells the listeners. */
export function setCarried(jobs: WatchedJobs): void {
  jobs.forEach((job) => {
    job.carriedBy = job.requestedOn;
  });
  notify(jobs);
}

/** How many ids one request may name, as the protocol says. */
export const MOST_IDS = 1_000;

/** Takes what a stream is still to be asked for: what it lacks, and what it carries for nobody. More than fits is left. */
export function takeChanges(jobs: WatchedJobs, stream: object): { add: Watch[]; remove: string[] } {
  const add: Watch[] = [];
  const remove: string[] = [];
  jobs.forEach((job, id) => {
    const isRequested = job.requestedOn === stream;
    if (!job.listeners.size) {
      jobs.delete(id);
      if (isRequested) remove.push(id);
    } else if (!isRequested && add.length < MOST_IDS) {
      job.requestedOn = stream;
      add.push({ id, revision: job.revision });
    }
  });
  return { add, remove };
}
