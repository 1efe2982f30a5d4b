import type { StoredJobStatus } from "@forge-jobs/protocol";
import { type ActOptions, actor } from "../act-options.ts";
import { checkName } from "../define.ts";
import { ForgeError, shown } from "../errors.ts";
import { jobOf } from "../job-record.ts";
import { refuseUnknownOptions } from "../options.ts";
import type { CronRow, NewJob, Store } from "../store.ts";
import { type CronInput, newRun } from "./cron-run.ts";
import type { CronDefinition } from "./define-cron.ts";
import { Schedule } from "./schedule.ts";

/** A run of a cron. */
export interface CronRun {
  jobId: string;
  /** The tick that it is for; of a run that was triggered, when that was. */
  scheduledTime: Date;
  /** Null once the job's row is gone, by its retention. So are the fields below. */
  status: StoredJobStatus | null;
  isCatchUp: boolean | null;
  triggeredBy: string | null;
  startedAt: Date | null;
  /** The full text of the last error, for operators. */
  error: string | null;
}

/** A cron, for people and programs on the server. */
export interface Cron {
  name: string;
  expression: string;
  timezone: string;
  catchUp: boolean;
  /** The next tick; null while the cron is paused or orphaned. */
  nextRun: Date | null;
  /** The newest run, of a tick or triggered. */
  lastRun: CronRun | null;
  /** Ticks that were skipped because the job of the tick before was unfinished: how many, and the last of them. */
  skipped: number;
  lastSkipped: Date | null;
  pausedAt: Date | null;
  /** The last pause or resume, and who it was. */
  changedAt: Date | null;
  changedBy: string | null;
  /** No worker process has had this definition for a minute: it was removed or renamed, or all workers are down. */
  orphaned: boolean;
}

/** What `crons.preview` takes. */
export interface PreviewOptions {
  /** 1 to 1,000. Default 5. */
  count?: number;
  /** Ticks after this instant. Default: now. */
  from?: Date;
}

/** What can be done with crons, in any process on the database. Verbs throw `NOT_FOUND` for a name that no worker registered yet. */
export interface Crons {
  /** Reads one cron; null if there is none of that name. */
  get(name: string): Promise<Cron | null>;
  /** Reads all crons, by name. Removed ones are among them, `orphaned`. */
  list(): Promise<Cron[]>;
  /**
   * Runs the cron now, beside its schedule and also while it is paused, and answers the job's id. `by` stands in the job's
   * input as `triggeredBy`. Throws `CONFLICT` for an orphaned cron, whose run nobody would take.
   */
  trigger(name: string, options?: ActOptions): Promise<string>;
  /** No tick of it makes a job once this has resolved; runs that exist go on. `by` is kept as `changedBy`. Pausing twice is no error. */
  pause(name: string, options?: ActOptions): Promise<void>;
  /**
   * Ends a pause. With `catchUp` the newest of the ticks that the pause covered are made up for, at most `catchUpLimit`;
   * without it the next tick is the first.
   */
  resume(name: string, options?: ActOptions): Promise<void>;
  /** The next ticks, by the definition in this process, or else by the one that is registered. */
  preview(name: string, options?: PreviewOptions): Promise<Date[]>;
}

const ORPHANED_MS = 60_000;
const MOST_PREVIEWED = 1_000;

