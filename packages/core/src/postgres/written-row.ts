import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { Moved } from "./hints.ts";

/** What a writing statement answers of each row that it changed. */
export type WrittenRow = [id: string, revision: number, status: StoredJobStatus, progress: number | null];

/** The same, with the queue of a row that may be claimed from now on or later; null for another. */
export type QueuedRow = [...WrittenRow, queue: string | null];

export function movedOf([id, revision, status, progress]: WrittenRow | QueuedRow): Moved {
  return { id, revision, status, progress };
}

/** The queues in which rows became claimable. */
export function queuesOf(rows: readonly QueuedRow[]): Set<string> {
  return new Set(rows.flatMap((row) => row[4] ?? []));
}
