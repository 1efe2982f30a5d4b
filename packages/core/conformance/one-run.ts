import type {
  ClaimedJob,
  NewJob,
  NewSignal,
  RunMemo,
  RunRecord,
  RunUpdateResult,
  SignalResult,
  StepWrite,
  StepWriteResult,
  Store,
  Suspension,
} from "@forge-jobs/core";
import { claimJob, insertJob, newJob, only, updateJob } from "./one-job.ts";
import { registerWorker } from "./one-worker.ts";
import type { World } from "./world.ts";

// The verbs take and return lists; most cases are about a single run of a workflow.

/** A run that a worker has, with its fence. */
export interface HeldRun extends ClaimedJob {
  readonly workerId: string;
}

let made = 0;

/** A run that is due at once, of a workflow that no other run is of. */
export function newRun(overrides: Partial<NewJob> = {}): NewJob {
  return newJob({ type: `flow_${++made}@1`, run: { timeoutMs: null, declared: null }, ...overrides });
}

export async function insertRun(store: Store, overrides: Partial<NewJob> = {}): Promise<NewJob> {
  return insertJob(store, newRun(overrides));
}

/** Claims the run with this type and starts it, for a new worker. */
export async function startRun(store: Store, job: { type: string; queue?: string }): Promise<HeldRun> {
  const workerId = await registerWorker(store);
  const run = await claimJob(store, job, workerId);
  await updateJob(store, run, { started: true });
  return { ...run, workerId };
}

/** A new run, started. */
export async function runningRun(store: Store, overrides: Partial<NewJob> = {}): Promise<HeldRun> {
  return startRun(store, await insertRun(store, overrides));
}

/** A run that was started and sleeps, until an instant or for ever. */
export async function sleepingRun(store: Store, says: Partial<Suspension> = {}): Promise<HeldRun> {
  const run = await runningRun(store);
  await suspendRun(store, run, says);
  return run;
}

/** Puts a run away that has read its wake-ups just now, unless the case says what it has read. */
export async function suspendRun(
  store: Store,
  run: { id: string; claimNo: number },
  says: Partial<Suspension> = {},
): Promise<RunUpdateResult> {
  const wakes = says.wakes ?? (await loadRun(store, run.id)).wakes;
  return updateJob(store, run, { outcome: { kind: "suspended", dueAt: null, waitingFor: null, ...says, wakes } });
}

/** What a run has to say of a step that is under way, unless the case says otherwise. */
export function stepWrite(run: { id: string; claimNo: number }, says: Partial<StepWrite> = {}): StepWrite {
  return {
    key: "a",
    kind: "step",
    status: "running",
    ord: 1,
    seq: null,
    attempt: 1,
    output: null,
    failure: null,
    due: null,
    childId: null,
    hasUndo: false,
    signal: null,
    ...says,
    run: { id: run.id, claimNo: run.claimNo },
  };
}

export async function recordStep(
  store: Store,
  run: { id: string; claimNo: number },
  says: Partial<StepWrite> = {},
): Promise<StepWriteResult> {
  return only(await store.workflows.record({ writes: [stepWrite(run, says)] }));
}

export async function loadRun(store: Store, id: string): Promise<RunMemo> {
  return only(await store.workflows.load({ ids: [id] }));
}

export async function readRun(store: Store, id: string): Promise<RunRecord> {
  return only(await store.workflows.get({ ids: [id] }));
}

let sent = 0;

/** A signal that is none of those before. */
export function newSignal(runId: string, says: Partial<NewSignal> = {}): NewSignal {
  return { runId, name: "paid", signalId: `signal ${++sent}`, payload: "{}", ...says };
}

export async function sendSignal(store: Store, runId: string, says: Partial<NewSignal> = {}): Promise<SignalResult> {
  return only(await store.workflows.signal({ signals: [newSignal(runId, says)] }));
}

/** A child of a run, dispatched and noted in the step that waits for it. */
export async function childOf(
  store: Store,
  parent: { id: string; claimNo: number },
  overrides: Partial<NewJob> = {},
): Promise<NewJob> {
  const job = newJob(overrides);
  const { id, claimNo } = parent;
  await store.children.dispatch({ calls: [{ parent: { id, claimNo }, key: job.id, job }] });
  await recordStep(store, parent, { key: job.id, kind: "job", childId: job.id });
  return job;
}

/** A run that was started, signalled, and has recorded a step. */
export async function busyRun(store: Store, overrides: Partial<NewJob> = {}): Promise<HeldRun> {
  const run = await runningRun(store, overrides);
  await sendSignal(store, run.id);
  await recordStep(store, run);
  return run;
}

/** How many rows the tables hold that only runs have rows in. */
export async function keptOf({ rows }: World): Promise<Record<"runs" | "steps" | "signals", number>> {
  const count = async (table: string): Promise<number> =>
    Number(only(await rows(`SELECT count(*) AS n FROM forge_${table}`))["n"]);
  return { runs: await count("runs"), steps: await count("steps"), signals: await count("signals") };
}
