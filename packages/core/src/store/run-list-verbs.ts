import type { WorkflowStatus } from "@forge-jobs/protocol";
import type { WaitingLane } from "./queue-verbs.ts";

/** Which runs to list; absent filters match all. */
export interface RunQuery {
  readonly workflow?: string;
  readonly version?: number;
  readonly status?: WorkflowStatus;
  readonly owner?: string;
  /** The id of the job or run whose children to list. */
  readonly parent?: string;
  /** Only those that cannot go on without a person: they say so, or are due and unserved. */
  readonly blocked?: true;
  /** The queues and types that nobody serves. */
  readonly unserved: readonly Pick<WaitingLane, "queue" | "type">[];
  /** The last id of the page before. */
  readonly before?: string;
  readonly limit: number;
}

/** A run of a page. */
export interface ListedRun {
  readonly id: string;
  /** It is due, in a queue and of a type that nobody serves. */
  readonly isUnserved: boolean;
}

/** The verbs that find runs. */
export interface RunListVerbs {
  /** Finds one page of runs that have not been deleted, newest first. */
  list(query: RunQuery): Promise<ListedRun[]>;
}
