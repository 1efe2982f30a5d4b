import { createForge, defineJob, type Forge, type JobDefinition } from "@forge-jobs/core";
import { setTimeout as sleep } from "node:timers/promises";
import { silent } from "../../support/world.ts";
import { look, note, type Place, storeAt } from "../place.ts";
import type { Countdown } from "../statements.ts";

export const MINUTE_MS = 60_000;
/** Tokens that the bucket holds; one flows in each minute. */
export const BURST = 2;
export const CALLS = 3;

/** Jobs that want a token each. */
export function callers(place: Place, clock = { offsetMs: 0 }): { forge: Forge; call: JobDefinition } {
  const call = defineJob("call", {
    run: async (ctx) => {
      await ctx.rateLimit.acquire("api");
      note(place, `granted ${ctx.jobId}`);
    },
  });
  return { forge: createForge({ store: storeAt(place, clock), jobs: [call], logger: silent }), call };
}

export async function configure(place: Place): Promise<void> {
  const store = storeAt(place);
  await store.rateLimits.configure({ scope: "api", tokens: 1, periodMs: MINUTE_MS, burst: BURST });
  await store.close();
}

/** From the dispatch of one job more than there are tokens until all but that one have ended, and it sleeps. */
export async function live(place: Place, { beginWhenCalm }: Countdown): Promise<void> {
  const { forge, call } = callers(place);
  await forge.start();
  await beginWhenCalm();
  await forge.dispatchMany(
    call,
    Array.from({ length: CALLS }, () => ({})),
  );
  note(place, "dispatched");
  const sleeping = async (): Promise<boolean> => {
    const rows = await look(place, "SELECT status FROM forge_live");
    return rows.length === CALLS - BURST && rows.every(({ status }) => status === "pending");
  };
  while (!(await sleeping())) await sleep(5);
  await forge.stop();
}
