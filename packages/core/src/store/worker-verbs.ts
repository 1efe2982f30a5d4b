import type { RunError } from "../store.ts";
import type { QueueSettings } from "./queue-verbs.ts";

/** Where a worker process runs, so that another on the same host can see that it is gone. */
export interface ProcessIdentity {
  readonly host: string;
  readonly bootId: string;
  readonly pidNamespace: string;
  readonly pid: number;
  /** The process's start time as the operating system prints it; a reused pid has another. */
  readonly processStart: string;
}

/** What a worker process says that it runs. */
export interface WorkerServes {
  /** How many handlers of each queue at once, where the queue's settings do not say otherwise. */
  readonly queues: Readonly<Record<string, number>>;
  /** The names of the jobs that it can run. */
  readonly types: readonly string[];
}

/** One live worker process. */
export interface WorkerRecord extends ProcessIdentity {
  readonly id: string;
  /** Milliseconds until its lease ends, by the store's clock; negative once it has. */
  readonly leaseLeftMs: number;
  /** The length of its lease; null for a worker of the release before. */
  readonly leaseMs: number | null;
  /** Its name for people; null for a worker of the release before. */
  readonly label: string | null;
  /** Null for a worker of the release before. */
  readonly serves: WorkerServes | null;
  /** Whether somebody told it to take nothing new. */
  readonly draining: boolean;
  /** Who did; null also where nobody was named. */
  readonly drainingBy: string | null;
  /** The version of the orders that it has heeded last. */
  readonly heeded: number;
}

/** What a worker is to heed at present. */
export interface WorkerOrders {
  /** Rises with every change. */
  readonly version: number;
  /** Whether this worker takes nothing new. */
  readonly draining: boolean;
  /** Who told it so, if anybody was named. */
  readonly drainingBy: string | null;
  /** Every queue for which something is set. */
  readonly queues: readonly QueueSettings[];
}

/** How many handlers of a queue run in one worker process, as the table knows. */
export interface RunningCount {
  readonly workerId: string;
  readonly queue: string;
  readonly running: number;
}

/** A row that the table says a worker holds. */
export interface HeldRow {
  readonly id: string;
  readonly claimNo: number;
  readonly cancelRequested: boolean;
}

/** The verbs over worker processes and their leases. */
export interface WorkerVerbs {
  /** Adds a worker whose lease begins now. */
  register(args: {
    workerId: string;
    leaseMs: number;
    process: ProcessIdentity;
    label?: string;
    serves?: WorkerServes;
  }): Promise<void>;
  /**
   * Renews the lease, and reads the rows marked as this worker's. `alive: false` says that it was retired by somebody
   * and has lost all of them; the lease stays ended.
   */
  beat(args: { workerId: string; leaseMs: number }): Promise<{ alive: boolean; rows: HeldRow[] }>;
  /** Reads the workers that are not retired. */
  list(): Promise<WorkerRecord[]>;
  /** Reads what the worker is to heed. A worker that registers and then reads misses nothing that was ordered before. */
  orders(args: { workerId: string }): Promise<WorkerOrders>;
  /** Notes that the worker acts by that version of the orders from now on. Does nothing to one that is retired. */
  heed(args: { workerId: string; version: number }): Promise<void>;
  /**
   * Tells a worker to take nothing new for the rest of its life; what it holds is left alone. The first to say so is kept.
   * Answers the version of the orders that says so, or null if it is unknown or retired.
   */
  drain(args: { workerId: string; by?: string }): Promise<number | null>;
  /** Counts the rows whose handlers run, by worker and queue. */
  running(): Promise<RunningCount[]>;
  /** Ends a worker that holds no rows any more. Does nothing to one that is retired. */
  retire(args: { workerId: string }): Promise<void>;
  /**
   * Under the worker's row lock: checks again that it is not retired and, for `lease`, that its lease has ended; retires
   * it and gives its rows back. Claimed rows become `pending`, their `deaths` -1 where they were 0; running ones too, one
   * death richer, or `dead_letter` at `maxDeaths`; `cancel_requested` ones `cancelled`. No attempt is counted. Answers the
   * ids, or null if it was not dead.
   */
  rescue(args: {
    workerId: string;
    because: "lease" | "gone";
    maxDeaths: number;
    death: RunError;
  }): Promise<string[] | null>;
}
