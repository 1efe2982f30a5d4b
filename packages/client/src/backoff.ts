import { FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS } from "./times.ts";

/** Gives the milliseconds to wait before the next attempt. */
export type Backoff = () => number;

/**
 * Full-jitter backoff: each delay is drawn evenly from 0 up to a ceiling that doubles from 0.5 s to 30 s, so that the
 * pages a restart has cut off do not come back in step. It never gives up; to begin again at the shortest, make a new one.
 */
export function createBackoff(random: () => number): Backoff {
  let attempt = 0;
  return () => random() * Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempt++);
}
