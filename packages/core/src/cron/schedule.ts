import { Cron } from "croner";
import { ForgeError, shown } from "../errors.ts";
import { LocalTime } from "./local-time.ts";

const MINUTE_MS = 60_000;
const NICKNAME = /^@\w+$/;
const FEWEST_FIELDS = 5;
const MOST_FIELDS = 7;

/**
 * When a cron is due: an expression read on the wall clock of a time zone.
 *
 * `croner` matches expressions, in UTC throughout; the way from wall times to instants is ours. Its own would run a time that
 * daylight saving skips after the gap, and some that repeat twice. Here a wall time that does not occur has no tick, and one
 * that occurs twice has one, the first time, whatever the expression looks like. Instants are milliseconds since 1970.
 */
export class Schedule {
  readonly #pattern: Cron;
  readonly #clock: LocalTime;

  /** `whose` names the cron in the sentence. Throws `BAD_REQUEST` for an expression or a time zone that cannot be read. */
  constructor(expression: string, timezone: string, whose: string) {
    this.#clock = clockOf(timezone, whose);
    this.#pattern = patternOf(expression, whose);
  }

  /** The first tick after an instant; null if there is none until the year 10000. */
  next(after: number): number | null {
    let wall = this.#clock.wallAt(after);
    for (;;) {
      const match = this.#pattern.nextRun(new Date(wall))?.getTime();
      if (match === undefined) return null;
      const tick = this.#clock.instantOf(match);
      if (tick !== null && tick > after) return tick;
      // Clocks are set at full minutes, so the rest of this one is skipped, or repeated, too.
      wall = Math.floor(match / MINUTE_MS) * MINUTE_MS + MINUTE_MS - 1_000;
    }
  }

  /** The newest ticks after one instant and up to another, that one included, at most `limit`; oldest first. */
  latest(after: number, until: number, limit: number): number[] {
    const ticks: number[] = [];
    let wall = this.#clock.latestWallAt(until) + 1_000;
    while (ticks.length < limit) {
      const match = this.#pattern.previousRuns(1, new Date(wall))[0]?.getTime();
      if (match === undefined) break;
      const tick = this.#clock.instantOf(match);
      if (tick !== null && tick <= after) break;
      if (tick !== null && tick <= until) ticks.unshift(tick);
      const isFar = tick === null || tick > until + MINUTE_MS;
      wall = isFar ? Math.floor(match / MINUTE_MS) * MINUTE_MS : match;
    }
    return ticks;
  }
}

function clockOf(timezone: string, whose: string): LocalTime {
  try {
    if (typeof timezone === "string" && timezone !== "") return new LocalTime(timezone);
  } catch {
    // The sentence below says it.
  }
  throw new ForgeError(
    "BAD_REQUEST",
    `timezone of ${whose} must be an IANA name such as "UTC" or "America/New_York"; got ${shown(timezone)}.`,
    { details: { timezone } },
  );
}

function patternOf(expression: string, whose: string): Cron {
  const refuse = (why: string, cause?: unknown): ForgeError =>
    new ForgeError(
      "BAD_REQUEST",
      `The expression of ${whose} must be five fields, minute hour day month weekday, or six with seconds first; got ${shown(expression)}: ${why}.`,
      { cause, details: { expression } },
    );
  if (typeof expression !== "string") throw refuse("it is no text");
  const fields = expression.trim().split(/\s+/);
  // croner takes a date too, which would be a job with `runAt` and no cron.
  const isOfFields = fields.length >= FEWEST_FIELDS && fields.length <= MOST_FIELDS;
  if (!isOfFields && !NICKNAME.test(expression.trim()))
    throw refuse(expression.trim() === "" ? "it is empty" : `it has ${fields.length} of them`);
  try {
    return new Cron(fields.join(" "), { timezone: "UTC", paused: true });
  } catch (cause) {
    throw refuse(String(cause instanceof Error ? cause.message : cause).replace(/^CronPattern: |\.$/g, ""), cause);
  }
}
