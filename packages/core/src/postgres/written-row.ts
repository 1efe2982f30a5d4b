import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { Moved } from "./hints.ts";

/**
 * What a writing statement answers of each row that it changed; the queue only of a row that may be claimed again,
 * or whose end may let others be claimed.
 */
export type WrittenRow = [
  id: string,
  revision: number,
  status: StoredJobStatus,
  progress: number | null,
  claimNo: number,
  queue?: string | null,
];

/** Takes off what a statement answers behind the columns of a `WrittenRow`. */
export function writtenRow(row: readonly [...Required<WrittenRow>, ...unknown[]]): WrittenRow {
  const [id, revision, status, progress, claimNo, queue] = row;
  return [id, revision, status, progress, claimNo, queue];
}

/** The columns of a `WrittenRow` without the queue. */
export const WRITTEN = "id, revision, status, progress, claim_no";

/** The same of a query under this name. */
export function writtenOf(name: string): string {
  return WRITTEN.split(", ")
    .map((column) => `${name}.${column}`)
    .join(", ");
}

export function movedOf([id, revision, status, progress]: WrittenRow): Moved {
  return { id, revision, status, progress };
}

/** The queues in which rows became claimable, now or later. */
export function queuesOf(rows: readonly WrittenRow[]): Set<string> {
  return new Set(rows.flatMap((row) => row[5] ?? []));
}
