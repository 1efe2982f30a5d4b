import { createForge, Dead, defineJob, type Forge, type JobDefinition } from "@forge-jobs/core";
import { silent } from "../../support/world.ts";
import { note, type Place, settled, storeAt } from "../place.ts";
import type { Countdown } from "../statements.ts";

/** How many jobs are to be retried; one more has a key that another job holds by now, and one is to be discarded. */
export const BROKEN = 3;

/** Jobs that fail for as long as they are not mended. */
export function clinic(
  place: Place,
  { works, mended }: { works: boolean; mended: boolean },
): { forge: Forge; broken: JobDefinition; unwanted: JobDefinition } {
  const broken = defineJob("broken", {
    retry: false,
    run: (_ctx, n) => {
      if (!mended) throw n === 0 ? Dead("hopeless") : new Error("broken");
    },
  });
  const unwanted = defineJob("unwanted", {
    run: () => {
      throw Dead("nobody wants this");
    },
  });
  const worker = works ? {} : (false as const);
  return {
    forge: createForge({ store: storeAt(place), jobs: [broken, unwanted], worker, logger: silent }),
    broken,
    unwanted,
  };
}

/** Brings about what an operator finds. */
export async function fail(place: Place): Promise<void> {
  const { forge, broken, unwanted } = clinic(place, { works: true, mended: false });
  await forge.start();
  for (let n = 0; n < BROKEN; n++) await forge.dispatch(broken, n, { idempotencyKey: `key ${n}` });
  await forge.dispatch(broken, BROKEN, { idempotencyKey: "held" });
  await forge.dispatch(unwanted, {});
  await settled(place, BROKEN + 2);
  // Its own type's retry is none of this one's business: it lies far ahead.
  await forge.dispatch(broken, BROKEN, { idempotencyKey: "held", delay: "30d" });
  await forge.stop();
}

/** What an operator does about it. */
export async function operate({ forge }: { readonly forge: Forge }, place: Place): Promise<void> {
  await forge.jobs.retryAll({ type: "broken", by: "ada" });
  note(place, "retried");
  const { jobs } = await forge.jobs.list({ type: "unwanted" });
  await forge.jobs.discard(jobs[0]!.id, { by: "ada" });
  note(place, "discarded");
}

export async function live(place: Place, { beginWhenCalm }: Countdown): Promise<void> {
  const here = clinic(place, { works: false, mended: true });
  await here.forge.start();
  await beginWhenCalm();
  await operate(here, place);
  await here.forge.stop();
}
