import { v7 as uuidv7 } from "uuid";
import type {
  CancelResult,
  ClaimedJob,
  JobRecord,
  JobStateRecord,
  KeyClaim,
  KeyHold,
  NewJob,
  RetryResult,
  RunUpdate,
  RunUpdateResult,
  Store,
} from "@forge-jobs/core";
import { registerWorker } from "./one-worker.ts";

// The verbs take and return lists; most cases are about a single job.

let made = 0;

/** A job that is due at once. Its type is one that no other job has, unless the case says otherwise. */
export function newJob(overrides: Partial<NewJob> = {}): NewJob {
  return {
    id: uuidv7(),
    type: `type_${++made}`,
    queue: "default",
    priority: "normal",
    input: "{}",
    owner: null,
    maxAttempts: 3,
    due: { delayMs: 0 },
    overrides: null,
    keys: [],
    ...overrides,
  };
}

/** A key that is held while its job is unfinished, unless the case says otherwise. */
export function keyClaim(key: string, hold: KeyHold = { kind: "job", afterCompletionMs: 0 }): KeyClaim {
  return { scope: "scope", key, hold };
}

export async function insertJob(store: Store, overrides: Partial<NewJob> = {}): Promise<NewJob> {
  const job = newJob(overrides);
  await store.jobs.insert({ jobs: [job] });
  return job;
}

/** Inserts a job that wants keys, and answers the id it got: its own, or the holder's. */
export async function insertKeyed(store: Store, keys: readonly KeyClaim[]): Promise<{ id: string; created: boolean }> {
  return only(await store.jobs.insert({ jobs: [newJob({ keys })] }));
}

/** Claims the one job of this type, for a new worker unless the case names one. */
export async function claimJob(
  store: Store,
  { type, queue = "default" }: { type: string; queue?: string },
  workerId?: string,
): Promise<ClaimedJob> {
  return only(await claimJobs(store, { types: [type], queue, limit: 1, workerId }));
}

export async function claimJobs(
  store: Store,
  claim: {
    types: readonly string[];
    queue?: string;
    limit?: number;
    oldestFirst?: boolean;
    workerId?: string | undefined;
  },
): Promise<ClaimedJob[]> {
  const { types, queue = "default", limit = 100, oldestFirst = false } = claim;
  const workerId = claim.workerId ?? (await registerWorker(store));
  return store.jobs.claim({ workerId, queue, types, limit, oldestFirst });
}

/** An update that says nothing besides what is given. */
export function runUpdate(run: { id: string; claimNo: number }, says: Partial<RunUpdate> = {}): RunUpdate {
  return {
    started: false,
    progress: undefined,
    message: undefined,
    outcome: null,
    ...says,
    id: run.id,
    claimNo: run.claimNo,
  };
}

export async function updateJob(
  store: Store,
  run: { id: string; claimNo: number },
  says: Partial<RunUpdate> = {},
): Promise<RunUpdateResult> {
  return only(await store.jobs.update({ updates: [runUpdate(run, says)] }));
}

export async function cancelJob(store: Store, id: string, reason = "cancelled by a test"): Promise<CancelResult> {
  return only(await store.jobs.cancel({ ids: [id], reason }));
}

export async function retryJob(store: Store, id: string): Promise<RetryResult> {
  return only(await store.jobs.retry({ ids: [id] }));
}

export async function readJob(store: Store, id: string): Promise<JobRecord> {
  return only(await store.jobs.get({ ids: [id] }));
}

export async function readState(store: Store, id: string): Promise<JobStateRecord> {
  return only(await store.jobs.states({ ids: [id] }));
}

/** The one entry of a list that must hold exactly one. */
export function only<T>(list: readonly T[]): T {
  if (list.length !== 1) throw new Error(`Expected one entry, got ${list.length}: ${JSON.stringify(list)}`);
  return list[0]!;
}
