import type { JobStateUnion, WorkflowStateUnion } from "@forge-jobs/protocol";

/**
 * How fresh a view is.
 *
 * `connecting`: the gateway has not acknowledged the watch yet. `live`: changes arrive as they are committed. `stale`: the
 * gateway is reached but its database is not. `polling`: streams are held back on the way, so changes arrive every few
 * seconds. `offline`: the gateway is not reached; the client keeps trying. `closed`: the job or run has settled, or nobody
 * watches it through this store any more.
 */
export type ConnectionStatus = "connecting" | "live" | "stale" | "polling" | "offline" | "closed";

/** How a state is known. */
interface Freshness {
  readonly loading: boolean;
  readonly connection: ConnectionStatus;
}

/**
 * What a store shows: the job's state, and how it is known. In the branch `status === "completed"`, `output` is not null.
 *
 * `jobId` is "" until it is known; `loading` is true until the first state or refusal arrives, and `status` is `pending`
 * meanwhile.
 */
export type JobView<Output = unknown> = JobStateUnion<Output> & Freshness;

/** The same of a run of a workflow: `workflowId` is "" until it is known, and `status` is `created` while `loading`. */
export type WorkflowView<Output = unknown> = WorkflowStateUnion<Output> & Freshness;
