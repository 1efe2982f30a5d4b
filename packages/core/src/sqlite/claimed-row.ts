import { type ClaimedJob, PRIORITIES } from "../store.ts";
import type { WriteTx } from "./write-queue.ts";

/** What a claim reads of a row that it takes. */
export type DueRow = readonly [
  rowid: number,
  id: string,
  input: string,
  owner: string | null,
  attempts: number,
  maxAttempts: number,
  claimNo: number,
  deaths: number,
  overrides: string | null,
  revision: number,
];

/** A row that was taken, as it is after that. */
export function claimedOf(
  tx: WriteTx,
  [, id, input, owner, attempts, maxAttempts, claimNo, deaths, overrides, before]: readonly [...DueRow, ...unknown[]],
  queue: string,
  type: string,
  priority: number,
): ClaimedJob {
  const revision = before + 1;
  tx.moved.push({ id, revision });
  const run = { attempt: attempts + 1, maxAttempts, claimNo: claimNo + 1, deaths, overrides, revision };
  return { id, type, queue, priority: PRIORITIES[priority]!, input, owner, ...run };
}
