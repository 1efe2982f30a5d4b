import { createForge, defineJob, type Forge, type JobDefinition } from "@forge-jobs/core";
import { silent } from "../../support/world.ts";
import { note, type Place, settled, storeAt } from "../place.ts";
import type { Countdown } from "../statements.ts";

/** What the parent dispatches, in this order. */
export const PARTS = ["a", "b"];

/** A job that waits for children, in the only slot there is. */
export function family(place: Place, onPart = (): void => {}): { forge: Forge; parent: JobDefinition } {
  const part = defineJob("part", {
    run: (ctx, name: string) => {
      note(place, `part ${ctx.jobId}`);
      onPart();
      return { part: name };
    },
  });
  const parent = defineJob("parent", {
    run: async (ctx) => {
      note(place, "ran");
      const ids = [];
      for (const name of PARTS) ids.push(await ctx.dispatchChild(part, name));
      note(place, "waits");
      const outputs = await ctx.waitForJobs(ids);
      note(place, "went on");
      await ctx.save("outputs", outputs);
      await ctx.save("is done", true);
      return outputs.map((output) => output.part).join(" ");
    },
  });
  const worker = { queues: { default: 1 } };
  return { forge: createForge({ store: storeAt(place), jobs: [parent, part], worker, logger: silent }), parent };
}

/** From the dispatch of the parent until it has ended. */
export async function live(place: Place, { beginWhenCalm }: Countdown): Promise<void> {
  const { forge, parent } = family(place);
  await forge.start();
  await beginWhenCalm();
  await forge.dispatch(parent, {});
  await settled(place, 1 + PARTS.length);
}
