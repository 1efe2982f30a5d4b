import type { JobState, RpcData, Snapshot, WorkflowState } from "@forge-jobs/protocol";
import type { ClientCore } from "./client-core.ts";
import { UNUSED_MS } from "./times.ts";
import type { ConnectionStatus } from "./view.ts";
import { createWatched, isEnd, joinWatch, refuse, type Watched } from "./watched.ts";

/**
 * A job or a run of a workflow as a value that changes: a store by Svelte's contract, and a snapshot source for React.
 *
 * It emits when a field of the view has changed and never otherwise. The emission that settles it says
 * `connection: "closed"`; after it nothing is emitted unless what it is on changes again: someone retries a job, or it moves
 * from `failed` to `dead_letter`. All members are bound.
 */
export interface Store<View, Output> {
  /**
   * Calls `run` now and at every change; returns what ends that. The first subscriber attaches the store to the gateway;
   * when the last one has left and nobody waits for `done`, it lets go.
   */
  readonly subscribe: (run: (view: View) => void) => () => void;
  /** The view now; the same reference until a field changes. */
  readonly get: () => View;
  /** Lets go, tells the subscribers `closed` and drops them. A later subscribe attaches again. */
  readonly unsubscribe: () => void;
  /**
   * Asks for cancellation once the id is known, and repeats that until it is answered. Rejects with `JobFailed`, of a run with
   * `WorkflowFailed`, when the gateway refuses.
   */
  readonly cancel: () => Promise<void>;
  /**
   * Resolves with the output at completion; rejects with `JobFailed`, of a run with `WorkflowFailed`, when it ends otherwise or
   * is refused. Made at the first read, so that nobody's unread rejection ends a process. Stays pending on a server. Once a job
   * has been retried, the next read gives a new promise.
   */
  readonly done: Promise<Output>;
}

/** What a store works with. */
export interface StoreContext extends ClientCore {
  readonly statusOf: (watched: Watched) => ConnectionStatus;
  /** Hears that this store has begun or ended a watch. */
  readonly watchesChanged: () => void;
}

/** What a store is on. */
export interface StoreOrigin {
  /** "" where it is to be started. */
  readonly id: string;
  readonly initial: JobState | WorkflowState | null;
  /** False where there is no page: the store shows what it was given and reaches for nothing. */
  readonly isLive: boolean;
  /** Path and body of the request that starts it. */
  readonly start: readonly [path: string, json: string] | null;
}

/** What tells stores of jobs and of runs apart. */
export interface Kind<State> {
  readonly noun: "job" | "workflow";
  /** The field that holds the id, and that of the other kind. */
  readonly idField: "jobId" | "workflowId";
  readonly otherField: "jobId" | "workflowId";
  /** What is shown while nothing is known; only its fields are shown later. */
  readonly blank: State;
  readonly Failed: new (code: never, message: string, state: State) => Error;
}

/** Sends a request about what a store is on, and shows the answer: the path after its own, and the body. */
export type Command = (verb: string, json?: string) => Promise<void>;

/** The shown fields that every kind has. */
interface Shown {
  readonly status: string;
  readonly output: unknown;
  readonly error: string | null;
  readonly loading: boolean;
  readonly connection: ConnectionStatus;
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/**
 * Creates the store of one job or run, and what its further verbs send with.
 *
 * Modes:
 * - inert: there is no page. Never left.
 * - starting: the id is not known yet. Left when the gateway answers.
 * - attached: it watches. Left when it is released; entered again by `subscribe`, `done` and every command.
 * - released: by `unsubscribe`; and where neither a subscriber nor an unsettled `done` holds it, as the last subscriber
 *   leaves or 5 s after it was used otherwise. Shows what it knew, `closed`.
 */
export function createStore<State extends Pick<Shown, "status" | "output" | "error">, View extends Shown, Output>(
  { after, all, receive, statusOf, untilAnswered, watchesChanged }: StoreContext,
  { id, initial, isLive, start }: StoreOrigin,
  { noun, idField, otherField, blank, Failed }: Kind<State>,
): readonly [store: Store<View, Output>, command: Command] {
  const subscribers = new Set<{ readonly run: (view: View) => void }>();
  let watched = createWatched(id.toLowerCase(), initial);
  let startStatus: ConnectionStatus = "connecting";
  let done: PromiseWithResolvers<Output> | null = null;
  let isUsed = isLive;
  let cancelRelease = (): void => {};

  const state = (): State => {
    const shown = { ...blank } as Record<string, unknown>;
    const { state: known } = watched;
    // The id of the other kind, or nothing at all under this one.
    const from: object = known?.[otherField] ? { status: "not_found" } : { ...known };
    for (const field in blank) shown[field] = (from as Record<string, unknown>)[field] ?? blank[field];
    shown[idField] = watched.id || id;
    return shown as State;
  };

  const look = (): View => {
    const shown = state();
    let connection = watched.listeners.has(update) ? statusOf(watched) : startStatus;
    if (isEnd(shown.status) || (isLive && !isUsed)) connection = "closed";
    return { ...shown, loading: !watched.state, connection } as unknown as View;
  };

  const fail = (code: string, message: string): Error => new Failed(code as never, message, state());

  const update = (): void => {
    const next = look();
    // By their text, so that an output which arrives again is no change.
    if (JSON.stringify(next) === JSON.stringify(view)) return;
    if (isEnd(view.status) && !isEnd(next.status)) done = null;
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
    const { status, output, error } = view;
    if (!done || !isEnd(status)) return;
    const { refusal } = watched;
    if (status === "completed") done.resolve(output as Output);
    else if (refusal) done.reject(fail(refusal.code, refusal.message));
    else done.reject(fail(status.toUpperCase(), error ?? `The ${noun} is ${status.replace("_", " ")}.`));
    releaseUnused();
  };

  const watch = (): void => {
    if (isUsed && watched.id) {
      watched = joinWatch(all, watched);
      watched.listeners.add(update);
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
    if (!isUsed || (!isForced && (subscribers.size || (done && !isEnd(view.status))))) return;
    isUsed = false;
    watched.listeners.delete(update);
    watchesChanged();
    update();
  };

  const begin = async (path: string, json: string): Promise<void> => {
    const answer = await untilAnswered<RpcData>(path, json, () => {
      startStatus = "offline";
      update();
    });
    if (answer.success) [watched.id] = Object.values(answer.data) as [string];
    else refuse(watched, answer.error);
    watch();
  };

  const command: Command = async (verb, json = "{}") => {
    use();
    await started;
    const { refusal } = watched;
    if (!watched.id && refusal) throw fail(refusal.code, refusal.message);
    const answer = await untilAnswered<Snapshot>(`/${noun}s/${watched.id}/${verb}`, json);
    if (!answer.success) throw fail(answer.error.code, answer.error.message);
    use();
    receive(answer.data);
  };

  if (id && !UUID.test(id)) {
    // Not asked for, since one such id would fail the request that asks for all the others, too.
    refuse(watched, { code: "BAD_REQUEST", message: `${id} is no ${noun} id.` });
    watched.id = "";
  }
  let view = look();
  // Without a page nothing is ever started, and what waits for its id waits for ever.
  const started = isLive && start ? begin(...start) : new Promise<void>((resolve) => id && resolve());
  use();

  return [
    {
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
      get done() {
        if (!done) {
          done = Promise.withResolvers();
          use();
          settle();
        }
        return done.promise;
      },
    },
    command,
  ];
}
