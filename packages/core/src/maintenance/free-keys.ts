import type { SweepVerbs } from "../store.ts";

const BATCH = 1_000;

/** Frees jobs that wait for a concurrency key from it, where the definitions that this process goes by have none any more. */
export async function freeKeys(
  sweeps: Pick<SweepVerbs, "unkeyed">,
  lanes: readonly { readonly queue: string; readonly type: string }[],
  isStopping: () => boolean,
): Promise<void> {
  if (lanes.length === 0) return;
  while (!isStopping() && (await sweeps.unkeyed({ lanes, limit: BATCH })) >= BATCH);
}
