import { isSettledJobStatus, type JobSnapshot, type JobState, type RpcData } from "@forge-jobs/protocol";
import type { ClientCore } from "./client-core.ts";
import { JobFailed, type JobFailedCode } from "./job-failed.ts";
import type { ConnectionStatus, JobView } from "./job-view.ts";
import { UNUSED_MS } from "./times.ts";
import { blankState, createWatchedJob, isSettled, joinWatch, refuse, type WatchedJob } from "./watched-job.ts";

/**
 * One job as a value that changes: a store by Svelte's contract, and a snapshot source for React.
 *
 * It emits when a field of the view has changed and never otherwise. The emission that settles the job says
 * `connection: "closed"`; after it nothing is emitted unless the job changes again: someone retries it, or it moves from
 * `failed` to `dead_letter`. All members are bound.
 */
export interface JobStore<Output = unknown> {
  /**
   * Calls `run` now and at every change; returns what ends that. The first subscriber attaches the store to the gateway;
   * when the last one has left and nobody waits for `done`, it lets go.
   */
  readonly subscribe: (run: (view: JobView<Output>) => void) => () => void;
  /** The view now; the same reference until a field changes. */
  readonly get: () => JobView<Output>;
  /** Lets go of the job, tells the subscribers `closed` and drops them. A later subscribe attaches again. */
  readonly unsubscribe: () => void;
  /**
   * Asks for the job's cancellation once its id is known, and repeats that until it is answered. Rejects with `JobFailed`
   * when the gateway refuses.
   */
  readonly cancel: () => Promise<void>;
  /** Runs a failed, dead or cancelled job again; otherwise like `cancel`. */
  readonly retry: () => Promise<void>;
  /**
   * Resolves with the output when the job completes; rejects with `JobFailed` when it ends otherwise or is refused. Made
   * at the first read, so that nobody's unread rejection ends a process. Stays pending on a server. Once the job has been
   * retried, the next read gives a new promise.
   */
  readonly done: Promise<Output>;
}

/** What a store works with. */
export interface StoreContext extends ClientCore {
  readonly statusOf: (job: WatchedJob) => ConnectionStatus;
  /** Hears that this store has begun or ended a watch. */
  readonly watchesChanged: () => void;
}

/** The job that a store is on. */
export interface StoreOrigin {
  /** "" where the job is to be started. */
  readonly id: string;
  readonly initial: JobState | null;
  /** False where there is no page: the store shows what it was given and reaches for nothing. */
  readonly isLive: boolean;
  /** Path and body of the request that starts the job. */
  readonly start: readonly [path: string, json: string] | null;
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/**
 * Creates the store of one job.
 *
 * Modes:
 * - inert: there is no page. Never left.
 * - starting: the id is not known yet. Left when the gateway answers.
 * - attached: it watches the job. Left when it is released; entered again by `subscribe`, `done`, `cancel` and `retry`.
 * - released: by `unsubscribe`; and where neither a subscriber nor an unsettled `done` holds it, as the last subscriber
 *   leaves or 5 s after it was used otherwise. Shows what it knew, `closed`.
 */
export function createStore<Output>(
  { after, jobs, receive, statusOf, untilAnswered, watchesChanged }: StoreContext,
  { id, initial, isLive, start }: StoreOrigin,
): JobStore<Output> {
  const subscribers = new Set<{ readonly run: (view: JobView<Output>) => void }>();
  let job = createWatchedJob(id.toLowerCase(), initial);
  let startStatus: ConnectionStatus = "connecting";
  let done: PromiseWithResolvers<Output> | null = null;
  let isUsed = isLive;
  let cancelRelease = (): void => {};

  const state = (): JobState => job.state ?? blankState(job.id);

  const look = (): JobView<Output> => {
    let connection = job.listeners.has(update) ? statusOf(job) : startStatus;
    if (isSettled(job) || (isLive && !isUsed)) connection = "closed";
    return { ...state(), loading: !job.state, connection } as JobView<Output>;
  };

  const fail = ({ code, message }: Pick<JobFailed, "code" | "message">): JobFailed =>
    new JobFailed(code, message, state());

  const update = (): void => {
    const next = look();
    // By their text, so that an output which arrives again is no change.
    if (JSON.stringify(next) === JSON.stringify(view)) return;
    if (isSettledJobStatus(view.status) && !isSettled(job)) done = null;
    view = next;
    settle();
    for (const { run } of subscribers) {
      // An earlier subscriber may have brought a newer view, which all have been told.
      if (view !== next) return;
      try {
        run(next);
      } catch (error) {
        // Reported as unhandled: the fault of one subscriber must not end the stream that carries all of them.
        void Promise.reject(error);
      }
    }
  };

  const settle = (): void => {
    if (!done || !isSettled(job)) return;
    const { status, output, error } = state();
    if (status === "completed") done.resolve(output as Output);
    else {
      const code = status.toUpperCase() as JobFailedCode;
      done.reject(fail(job.refusal ?? { code, message: error ?? `The job is ${status.replace("_", " ")}.` }));
    }
    releaseUnused();
  };

  const watch = (): void => {
    if (isUsed && job.id) {
      job = joinWatch(jobs, job);
      job.listeners.add(update);
      watchesChanged();
    }
    update();
  };

  const use = (): void => {
    if (!isLive) return;
    isUsed = true;
    watch();
    releaseUnused();
  };

  const releaseUnused = (): void => {
    cancelRelease();
    cancelRelease = after(UNUSED_MS, () => release());
  };

  const release = (isForced = false): void => {
    if (!isUsed || (!isForced && (subscribers.size || (done && !isSettled(job))))) return;
    isUsed = false;
    job.listeners.delete(update);
    watchesChanged();
    update();
  };

  const begin = async (path: string, json: string): Promise<void> => {
    const answer = await untilAnswered<RpcData>(path, json, () => {
      startStatus = "offline";
      update();
    });
    if (answer.success) job.id = answer.data.jobId;
    else refuse(job, answer.error);
    watch();
  };

  const command = async (verb: "cancel" | "retry"): Promise<void> => {
    use();
    await started;
    const { refusal } = job;
    if (!job.id && refusal) throw fail(refusal);
    const answer = await untilAnswered<JobSnapshot>(`/jobs/${job.id}/${verb}`, "{}");
    if (!answer.success) throw fail(answer.error);
    use();
    receive(answer.data);
  };

  if (id && !UUID.test(id)) {
    // Not asked for, since one such id would fail the request that asks for all the others, too.
    refuse(job, { code: "BAD_REQUEST", message: `${id} is no job id.` });
    job.id = "";
  }
  let view = look();
  // Without a page a job is never started, and what waits for its id waits for ever.
  const started = isLive && start ? begin(...start) : new Promise<void>((resolve) => id && resolve());
  use();

  return {
    get: () => view,
    subscribe: (run) => {
      use();
      const subscriber = { run };
      subscribers.add(subscriber);
      run(view);
      return () => {
        if (subscribers.delete(subscriber)) release();
      };
    },
    unsubscribe: () => {
      release(true);
      subscribers.clear();
    },
    cancel: () => command("cancel"),
    retry: () => command("retry"),
    get done() {
      if (!done) {
        done = Promise.withResolvers();
        use();
        settle();
      }
      return done.promise;
    },
  };
}
