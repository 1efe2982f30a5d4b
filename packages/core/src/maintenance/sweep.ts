import type { SweepVerbs } from "../store.ts";

/** How long a failed job waits for a person before it becomes `dead_letter`. */
const DEAD_LETTER_AFTER_MS = 60 * 60_000;

const BATCH = 1_000;

/**
 * Moves what has been failed for long enough to `dead_letter`, and forgets request keys that have run out and places of
 * rate limits that nobody took.
 */
export async function sweepEnded(sweeps: SweepVerbs, isStopping: () => boolean): Promise<void> {
  const all = async (batch: () => Promise<number>): Promise<void> => {
    while (!isStopping() && (await batch()) === BATCH);
  };
  await all(() => sweeps.deadLetter({ afterMs: DEAD_LETTER_AFTER_MS, limit: BATCH }));
  await all(() => sweeps.expiredKeys({ limit: BATCH }));
  await all(() => sweeps.ratePlaces({ limit: BATCH }));
}
