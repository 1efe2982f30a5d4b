import { createHash } from "node:crypto";
import type { CronContext } from "../context.ts";
import { checkName, CRON_PREFIX, jobDefinition, type JobDefinition } from "../define.ts";
import type { Duration } from "../duration.ts";
import { ForgeError, shown } from "../errors.ts";
import { refuseUnknownOptions } from "../options.ts";
import type { RetryOptions } from "../retry-options.ts";
import type { Priority } from "../store.ts";
import { type CronInput, runTemplate } from "./cron-run.ts";
import { Schedule } from "./schedule.ts";

/** What `defineCron` takes beside the expression. */
export interface CronOptions {
  /** Names it in the table; unique in its database. A cron under a new name is a new cron. At most 95 characters. */
  name: string;
  /** The IANA time zone on whose clock the expression is read. Default `"UTC"`. */
  timezone?: string;
  /** `true`: ticks that were missed while no process worked are made up for, each as one run. Default `false`: they are not. */
  catchUp?: boolean;
  /** How many missed ticks are made up for at most, the newest ones; 1 to 1,000. Counts with `catchUp` only. Default 10. */
  catchUpLimit?: number;
  /**
   * What a tick does while the job of the tick before it is unfinished. `"skip"`: it has no run, and the row counts it.
   * `"allow"`: it runs beside. Default `"skip"`.
   */
  overlap?: "skip" | "allow";
  /** How a run that fails is repeated. Default: it is not; the next tick comes anyway. */
  retry?: RetryOptions | false;
  /** How long one run may take; `ctx.heartbeat()` restarts the clock. `false`: as long as it likes. Default `"1h"`. */
  timeout?: Duration | false;
  /** The queue that its runs wait in. Default `"default"`. */
  queue?: string;
  /** Default `"normal"`. */
  priority?: Priority;
  /** `true`: browsers may read and watch its runs through the gateway, never start one. Default `false`. */
  public?: boolean;
  /** What it does at each tick; what it returns is the run's output. */
  run(ctx: CronContext): unknown;
}

/** A checked cron definition, as `defineCron` makes it. */
export interface CronDefinition {
  readonly name: string;
  readonly expression: string;
  readonly timezone: string;
  readonly catchUp: boolean;
  readonly catchUpLimit: number;
  readonly overlap: "skip" | "allow";
  readonly public: boolean;
  /** Of expression and time zone. */
  readonly hash: string;
  /** JSON of what the rows of its runs have in common. */
  readonly template: string;
  readonly schedule: Schedule;
  /** What its runs are to a worker: jobs of the type `cron:<name>`. */
  readonly job: JobDefinition;
}

const OPTION_NAMES: readonly (keyof CronOptions)[] = [
  "name",
  "timezone",
  "catchUp",
  "catchUpLimit",
  "overlap",
  "retry",
  "timeout",
  "queue",
  "priority",
  "public",
  "run",
];
const LONGEST_NAME = 95;
const LARGEST_LIMIT = 1_000;

/**
 * Defines a cron: an expression, the time zone whose clock it is read on, and the handler that runs at each tick, once
 * whatever the number of processes, as a job of the type `cron:<name>`.
 *
 * The expression has five fields (minute, hour, day of month, month, weekday) or six, seconds first; a seventh is the year.
 * Names (`MON-FRI`, `JAN`), steps, lists, ranges, `L`, `W`, `#` and nicknames such as `@daily` are read. A local time that
 * daylight saving skips has no tick; one that repeats has one, the first time.
 *
 * Throws `BAD_REQUEST` for a bad or unknown option, and for an expression that cannot be read or never comes true again.
 */
export function defineCron(expression: string, options: CronOptions): CronDefinition {
  if (typeof expression !== "string") {
    throw bad(`defineCron takes an expression such as "0 9 * * MON-FRI", then its options; got ${shown(expression)}.`);
  }
  refuseUnknownOptions(`defineCron(${shown(expression)})`, options, OPTION_NAMES);
  const { timezone = "UTC", catchUp = false, catchUpLimit = 10, overlap = "skip", public: isPublic = false } = options;
  const name = checkName("A cron's name", options.name);
  if (name.length > LONGEST_NAME)
    throw bad(`A cron's name may have at most ${LONGEST_NAME} characters; got ${shown(name)}.`);
  if (typeof options.run !== "function") throw bad(`The cron ${name} needs a function \`run(ctx)\`.`);
  for (const [option, value] of Object.entries({ catchUp, public: isPublic })) {
    if (typeof value !== "boolean")
      throw bad(`${option} of the cron ${name} must be true or false; got ${shown(value)}.`);
  }
  if (!Number.isInteger(catchUpLimit) || catchUpLimit < 1 || catchUpLimit > LARGEST_LIMIT) {
    throw bad(`catchUpLimit of the cron ${name} must be a whole number from 1 to 1,000; got ${shown(catchUpLimit)}.`);
  }
  if (overlap !== "skip" && overlap !== "allow") {
    throw bad(`overlap of the cron ${name} must be "skip" or "allow"; got ${shown(overlap)}.`);
  }
  const schedule = new Schedule(expression, timezone, `the cron ${name}`);
  if (schedule.next(Date.now()) === null) {
    throw bad(
      `The expression ${shown(expression)} of the cron ${name} never comes true in ${timezone}; correct its date.`,
    );
  }
  const { queue, priority, timeout, retry = false } = options;
  const job = jobDefinition(CRON_PREFIX + name, {
    ...(queue !== undefined && { queue }),
    ...(priority !== undefined && { priority }),
    ...(timeout !== undefined && { timeout }),
    ...(isPublic && { public: "watch" }),
    retry,
    run: (ctx, input) => {
      const { runId, scheduledTime, isCatchUp } = input as CronInput;
      return options.run(Object.assign(ctx, { runId, scheduledTime: new Date(scheduledTime), isCatchUp }));
    },
  });
  const text = expression.trim().split(/\s+/).join(" ");
  return {
    name,
    expression: text,
    timezone,
    catchUp,
    catchUpLimit,
    overlap,
    public: isPublic,
    hash: createHash("sha256")
      .update(JSON.stringify([text, timezone]))
      .digest("base64url"),
    template: runTemplate(job),
    schedule,
    job,
  };
}

function bad(sentence: string): ForgeError {
  return new ForgeError("BAD_REQUEST", sentence);
}
