import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { NewJob, Outcome, Store } from "@forge-jobs/core";
import { cancelJob, claimJob, insertJob, updateJob } from "./one-job.ts";
import { registerWorker } from "./one-worker.ts";

/** One outcome of every kind. */
export const OUTCOMES: { readonly [Kind in Outcome["kind"]]: Extract<Outcome, { kind: Kind }> } = {
  completed: { kind: "completed", output: '{"count":3}' },
  retry: { kind: "retry", delayMs: 0, error: "Error: socket closed\n    at run", publicError: "The job failed (a1)" },
  failed: { kind: "failed", error: "Error: no such user\n    at run", publicError: "The job failed (b2)" },
  dead_letter: { kind: "dead_letter", error: "Dead: poison\n    at run", publicError: "The job failed (c3)" },
  discarded: { kind: "discarded", error: "Error: user is gone\n    at run", publicError: "The job failed (d4)" },
  given_back: { kind: "given_back", delayMs: 0 },
  suspended: { kind: "suspended", wakes: 0, dueAt: 0, waitingFor: null },
  compensated: { kind: "compensated", error: "Error: no room\n    at run", publicError: "The job failed (e5)" },
};

export const OUTCOME_KINDS: readonly Outcome["kind"][] = Object.keys(OUTCOMES) as Outcome["kind"][];

/** The status that a run without a cancellation ends in. */
export const STATUS_AFTER: { readonly [Kind in Outcome["kind"]]: StoredJobStatus } = {
  completed: "completed",
  retry: "retry",
  failed: "failed",
  dead_letter: "dead_letter",
  discarded: "failed",
  given_back: "pending",
  suspended: "pending",
  compensated: "failed",
};

/** A job that was brought to a status, with the fence of its last claim (0 where it was never claimed). */
export interface PlacedJob extends NewJob {
  readonly claimNo: number;
  /** The worker of that claim. */
  readonly workerId: string;
}

/** The reason on jobs that `jobIn` cancels. */
export const CANCEL_REASON = "cancelled by Ада";

/** Brings a new job to a status on the shortest way. */
export async function jobIn(
  store: Store,
  status: StoredJobStatus,
  { leaseMs, ...overrides }: Partial<NewJob> & { leaseMs?: number } = {},
): Promise<PlacedJob> {
  const [workerId, job] = await Promise.all([registerWorker(store, leaseMs), insertJob(store, overrides)]);
  if (status === "pending") return { ...job, claimNo: 0, workerId };
  const { claimNo } = await claimJob(store, job, workerId);
  const placed = { ...job, claimNo, workerId };
  if (status === "claimed") return placed;
  if (status === "cancelled") await cancelJob(store, job.id, CANCEL_REASON);
  else await updateJob(store, placed, { started: true });
  if (status === "cancel_requested") await cancelJob(store, job.id, CANCEL_REASON);
  if (status === "retry" || status === "completed" || status === "failed" || status === "dead_letter") {
    await updateJob(store, placed, { outcome: OUTCOMES[status] });
  }
  return placed;
}
