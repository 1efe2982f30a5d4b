const DAY_MS = 24 * 3_600_000;
/** From one side of every change of the clocks to the other: a day, and the distance of a local time from its instant. */
const AROUND_MS = DAY_MS + 2 * 3_600_000;

/**
 * The wall clock of one time zone. Wall times are numbers too: the milliseconds since 1970 at which a clock in UTC would show
 * the same.
 */
export class LocalTime {
  readonly #format: Intl.DateTimeFormat | null;

  /** Throws a `RangeError` for a name that is no time zone's. */
  constructor(timezone: string) {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: timezone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    this.#format = format.resolvedOptions().timeZone === "UTC" ? null : format;
  }

  /** What the clock shows at an instant. */
  wallAt(instant: number): number {
    return instant + this.offsetAt(instant);
  }

  /** The instant at which the clock shows a time: the first where it shows it twice, null where it never does. */
  instantOf(wall: number): number | null {
    // Whichever offset the time has, it is the one in force on one side of a change nearby.
    const instants = [this.offsetAt(wall - AROUND_MS), this.offsetAt(wall + AROUND_MS)].map((offset) => wall - offset);
    const shown = instants.filter((instant) => this.wallAt(instant) === wall);
    return shown.length === 0 ? null : Math.min(...shown);
  }

  /** The latest that the clock has shown up to an instant: where it was set back, later than what it shows. */
  latestWallAt(instant: number): number {
    return instant + Math.max(this.offsetAt(instant), this.offsetAt(instant - AROUND_MS));
  }

  /** How far the clock is ahead of UTC, in milliseconds. */
  offsetAt(instant: number): number {
    if (this.#format === null) return 0;
    const second = Math.floor(instant / 1_000) * 1_000;
    const parts: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(second)) parts[type] = Number(value);
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second: seconds = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, seconds) - second;
  }
}
