import { setTimeout as sleep } from "node:timers/promises";
import { ForgeError } from "../errors.ts";

const LONGEST_PAUSE_MS = 2_000;

/** Asks the store until it answers; null once the signal has aborted. Throws what is no outage. */
export async function firmly<T>(
  ask: () => Promise<T>,
  { signal, random }: { readonly signal: AbortSignal; readonly random: () => number },
): Promise<T | null> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ForgeError) || error.code !== "UNAVAILABLE") throw error;
      const pauseMs = Math.min(50 * 2 ** failures, LONGEST_PAUSE_MS) * (0.5 + random());
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
  }
  return null;
}
