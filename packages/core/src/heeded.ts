import { setTimeout as sleep } from "node:timers/promises";
import type { Store, WorkerRecord } from "./store.ts";
import { isGone, thisProcess } from "./worker/process-identity.ts";

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 100;

/**
 * Resolves once every live worker that the order concerns acts by it. One whose lease is over is not waited for: it starts
 * nothing until it has read what is ordered by then. Nor is one of the release before, which knows no orders.
 */
export async function untilHeeded(
  store: Store,
  version: number,
  concerns: (worker: WorkerRecord) => boolean,
): Promise<void> {
  const self = thisProcess();
  const isBehind = (worker: WorkerRecord): boolean =>
    worker.serves !== null &&
    worker.heeded < version &&
    worker.leaseLeftMs > 0 &&
    concerns(worker) &&
    !isGone(worker, self);
  for (let pauseMs = FIRST_PAUSE_MS; (await store.workers.list()).some(isBehind);) {
    await sleep(pauseMs);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
