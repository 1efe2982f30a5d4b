import { createForge, defineJob, type Forge, type JobDefinition } from "@forge-jobs/core";
import { once } from "node:events";
import { gate, silent } from "../../support/world.ts";
import { note, type Place, settled, storeAt } from "../place.ts";
import type { Countdown } from "../statements.ts";

/** A parent, a child that waits for its own, that one, and a child that has not begun. */
export const JOBS = 4;

/** Jobs that wait for each other in the only slot; `onLeaf` is what the innermost do. */
export function tree(
  place: Place,
  onLeaf: (signal: AbortSignal) => Promise<void>,
): { forge: Forge; top: JobDefinition } {
  const leaf = defineJob("leaf", { run: (ctx) => onLeaf(ctx.signal) });
  const branch = defineJob("branch", {
    run: async (ctx) => void (await ctx.waitForJobs([await ctx.dispatchChild(leaf, {})])),
  });
  const top = defineJob("top", {
    run: async (ctx) => {
      const first = await ctx.dispatchChild(branch, {});
      const second = await ctx.dispatchChild(leaf, {}, { priority: "low" });
      await ctx.waitForJobs([first, second]);
    },
  });
  const worker = { queues: { default: 1 } };
  return { forge: createForge({ store: storeAt(place), jobs: [top, branch, leaf], worker, logger: silent }), top };
}

/** From the cancellation of the parent until all have ended. */
export async function live(place: Place, { beginWhenCalm }: Countdown): Promise<void> {
  const running = gate();
  const { forge, top } = tree(place, async (signal) => {
    running.open();
    await once(signal, "abort");
    throw signal.reason;
  });
  await forge.start();
  const id = await forge.dispatch(top, {});
  await running.opened;
  await beginWhenCalm();
  await forge.jobs.cancel(id, { reason: "changed my mind", by: "ada" });
  note(place, "cancelled");
  await settled(place, JOBS);
  await forge.stop();
}
