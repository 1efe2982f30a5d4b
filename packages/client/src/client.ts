import type { Jsonify, JobSnapshot, JobState, Snapshot, WireResult } from "@forge-jobs/protocol";
import { createBackoff } from "./backoff.ts";
import type { ClientCore } from "./client-core.ts";
import { createConnection } from "./connection.ts";
import { type Effects, runtimeEffects } from "./effects.ts";
import { createHttp } from "./http.ts";
import { createStore, type JobStore, type StoreContext } from "./job-store.ts";
import type { ForgeClientOptions } from "./options.ts";
import { createPauses } from "./pauses.ts";
import { receiveSnapshot, type WatchedJobs } from "./watched-job.ts";

/** How a job is started. */
export interface CreateJobStoreOptions {
  /** Whether to start where there is no `document`, too: in a script or a test. Default: only in a page. */
  readonly start?: boolean;
}

/** How a store attaches to a job. */
export interface JobStoreOptions<Output = unknown> {
  /** The state the page was rendered with; the store shows it at once and is not `loading`. Default: none. */
  readonly initial?: JobState<Output> | null | undefined;
}

/**
 * A connection to one gateway, and the stores on it.
 *
 * It connects when the first job is watched, and closes 5 s after the last.
 */
export interface ForgeClient {
  /**
   * Starts a job and returns its store at once; on a server nothing starts. `Args` and `Output` are the job's input and
   * output as its definition types them; what arrives is their JSON. Throws a `TypeError` where `args` are no JSON.
   */
  readonly createJobStore: <Args, Output>(
    type: string,
    args: Args,
    options?: CreateJobStoreOptions,
  ) => JobStore<Jsonify<Output>>;
  /** Attaches to a job by its id. What is no UUID is `failed` without a request. */
  readonly jobStore: <Output>(id: string, options?: JobStoreOptions<Jsonify<Output>>) => JobStore<Jsonify<Output>>;
  /** Ends the connection for good; its stores are `closed`. */
  readonly close: () => void;
}

/** A client whose options may change while it works, with the effects it has on the world. */
export function createClient(options: () => ForgeClientOptions, effects: Effects): ForgeClient {
  const { after, page, random, uuid } = effects;
  const http = createHttp(options, effects);
  const pauses = createPauses(after);
  const jobs: WatchedJobs = new Map();
  let hasEnded = false;

  const untilAnswered: ClientCore["untilAnswered"] = async <Data>(
    path: string,
    json: string | null,
    onUnreachable?: () => void,
  ): Promise<WireResult<Data>> => {
    const nextDelay = createBackoff(random);
    for (;;) {
      const answer = await http.call<Data>(path, json);
      if (answer.success || answer.error.code !== "UNAVAILABLE") return answer;
      onUnreachable?.();
      await pauses.pause(nextDelay() + (answer.error.retryAfterMs ?? 0));
      if (hasEnded) return answer;
    }
  };

  const receive = (snapshot: Snapshot): void =>
    receiveSnapshot(jobs, snapshot, async (id) => {
      const answer = await untilAnswered<JobSnapshot>(`/jobs/${id}`, null);
      if (answer.success) receive(answer.data);
    });

  const core: ClientCore = { ...effects, ...http, ...pauses, jobs, receive, untilAnswered };
  const connection = createConnection(core);
  const context: StoreContext = {
    ...core,
    ...connection,
    // Later in this turn, so that all the stores which a page makes at once go into one request.
    watchesChanged: () => queueMicrotask(connection.watchesChanged),
  };

  return {
    createJobStore: <Args, Output>(type: string, args: Args, { start = page !== null }: CreateJobStoreOptions = {}) =>
      createStore<Jsonify<Output>>(context, {
        id: "",
        initial: null,
        isLive: start,
        start: [`/rpc/${encodeURIComponent(type)}`, JSON.stringify({ args, requestId: uuid() })],
      }),
    jobStore: <Output>(id: string, { initial = null }: JobStoreOptions<Jsonify<Output>> = {}) =>
      createStore<Jsonify<Output>>(context, { id, initial, isLive: page !== null, start: null }),
    close: () => {
      hasEnded = true;
      connection.end();
    },
  };
}

/** Creates a client beside the page's own, for a page that speaks with more than one gateway. */
export function createForgeClient(options: ForgeClientOptions = {}): ForgeClient {
  return createClient(() => options, runtimeEffects());
}
