import { setTimeout as sleep } from "node:timers/promises";

/** How many rows' worth of the demo's pace a step takes. */
const ROWS = 20;

/** Holds a step to the demo's pace, so that a person can watch it; see `pacer`. Rejects once `signal` has aborted. */
export async function pause(paceMs: number, signal: AbortSignal): Promise<void> {
  if (paceMs > 0) await sleep(paceMs * ROWS, undefined, { signal });
}
