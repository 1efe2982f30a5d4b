import type { JobStateUnion } from "@forge-jobs/protocol";

/**
 * How fresh a view is.
 *
 * `connecting`: the gateway has not acknowledged the watch yet. `live`: changes arrive as they are committed. `stale`: the
 * gateway is reached but its database is not. `polling`: streams are held back on the way, so changes arrive every few
 * seconds. `offline`: the gateway is not reached; the client keeps trying. `closed`: the job has settled, or nobody
 * watches it through this store any more.
 */
export type ConnectionStatus = "connecting" | "live" | "stale" | "polling" | "offline" | "closed";

/**
 * What a store shows: the job's state, and how it is known. In the branch `status === "completed"`, `output` is not null.
 *
 * `jobId` is "" until it is known; `loading` is true until the first state or refusal arrives, and `status` is `pending`
 * meanwhile.
 */
export type JobView<Output = unknown> = JobStateUnion<Output> & {
  readonly loading: boolean;
  readonly connection: ConnectionStatus;
};
