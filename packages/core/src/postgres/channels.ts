import type { Database } from "./database.ts";

/** The names of the channels on which processes tell each other what moved. */
export interface Channels {
  /** Payload: the name of a queue in which jobs may have become claimable; empty for any queue. */
  readonly available: string;
  /** Payload: jobs that changed, see `payloads`. */
  readonly updates: string;
  /** Payload: the running jobs among those that were asked to stop. Workers hear it, and not all the updates beside. */
  readonly cancelRequests: string;
  /** No payload: what workers are to heed changed. */
  readonly orders: string;
}

/** Channels belong to a database and not to a schema, so the schema is in the name unless it is the default. */
export function channelsOf({ schema, isDefaultSchema }: Database): Channels {
  const prefix = isDefaultSchema ? "" : `${schema}.`;
  return {
    available: `${prefix}forge_jobs_available`,
    updates: `${prefix}forge_job_updates`,
    cancelRequests: `${prefix}forge_cancel_requests`,
    orders: `${prefix}forge_orders`,
  };
}
