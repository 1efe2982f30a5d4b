import type { NewJob, Store } from "@forge-jobs/core";
import { jobIn } from "../../../conformance/job-in.ts";
import { insertJob, keyClaim } from "../../../conformance/one-job.ts";
import { Sweeper } from "../../../src/maintenance/sweep.ts";
import { silent } from "../../support/world.ts";
import { type Place, storeAt } from "../place.ts";
import type { Countdown } from "../statements.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LEASE_MS = 200;

/** What there is to sweep: the status of a job before, and after, by its type; null: deleted. */
export const SWEPT: Readonly<Record<string, readonly [before: string, after: string | null]>> = {
  old_completed: ["completed", null],
  old_cancelled: ["cancelled", null],
  old_failed: ["failed", null],
  own_time: ["completed", null],
  late_failed: ["failed", "dead_letter"],
  own_delay: ["failed", "dead_letter"],
  kept_failed: ["failed", "failed"],
  young: ["completed", "completed"],
};

let made = 0;

/** A job whose id says that it was dispatched so long ago. */
function from(type: string, agoMs: number, keep?: object): Partial<NewJob> {
  const time = (Date.now() - agoMs).toString(16).padStart(12, "0");
  const tail = (++made).toString(16).padStart(12, "0");
  const id = `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}`;
  return { id, type, ...(keep !== undefined && { overrides: JSON.stringify({ keep }) }) };
}

async function long(place: Place, agoMs: number, work: (store: Store) => Promise<unknown>): Promise<void> {
  const store = storeAt(place, { offsetMs: -agoMs });
  await work(store);
  await store.close();
}

/** Leaves what is listed above, and a key, a place and a note whose times are over. */
export async function litter(place: Place): Promise<void> {
  await long(place, 40 * DAY_MS, async (store) => {
    await jobIn(store, "completed", from("old_completed", 40 * DAY_MS));
    await jobIn(store, "cancelled", from("old_cancelled", 40 * DAY_MS));
    await jobIn(store, "failed", from("old_failed", 40 * DAY_MS));
    const window = keyClaim("window", { kind: "window", ms: HOUR_MS });
    const doomed = await insertJob(store, { ...from("doomed", 40 * DAY_MS), keys: [window] });
    await store.jobs.cancel({ ids: [doomed.id], reason: "r" });
    await store.ended.delete({ ids: [doomed.id], by: "ada" });
    await store.rateLimits.configure({ scope: "s", tokens: 1, periodMs: HOUR_MS, burst: 1 });
    await store.rateLimits.acquire({ scope: "s", jobIds: [doomed.id, from("", 0).id!] });
  });
  await long(place, 2 * HOUR_MS, async (store) => {
    await jobIn(store, "failed", from("late_failed", 2 * HOUR_MS));
    await jobIn(store, "completed", from("own_time", 2 * HOUR_MS, { endedMs: HOUR_MS }));
    await jobIn(store, "failed", from("own_delay", 2 * HOUR_MS, { deadMs: 60_000 }));
    await jobIn(store, "failed", from("kept_failed", 2 * HOUR_MS, { deadMs: DAY_MS }));
    await jobIn(store, "completed", from("young", 2 * HOUR_MS));
  });
}

export function sweeperOn({ sweeps }: Store, holder: string): Sweeper {
  return new Sweeper({
    sweeps,
    holder,
    leaseMs: LEASE_MS,
    log: silent,
    now: () => performance.now(),
    hostNow: () => Date.now(),
    isStopping: () => false,
  });
}

/** One sweep. */
export async function live(place: Place, { beginWhenCalm }: Countdown): Promise<void> {
  const store = storeAt(place);
  await store.checkSchema();
  await beginWhenCalm();
  const sweeper = sweeperOn(store, "the dead");
  await sweeper.sweep();
  await sweeper.resign();
  await store.close();
}
