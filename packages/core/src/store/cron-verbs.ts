import type { NewJob } from "../store.ts";

/** What a process that has a cron's definition says of it. */
export interface CronRegistration {
  readonly name: string;
  readonly expression: string;
  readonly timezone: string;
  /** Of expression and time zone: ticks are made only by processes whose definition has the hash of the row. */
  readonly hash: string;
  /** Whether ticks that a pause covers are missed ones, to be made up for, when it ends. */
  readonly catchUp: boolean;
  /** JSON text of what every run's row has in common; the store does not look inside. */
  readonly template: string;
}

/** A cron's row. Instants are milliseconds since 1970 by the store's clock. */
export interface CronRow extends CronRegistration {
  /** Up to here every tick is decided: it has its job, was skipped or passed over, or waits in `pending`. */
  readonly lastTick: number;
  /** Missed ticks that wait for the run before them to end, oldest first. */
  readonly pending: readonly number[];
  /** Rises with every decision about ticks, and with whatever changes the ground for one. */
  readonly turn: number;
  /** The job of the last tick that had one, and whether it is unfinished. */
  readonly tickJobId: string | null;
  readonly busy: boolean;
  /** The newest run, of a tick or triggered, and the time that it is for. */
  readonly lastJobId: string | null;
  readonly lastScheduledAt: number | null;
  /** How many ticks were skipped because their predecessor's job was unfinished, and the last of them. */
  readonly skipped: number;
  readonly lastSkippedAt: number | null;
  readonly pausedAt: number | null;
  /** The last pause or resume: when, and who. */
  readonly changedAt: number | null;
  readonly changedBy: string | null;
  /** When a worker process with this definition was last known to be there; a few seconds coarse. */
  readonly seenAt: number;
}

/** One decision about a cron's ticks. */
export interface CronAdvance {
  readonly name: string;
  readonly hash: string;
  /** The turn of the row that the decision is based on. */
  readonly turn: number;
  readonly lastTick: number;
  readonly pending: readonly number[];
  /** Ticks that are skipped for their predecessor's sake, oldest first. */
  readonly skipped: readonly number[];
  /** The runs that begin with this, oldest first, of one template; with the tick of the newest. Null: none. */
  readonly runs: { readonly jobs: readonly NewJob[]; readonly scheduledAt: number } | null;
}

/** The verbs over crons and their ticks. */
export interface CronVerbs {
  /**
   * Adds crons, and makes those that exist the caller's: of versions that run side by side, the last to register makes the
   * ticks. A new hash begins now, without a backlog and without what was pending; with `takeOver` it begins where the row was
   * last seen, since nobody has made its ticks from then on. Nothing else of a row that exists is changed but `seenAt`.
   */
  register(args: { crons: readonly CronRegistration[]; takeOver: boolean }): Promise<void>;
  /** Says that a worker process has these definitions; rows with another hash are left alone. */
  seen(args: { crons: readonly Pick<CronRegistration, "name" | "hash">[] }): Promise<void>;
  /** Reads the rows of these names (null: all), by name, and the store's time. Unknown names are left out. */
  read(args: { names: readonly string[] | null }): Promise<{ now: number; crons: CronRow[] }>;
  /**
   * Writes a decision and inserts its jobs, together or not at all, and answers whether it did. Nothing is changed where the
   * row's turn or hash is another by now, where the cron is paused, and where `lastTick` is not due by the store's clock.
   */
  advance(args: CronAdvance): Promise<boolean>;
  /** Inserts a run beside the ticks and makes it the row's newest; answers false for an unknown name. */
  trigger(args: { name: string; job: NewJob; scheduledAt: number }): Promise<boolean>;
  /** From now on no decision is taken, until `resume`. Answers false for an unknown name. */
  pause(args: { name: string; by: string | null }): Promise<boolean>;
  /**
   * Ends a pause. A last tick that lies ahead, as of a clock that went wrong for a while, is now. Without `catchUp` the cron goes on from now, and what was pending is dropped; with it, the ticks that the
   * pause covered are still to be decided. A cron that is not paused is left alone. Answers false for an unknown name.
   */
  resume(args: { name: string; by: string | null }): Promise<boolean>;
}
