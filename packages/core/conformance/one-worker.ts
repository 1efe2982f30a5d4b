import { randomUUID } from "node:crypto";
import type { HeldRow, ProcessIdentity, RunError, Store, WorkerRecord } from "@forge-jobs/core";

/** Beyond every clock that a case moves, where the case is not about leases. */
const DAY_MS = 24 * 3_600_000;

/** The lease of cases that are about leases. */
export const LEASE_MS = 30_000;

export const DEATH: RunError = { error: "the worker died: lease ended", publicError: "The job's worker died" };

export const MAX_DEATHS = 3;

export function processIdentity(overrides: Partial<ProcessIdentity> = {}): ProcessIdentity {
  return { host: "host-a", bootId: "boot-1", pidNamespace: "pid:[1]", pid: 4711, processStart: "12345", ...overrides };
}

export async function registerWorker(store: Store, leaseMs: number = DAY_MS): Promise<string> {
  const workerId = randomUUID();
  await store.workers.register({ workerId, leaseMs, process: processIdentity() });
  return workerId;
}

/** What the list of workers says of this one; undefined once it is retired. */
export async function readWorker(store: Store, workerId: string): Promise<WorkerRecord | undefined> {
  return (await store.workers.list()).find(({ id }) => id === workerId);
}

export function rescueWorker(
  store: Store,
  workerId: string,
  because: "lease" | "gone" = "gone",
): Promise<string[] | null> {
  return store.workers.rescue({ workerId, because, maxDeaths: MAX_DEATHS, death: DEATH });
}

/** The rows that the table marks as this worker's. */
export async function heldRows(store: Store, workerId: string, leaseMs: number = LEASE_MS): Promise<HeldRow[]> {
  return (await store.workers.beat({ workerId, leaseMs })).rows;
}
