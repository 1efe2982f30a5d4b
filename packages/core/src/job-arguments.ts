import { ForgeError, shown } from "./errors.ts";

const MOST_LISTED = 1_000;
const USUALLY_LISTED = 50;

/** How long a page is. Throws `BAD_REQUEST`. */
export function checkLimit(limit: number = USUALLY_LISTED): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_LISTED) {
    throw new ForgeError("BAD_REQUEST", `limit must be a whole number from 1 to 1,000; got ${shown(limit)}.`);
  }
  return limit;
}

/** What is thrown for an id of no job. */
export function unknownJob(jobId: string): ForgeError {
  return new ForgeError("NOT_FOUND", `There is no job ${jobId}.`, { details: { id: jobId } });
}
