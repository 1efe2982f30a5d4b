import type { JobVerbs } from "../store.ts";

/** Why the fence refused a write of a run; `COMPLETED` by this run or by another one. */
export type Staleness = "CANCELLED" | "LEASE_LOST" | "COMPLETED";

/** A job may be cancelled between its claim and the write that says it runs: then its row has ended, and the fence with it. */
export async function whyStale(jobs: Pick<JobVerbs, "states">, jobId: string): Promise<Staleness> {
  const [state] = await jobs.states({ ids: [jobId] }).catch(() => []);
  if (state?.status === "completed") return "COMPLETED";
  return state?.status === "cancelled" ? "CANCELLED" : "LEASE_LOST";
}
