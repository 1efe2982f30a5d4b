import { isSettledJobStatus, LIMITS } from "@forge-jobs/protocol";
import { setTimeout as sleep } from "node:timers/promises";
import { ForgeError, shown } from "../errors.ts";
import { checkId, newId } from "../id.ts";
import { actor } from "../act-options.ts";
import { checkText, refuseUnknownOptions } from "../options.ts";
import type { RunStateRecord, Store } from "../store.ts";
import { clipText, serialiseInput } from "../values.ts";
import { listRuns, type WorkflowListOptions, type WorkflowPage } from "./list-runs.ts";
import { checkStepName } from "./step-names.ts";
import { type WorkflowRun, workflowRunOf } from "./workflow-run.ts";

/** What can be done with runs that exist. */
export interface Workflows {
  /** Reads a run with its recorded steps; null for an unknown id. */
  get<Input = unknown, Output = unknown>(id: string): Promise<WorkflowRun<Input, Output> | null>;
  /**
   * Reads a page of runs, newest first; `cursor` is null on the last page.
   *
   * `blocked: true` finds those that go no further without a person: one that is being undone and whose code no longer offers
   * how, and one that is due while no worker has its workflow in its version, or serves its queue. Each says so in its
   * `blocked`; of one that no worker has, only this verb says it. Throws `BAD_REQUEST`.
   */
  list(options?: WorkflowListOptions): Promise<WorkflowPage>;
  /** Resolves with the run once it has ended, in whatever way. Throws `NOT_FOUND`. */
  wait(id: string, options?: { signal?: AbortSignal }): Promise<WorkflowRun>;
  /**
   * Ends a run as cancelled, its unfinished children with it; nothing is undone. One that has ended is left alone. Default
   * reason: `"cancelled by user"`. Throws `NOT_FOUND`.
   *
   * With `compensate: true` what it did is undone first: it ends as `compensated`, its error the reason, or as `failed` where an
   * undo ran out of attempts. A step that is under way ends before that. One that sleeps and has done nothing that could be
   * undone is cancelled; one whose cancellation is under way stays that.
   */
  cancel(id: string, options?: { reason?: string; by?: string; compensate?: boolean }): Promise<void>;
  /**
   * Records that a step of a run is completed with this result, so that the run goes on as if the step had returned it: for
   * one that cannot be done, or was done by hand. It may be under way, wait for its next attempt, or not have begun; `~name`
   * is the undoing of `name`. A worker that is at it has its own result put aside.
   *
   * Throws `NOT_FOUND`; `CONFLICT` for a step that has ended and for a run that has; `INVALID_ARGS` or `TOO_LARGE` for a result
   * that cannot be kept.
   */
  skipStep(id: string, name: string, result?: unknown, options?: { by?: string }): Promise<void>;
  /**
   * Gives a run a signal, which a `waitForEvent` of the name hands out, now or later. A repeated `signalId` is one signal.
   *
   * Throws `NOT_FOUND`, `CONFLICT` for a run that has ended, `INVALID_ARGS` or `TOO_LARGE` for a payload it cannot take.
   */
  signal(id: string, name: string, payload?: unknown, options?: { signalId?: string; by?: string }): Promise<void>;
  /** Reads what the live path shows; unknown ids and those of jobs are left out. For adapters. */
  states(ids: readonly string[]): Promise<RunStateRecord[]>;
}

const WAIT_POLL_MS = 1_000;

