import { createForge, defineCron, type Forge } from "@forge-jobs/core";
import { silent } from "../../support/world.ts";
import { note, type Place, settled, storeAt } from "../place.ts";
import type { Countdown } from "../statements.ts";

export const HOUR_MS = 3_600_000;
/** Ticks that are missed when a life begins. */
export const MISSED = 3;

/** A cron all of whose ticks count, one after the other. */
export function hourly(place: Place, clock = { offsetMs: 0 }): Forge {
  const cron = defineCron("0 * * * *", {
    name: "hourly",
    catchUp: true,
    run: (ctx) => note(place, `${ctx.scheduledTime.toISOString()} ${ctx.runId}`),
  });
  return createForge({ store: storeAt(place, clock), jobs: [], crons: [cron], logger: silent });
}

/** From when an engine begins to work until the ticks that were missed are made up for. */
export async function live(place: Place, { begin }: Countdown): Promise<void> {
  const forge = hourly(place);
  await forge.start();
  begin();
  await settled(place, MISSED);
}
