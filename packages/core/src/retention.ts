import { type Duration, durationMs } from "./duration.ts";
import { ForgeError } from "./errors.ts";
import { refuseUnknownOptions } from "./options.ts";

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;

/** What applies where a definition says nothing else. */
export const RETENTION: { readonly endedMs: number; readonly failedMs: number; readonly deadMs: number } = {
  endedMs: 7 * DAY_MS,
  failedMs: 30 * DAY_MS,
  deadMs: HOUR_MS,
};

/** What becomes of a job that failed. */
export interface DeadLetterOptions {
  /** How long it stays `failed` before it becomes `dead_letter`; shorter than `retain`. Default `"1h"`. */
  after?: Duration;
  /** How long its row is kept, counted from its failure. Default `"30d"`. */
  retain?: Duration | "forever";
}

/** What a definition says beside the defaults, as it is stored with its jobs, in milliseconds; -1 is never. */
export interface StoredRetention {
  /** How long a completed or cancelled job is kept. */
  readonly endedMs?: number;
  /** How long a failed or dead one is kept. */
  readonly failedMs?: number;
  /** How long it stays failed. */
  readonly deadMs?: number;
}

const NEVER_MS = -1;

/** Checks what a definition says of its jobs' ends; null where it says nothing. Throws `BAD_REQUEST`. */
export function storedRetention(
  name: string,
  retain: Duration | "forever" | undefined,
  deadLetter: DeadLetterOptions | false | undefined,
): StoredRetention | null {
  const kept: StoredRetention = {
    ...(retain !== undefined && { endedMs: keptMs(retain, `retain of ${name}`) }),
    ...(deadLetter === false && { deadMs: NEVER_MS }),
    ...(deadLetter !== undefined && deadLetter !== false && deadLetterMs(name, deadLetter)),
  };
  return Object.keys(kept).length === 0 ? null : kept;
}

function deadLetterMs(name: string, options: DeadLetterOptions): StoredRetention {
  refuseUnknownOptions(`deadLetter of ${name}`, options, ["after", "retain"], "false");
  const { after, retain } = options;
  const kept: StoredRetention = {
    ...(after !== undefined && { deadMs: durationMs(after, `deadLetter.after of ${name}`) }),
    ...(retain !== undefined && { failedMs: keptMs(retain, `deadLetter.retain of ${name}`) }),
  };
  const { failedMs = RETENTION.failedMs, deadMs = RETENTION.deadMs } = kept;
  if (failedMs !== NEVER_MS && deadMs >= failedMs) {
    throw new ForgeError(
      "BAD_REQUEST",
      `deadLetter.after of ${name} must be shorter than deadLetter.retain (by default "1h" and "30d"): a job would be deleted before it becomes a dead letter. Pass deadLetter: false to leave it failed.`,
    );
  }
  return kept;
}

function keptMs(retain: Duration | "forever", what: string): number {
  return retain === "forever" ? NEVER_MS : durationMs(retain, `${what}, unless it is "forever",`);
}