/** The verbs over runs; `onCancelled` tells the worker of this process, so that it need not wait for a hint. */
export function createWorkflows(store: Store, onCancelled: (id: string) => void): Workflows {
  const get = async (id: string): Promise<WorkflowRun | null> => {
    const [record] = await store.workflows.get({ ids: [checkId(id, "A run's id")] });
    return record === undefined ? null : workflowRunOf(record);
  };

  return {
    get: get as Workflows["get"],
    list: (options = {}) => listRuns(store, options),
    wait: async (id, options = {}) => {
      refuseUnknownOptions("workflows.wait", options, ["signal"]);
      const runId = checkId(id, "A run's id");
      let moved = Promise.withResolvers<void>();
      const wake = (): void => moved.resolve();
      const unsubscribe = store.changes.subscribe({
        onAvailable: () => {},
        onMoved: (hints) => {
          if (hints === "any" || hints.some((hint) => hint.id === runId)) wake();
        },
        onLive: () => {},
      });
      options.signal?.addEventListener("abort", wake, { once: true });
      try {
        for (;;) {
          options.signal?.throwIfAborted();
          // Before the read: a change between it and the wait must not be missed.
          moved = Promise.withResolvers();
          const [state] = await store.jobs.states({ ids: [runId] });
          if (state === undefined) throw unknownRun(runId);
          if (isSettledJobStatus(state.status)) return (await get(runId)) as WorkflowRun;
          const poll = new AbortController();
          await Promise.race([moved.promise, sleep(WAIT_POLL_MS, undefined, { signal: poll.signal }).catch(() => {})]);
          poll.abort();
        }
      } finally {
        unsubscribe();
        options.signal?.removeEventListener("abort", wake);
      }
    },
    cancel: async (id, options = {}) => {
      refuseUnknownOptions("workflows.cancel", options, ["reason", "by", "compensate"]);
      const runId = checkId(id, "A run's id");
      const reason = clipText(options.reason ?? "cancelled by user", LIMITS.errorBytes);
      const { compensate = false } = options;
      if (typeof compensate !== "boolean") {
        throw new ForgeError("BAD_REQUEST", `compensate must be true or false; got ${shown(compensate)}.`);
      }
      if (compensate) return cancelAndUndo(store, runId, reason, options.by);
      const [result] = await store.jobs.cancel({ ids: [runId], reason, ...actor(options.by) });
      if (result === "not_found") throw unknownRun(runId);
      if (result !== "settled") onCancelled(runId);
    },
    skipStep: async (id, name, value, options = {}) => {
      refuseUnknownOptions("workflows.skipStep", options, ["by"]);
      const runId = checkId(id, "A run's id");
      const key = checkText("The name of a step", name);
      const output = value === undefined ? null : serialiseInput(value, "The result");
      const result = await store.workflows.skip({ id: runId, key, output, ...actor(options.by) });
      if (result === "not_found") throw unknownRun(runId);
      if (result === "settled")
        throw new ForgeError("CONFLICT", `Run ${runId} has ended; no step of it can be skipped.`);
      if (result === "ended") {
        throw new ForgeError(
          "CONFLICT",
          `Step ${JSON.stringify(key)} of run ${runId} has ended; what it recorded stands.`,
        );
      }
    },
    signal: async (id, name, payload, options = {}) => {
      refuseUnknownOptions("workflows.signal", options, ["signalId", "by"]);
      const signal = {
        runId: checkId(id, "A run's id"),
        name: checkStepName(name, "The name of a signal"),
        signalId: options.signalId === undefined ? newId() : checkText("signalId", options.signalId),
        payload: serialiseInput(payload, "The payload"),
        ...actor(options.by),
      };
      const [result] = await store.workflows.signal({ signals: [signal] });
      if (result === "not_found") throw unknownRun(signal.runId);
      if (result === "settled") {
        throw new ForgeError("CONFLICT", `Run ${signal.runId} has ended; no signal reaches it any more.`);
      }
    },
    states: async (ids) => store.workflows.states({ ids: ids.map((id) => checkId(id, "A run's id")) }),
  };
}

async function cancelAndUndo(store: Store, id: string, reason: string, by: string | undefined): Promise<void> {
  const why = { error: reason, errorName: null, publicError: reason };
  const result = await store.workflows.turn({ id, why, ...actor(by) });
  if (result === "not_found") throw unknownRun(id);
  if (result !== "turned") return;
  // What it has under way elsewhere is not waited for any more.
  const [run] = await store.workflows.get({ ids: [id] });
  const children = run?.steps.flatMap(({ childId }) => childId ?? []) ?? [];
  const found = children.length === 0 ? [] : await store.jobs.get({ ids: children });
  const ids = found.flatMap((child) => (child.parentId === id && !isSettledJobStatus(child.status) ? [child.id] : []));
  if (ids.length > 0) await store.jobs.cancel({ ids, reason, ...actor(by) });
}

function unknownRun(id: string): ForgeError {
  return new ForgeError("NOT_FOUND", `There is no run ${id} of a workflow.`, { details: { id } });
}
