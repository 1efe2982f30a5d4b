import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { StoredRetention } from "../../src/retention.ts";
import { type NewJob, PRIORITIES } from "../../src/store.ts";

export const MINUTE_MS = 60_000;

/** What the model knows of a job. Times are offsets of the tests' clock: what passes by itself is far below a minute. */
export interface ModelJob {
  /** Its content; `limitKey` goes when it is freed of it. */
  job: NewJob;
  readonly parentId: string | null;
  status: StoredJobStatus;
  dueMs: number;
  attempts: number;
  maxAttempts: number;
  claimNo: number;
  deaths: number;
  revision: number;
  progress: number | null;
  message: string | null;
  worker: string | null;
  /** Its run waits for children. */
  isWaiting: boolean;
  /** It lies behind where claims go on, and is found a second later at most. */
  isBehind: boolean;
  endedMs: number;
  /** When its row goes by a time of its own. */
  expiresMs: number | null;
  errorName: string | null;
  discarded: boolean;
}

const HELD: readonly StoredJobStatus[] = ["claimed", "running", "cancel_requested"];
const ENDED: readonly StoredJobStatus[] = ["completed", "failed", "dead_letter", "cancelled"];

export const isHeld = ({ status }: ModelJob): boolean => HELD.includes(status);
export const hasEnded = ({ status }: ModelJob): boolean => ENDED.includes(status);
export const waits = (job: ModelJob): boolean => !isHeld(job) && !hasEnded(job);
export const isDead = ({ status, discarded }: ModelJob): boolean =>
  (status === "failed" || status === "dead_letter") && !discarded;
/** Whether limits count it. */
export const counts = (job: ModelJob): boolean => isHeld(job) && !job.isWaiting;

/** The place of a job's priority, 0 for the most urgent. */
export const urgency = ({ job }: ModelJob): number => PRIORITIES.indexOf(job.priority);

/** What a job was dispatched with for its end. */
export const keepOf = ({ job }: ModelJob): StoredRetention =>
  job.overrides === null ? {} : (JSON.parse(job.overrides) as { keep: StoredRetention }).keep;

/** When something happens that is to follow so long after `sinceMs`; -1 is never, and undefined leaves it to the defaults. */
export function ownTime(sinceMs: number, afterMs: number | undefined): number | null {
  if (afterMs === undefined) return null;
  return afterMs < 0 ? Infinity : sinceMs + afterMs;
}
