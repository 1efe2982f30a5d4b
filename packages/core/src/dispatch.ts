import type { Duration } from "./duration.ts";
import type { RetryOptions } from "./retry-policy.ts";
import type { Priority } from "./store.ts";

/** What one dispatch may say about its job; it overrides the definition. */
export interface DispatchOptions {
  /** A transaction of the store's database that is open: a `pg` client, or a `DatabaseSync` on the same file. */
  tx?: unknown;
  /** The earliest instant to run it; not together with `delay`. */
  runAt?: Date;
  /** How long to wait before it may run, by the database's clock. */
  delay?: Duration;
  priority?: Priority;
  queue?: string;
  timeout?: Duration;
  retry?: RetryOptions;
  /** Takes the place of the key that the definition makes; held as the definition says, or while the job is unfinished. */
  idempotencyKey?: string;
  /** The principal who may watch and cancel it through the gateway. Default: nobody in particular. */
  owner?: string;
}

/** What a dispatch did: made a job, or met the one that holds its key. */
export interface DispatchReceipt {
  readonly id: string;
  readonly created: boolean;
}
