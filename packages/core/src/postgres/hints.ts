import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { NewJob } from "../store.ts";
import type { Session } from "./session.ts";
import type { WrittenRow } from "./written-row.ts";

/** What a statement changed of one job, as it is told to others. */
export interface Moved {
  readonly id: string;
  readonly revision: number;
  readonly status: StoredJobStatus;
  readonly progress: number | null;
}

/** Where writers tell what others may want to look at: after their commit, but for what is told inside a transaction. */
export interface HintSink {
  /** Jobs of these queues may have become claimable, now or later. */
  available(queues: Iterable<string>): void;
  /** These jobs changed. */
  moved(jobs: readonly Moved[]): void;
  /** What workers are to heed changed. */
  orders(): void;
  /**
   * Tells of new jobs, and of waiting ones that got the content of another, from within a caller's transaction, so that
   * everybody hears of them at its commit.
   */
  insideTransaction(session: Session, jobs: readonly NewJob[], replaced: readonly WrittenRow[]): Promise<void>;
  /** The same of jobs that changed, and of queues in which that made room. */
  movedInsideTransaction(session: Session, jobs: readonly Moved[], freed: readonly string[]): Promise<void>;
}
