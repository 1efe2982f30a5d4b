import type { Jsonify, JobState, Snapshot, WireResult, WorkflowState } from "@forge-jobs/protocol";
import { createBackoff } from "./backoff.ts";
import type { ClientCore } from "./client-core.ts";
import { createConnection } from "./connection.ts";
import { type Effects, runtimeEffects } from "./effects.ts";
import { createHttp } from "./http.ts";
import { createJobStore, type JobStore } from "./job-store.ts";
import type { ForgeClientOptions } from "./options.ts";
import { createPauses } from "./pauses.ts";
import type { StoreContext, StoreOrigin } from "./store.ts";
import { type AllWatched, receiveSnapshot } from "./watched.ts";
import { createWorkflowStore, type WorkflowStore } from "./workflow-store.ts";

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

/** How a workflow is started. */
export type CreateWorkflowStoreOptions = CreateJobStoreOptions;

/** How a store attaches to a run of a workflow. */
export interface WorkflowStoreOptions<Output = unknown> {
  /** As for a job. */
  readonly initial?: WorkflowState<Output> | null | undefined;
}

/**
 * A connection to one gateway, and the stores on it.
 *
 * It connects when the first job or run is watched, and closes 5 s after the last.
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
  /** Starts a run of a workflow, in its newest version; otherwise as `createJobStore`. */
  readonly createWorkflowStore: <Args, Output>(
    type: string,
    args: Args,
    options?: CreateWorkflowStoreOptions,
  ) => WorkflowStore<Jsonify<Output>>;
  /** Attaches to a run of a workflow by its id; otherwise as `jobStore`. */
  readonly workflowStore: <Output>(
    id: string,
    options?: WorkflowStoreOptions<Jsonify<Output>>,
  ) => WorkflowStore<Jsonify<Output>>;
  /** Ends the connection for good; its stores are `closed`. */
  readonly close: () => void;
}

/** A client whose options may change while it works, with the effects it has on the world. */
export function createClient(options: () => ForgeClientOptions, effects: Effects): ForgeClient {
  const { after, page, random, uuid } = effects;
  const http = createHttp(options, effects);
  const pauses = createPauses(after);
  const all: AllWatched = new Map();
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
    receiveSnapshot(all, snapshot, async (id) => {
      const answer = await untilAnswered<Snapshot>(`/${"jobId" in snapshot ? "jobs" : "workflows"}/${id}`, null);
      if (answer.success) receive(answer.data);
    });

  const core: ClientCore = { ...effects, ...http, ...pauses, all, receive, untilAnswered };
  const connection = createConnection(core);
  const context: StoreContext = {
    ...core,
    ...connection,
    // Later in this turn, so that all the stores which a page makes at once go into one request.
    watchesChanged: () => queueMicrotask(connection.watchesChanged),
  };

  const started = (
    type: string,
    args: unknown,
    { start = page !== null }: CreateJobStoreOptions = {},
  ): StoreOrigin => ({
    id: "",
    initial: null,
    isLive: start,
    start: [`/rpc/${encodeURIComponent(type)}`, JSON.stringify({ args, requestId: uuid() })],
  });

  const attached = (id: string, { initial = null }: JobStoreOptions | WorkflowStoreOptions = {}): StoreOrigin => ({
    id,
    initial,
    isLive: page !== null,
    start: null,
  });

  return {
    createJobStore: (...how) => createJobStore(context, started(...how)),
    jobStore: (...how) => createJobStore(context, attached(...how)),
    createWorkflowStore: (...how) => createWorkflowStore(context, started(...how)),
    workflowStore: (...how) => createWorkflowStore(context, attached(...how)),
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