/** Makes the verbs over crons; `onMade` hears of triggered jobs. */
export function createCrons(
  store: Store,
  definitions: readonly CronDefinition[],
  onMade: (jobs: readonly NewJob[]) => Promise<void>,
): Crons {
  const known = new Map(definitions.map((cron) => [cron.name, cron]));

  const one = async (name: string): Promise<{ row: CronRow; now: number }> => {
    const { now, crons } = await store.crons.read({ names: [nameOf(name)] });
    const [row] = crons;
    if (row === undefined) throw unknown(name);
    return { row, now };
  };

  const shownOf = async (rows: readonly CronRow[], now: number): Promise<Cron[]> => {
    const ids = rows.flatMap(({ lastJobId }) => (lastJobId === null ? [] : [lastJobId]));
    const jobs = ids.length === 0 ? [] : (await store.jobs.get({ ids })).map(jobOf);
    const byId = new Map(jobs.map((job) => [job.id, job]));
    return rows.map((row): Cron => {
      const orphaned = now - row.seenAt > ORPHANED_MS;
      const job = byId.get(row.lastJobId ?? "");
      const input = job?.input as CronInput | undefined;
      return {
        name: row.name,
        expression: row.expression,
        timezone: row.timezone,
        catchUp: row.catchUp,
        nextRun: orphaned || row.pausedAt !== null ? null : nextRunOf(row, now),
        lastRun:
          row.lastJobId === null
            ? null
            : {
                jobId: row.lastJobId,
                scheduledTime: new Date(row.lastScheduledAt ?? 0),
                status: job?.status ?? null,
                isCatchUp: input?.isCatchUp ?? null,
                triggeredBy: input?.triggeredBy ?? null,
                startedAt: job?.startedAt ?? null,
                error: job?.error ?? null,
              },
        skipped: row.skipped,
        lastSkipped: dateOf(row.lastSkippedAt),
        pausedAt: dateOf(row.pausedAt),
        changedAt: dateOf(row.changedAt),
        changedBy: row.changedBy,
        orphaned,
      };
    });
  };

  return {
    get: async (name) => {
      const { now, crons } = await store.crons.read({ names: [nameOf(name)] });
      return (await shownOf(crons, now))[0] ?? null;
    },
    list: async () => {
      const { now, crons } = await store.crons.read({ names: null });
      return shownOf(crons, now);
    },
    trigger: async (name, options = {}) => {
      const by = byOf("crons.trigger", options);
      const { row, now } = await one(name);
      if (now - row.seenAt > ORPHANED_MS) {
        throw new ForgeError(
          "CONFLICT",
          `No running worker has the cron ${name}; start one with it in createForge({ crons }) first.`,
        );
      }
      const template = known.get(name)?.template ?? row.template;
      const job = newRun(template, { scheduledAt: now, isCatchUp: false, triggeredBy: by });
      if (!(await store.crons.trigger({ name, job, scheduledAt: now }))) throw unknown(name);
      await onMade([job]);
      return job.id;
    },
    pause: async (name, options = {}) => {
      const by = byOf("crons.pause", options);
      if (!(await store.crons.pause({ name: nameOf(name), by }))) throw unknown(name);
    },
    resume: async (name, options = {}) => {
      const by = byOf("crons.resume", options);
      if (!(await store.crons.resume({ name: nameOf(name), by }))) throw unknown(name);
    },
    preview: async (name, options = {}) => {
      refuseUnknownOptions("crons.preview", options, ["count", "from"]);
      const { count = 5, from } = options;
      if (!Number.isInteger(count) || count < 1 || count > MOST_PREVIEWED) {
        throw new ForgeError("BAD_REQUEST", `count must be a whole number from 1 to 1,000; got ${shown(count)}.`);
      }
      if (from !== undefined && !(from instanceof Date && !Number.isNaN(from.getTime()))) {
        throw new ForgeError("BAD_REQUEST", `from must be a valid Date; got ${shown(from)}.`);
      }
      const cron = known.get(name);
      const isSelfContained = cron !== undefined && from !== undefined;
      const { row, now } = isSelfContained ? { row: null, now: 0 } : await oneOrDefined(name, cron);
      const schedule = cron?.schedule ?? scheduleOf(row as CronRow);
      const ticks: Date[] = [];
      for (let tick = schedule.next(from?.getTime() ?? now); tick !== null; tick = schedule.next(tick)) {
        ticks.push(new Date(tick));
        if (ticks.length === count) break;
      }
      return ticks;
    },
  };

  async function oneOrDefined(
    name: string,
    cron: CronDefinition | undefined,
  ): Promise<{ row: CronRow | null; now: number }> {
    const { now, crons } = await store.crons.read({ names: [nameOf(name)] });
    if (crons[0] === undefined && cron === undefined) throw unknown(name);
    return { row: crons[0] ?? null, now };
  }
}

function scheduleOf({ expression, timezone, name }: CronRow): Schedule {
  return new Schedule(expression, timezone, `the cron ${name}`);
}

/** Null also for what this process cannot read: another version registered it, on a host that knows more time zones. */
function nextRunOf(row: CronRow, now: number): Date | null {
  try {
    return dateOf(scheduleOf(row).next(now));
  } catch {
    return null;
  }
}

function nameOf(name: string): string {
  return checkName("A cron's name", name);
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}

function byOf(what: string, options: ActOptions): string | null {
  refuseUnknownOptions(what, options, ["by"]);
  return actor(options.by).by ?? null;
}

function unknown(name: string): ForgeError {
  return new ForgeError(
    "NOT_FOUND",
    `There is no cron ${shown(name)}; a worker that has it registers it when it starts.`,
  );
}
