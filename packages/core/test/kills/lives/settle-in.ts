import { createForge, defineJob, type Forge, type JobDefinition } from "@forge-jobs/core";
import { beginIn } from "../../support/users-transaction.ts";
import { silent } from "../../support/world.ts";
import { note, type Place, settled, storeAt } from "../place.ts";
import type { Countdown } from "../statements.ts";

/** A job that completes in a transaction of the application's. */
export function booking(place: Place): { forge: Forge; book: JobDefinition } {
  const book = defineJob("book", {
    run: async (ctx) => {
      note(place, `ran ${ctx.jobId}`);
      const { tx, write, commit } = await beginIn(place.address);
      await write();
      await ctx.settleIn(tx, "booked");
      await commit();
      note(place, `booked ${ctx.jobId}`);
      return "ignored";
    },
  });
  return { forge: createForge({ store: storeAt(place), jobs: [book], logger: silent }), book };
}

/** From the dispatch until the job has ended and its process knows. */
export async function live(place: Place, { beginWhenCalm }: Countdown): Promise<void> {
  const { forge, book } = booking(place);
  await forge.start();
  await beginWhenCalm();
  note(place, `dispatched ${await forge.dispatch(book, {})}`);
  await settled(place, 1);
  await forge.stop();
}
