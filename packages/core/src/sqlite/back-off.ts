import { setTimeout as sleep } from "node:timers/promises";
import { isBusy } from "./sqlite-error.ts";

const FIRST_MS = 1;
/** Short, since a busy neighbour lets the lock go for moments only; a try costs some microseconds. */
const LONGEST_MS = 10;

/** How long one call waits for a lock before it is answered `UNAVAILABLE`. */
export const PATIENCE_MS = 5_000;

/** The next pause before a lock is tried again: doubling up to 10 ms, of random length, so that processes do not keep step. */
export function pauseMs(tries: number): number {
  return (0.5 + Math.random() / 2) * Math.min(LONGEST_MS, FIRST_MS * 2 ** tries);
}

/** Does something now, and again after pauses for as long as a lock is in the way. The event loop goes on meanwhile. */
export async function patiently<T>(work: () => T): Promise<T> {
  const givenUpAt = performance.now() + PATIENCE_MS;
  for (let tries = 0; ; tries++) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > givenUpAt) throw error;
    }
    await sleep(pauseMs(tries));
  }
}
