import { ForgeError, shown } from "./errors.ts";

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A length of time: a whole or decimal number with one unit, such as `"250ms"`, `"30s"`, `"1.5h"` or `"7d"`. */
export type Duration = `${number}${keyof typeof UNIT_MS}`;

const LONGEST_MS = 100 * 365 * UNIT_MS.d;

/**
 * Turns a duration into whole milliseconds, at most a hundred years.
 *
 * Throws `BAD_REQUEST` for anything else, naming `what` was asked for and the value.
 */
export function durationMs(duration: Duration, what: string): number {
  const match = typeof duration === "string" ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration) : null;
  const ms = match ? Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]) : Number.NaN;
  if (!(ms <= LONGEST_MS)) {
    throw new ForgeError(
      "BAD_REQUEST",
      `${what} must be a duration such as "500ms", "30s", "5m", "12h" or "7d", at most 100 years; got ${shown(duration)}.`,
      { details: { [what]: duration } },
    );
  }
  return ms;
}

/**
 * The same for a wait that a program has worked out, say from a `Retry-After` header: a number is milliseconds.
 *
 * Throws `BAD_REQUEST`.
 */
export function waitMs(wait: Duration | number, what: string): number {
  if (typeof wait !== "number") return durationMs(wait, what);
  if (!(wait >= 0 && wait <= LONGEST_MS)) {
    throw new ForgeError(
      "BAD_REQUEST",
      `${what} must be a duration such as "30s", or milliseconds from 0 to a hundred years; got ${shown(wait)}.`,
      { details: { [what]: wait } },
    );
  }
  return Math.ceil(wait);
}
