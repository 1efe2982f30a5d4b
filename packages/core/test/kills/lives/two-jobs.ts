import { createForge, defineJob, type Forge, type JobDefinition } from "@forge-jobs/core";
import { silent } from "../../support/world.ts";
import { note, type Place, settled, storeAt } from "../place.ts";
import type { Countdown } from "../statements.ts";

/** A job that completes at its first attempt, having reported and saved something, and one that fails at its first. */
export function twoJobs(place: Place): { forge: Forge; single: JobDefinition; failing: JobDefinition } {
  const single = defineJob("single", {
    run: async (ctx) => {
      note(place, `ran ${ctx.jobId} ${ctx.attempt}`);
      ctx.progress(50, "half");
      await ctx.save("step", 1);
      return { saved: ctx.saved["step"] };
    },
  });
  const failing = defineJob("failing", {
    retry: { baseDelay: "1ms" },
    run: async (ctx) => {
      note(place, `ran ${ctx.jobId} ${ctx.attempt}`);
      await ctx.heartbeat();
      if (ctx.attempt === 1) throw new Error("not yet");
    },
  });
  const forge = createForge({ store: storeAt(place), jobs: [single, failing], logger: silent });
  return { forge, single, failing };
}

/** From the start of the engine to its stop. */
export async function live(place: Place, { begin }: Countdown): Promise<void> {
  begin();
  const { forge, single, failing } = twoJobs(place);
  await forge.start();
  note(place, `dispatched ${await forge.dispatch(single, {})}`);
  for (const id of await forge.dispatchMany(failing, [{}], { idempotencyKey: "once" })) note(place, `dispatched ${id}`);
  await settled(place, 2);
  await forge.stop();
}
