import type { CronVerbs } from "../store.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { JobRows } from "./job-rows.ts";
import type { Statement } from "./session.ts";

const MS = "interval '1 millisecond'";

/**
 * Makes the verbs that write ticks and runs. Each is one statement, so that no process, killed or stopped in the middle, can
 * leave a tick without its job or hold the others up.
 */
export function createTicks(database: Database, hints: HintSink): Pick<CronVerbs, "advance" | "trigger"> {
  const rows = new JobRows(database);
  const { crons } = database.tables;
  const instant = (value: string): string => `timestamptz 'epoch' + ${value}::float8 * ${MS}`;

  /** `$n` of the statement's own values begin behind `from`, since an insert's stand before them. */
  const advancing = (from: number): string => {
    const $ = (n: number): string => `$${from + n}`;
    return `UPDATE ${crons} SET
        last_tick = ${instant($(1))}, pending = ${$(2)}::json, turn = turn + 1, skipped = skipped + ${$(3)}::int4,
        last_skipped_at = coalesce(${instant($(4))}, last_skipped_at),
        tick_job_id = coalesce(${$(5)}::uuid, tick_job_id), last_job_id = coalesce(${$(5)}::uuid, last_job_id),
        last_scheduled_at = coalesce(${instant($(6))}, last_scheduled_at)
      WHERE name = ${$(7)}::text AND hash = ${$(8)}::text AND turn = ${$(9)}::int4 AND paused_at IS NULL
        AND ${instant($(1))} <= statement_timestamp() + ${$(10)}::float8 * ${MS}
      RETURNING name`;
  };
  const triggering = (from: number): string =>
    `UPDATE ${crons} SET last_job_id = $${from + 1}::uuid, last_scheduled_at = ${instant(`$${from + 2}`)}
      WHERE name = $${from + 3}::text RETURNING name`;
  const passOver: Statement = { text: advancing(0) };

  return {
    async advance({ name, hash, turn, lastTick, pending, skipped, runs }) {
      const jobs = runs?.jobs ?? [];
      const [first] = jobs;
      const changes = [lastTick, JSON.stringify(pending), skipped.length, skipped.at(-1) ?? null];
      const newest = [jobs.at(-1)?.id ?? null, runs?.scheduledAt ?? null];
      const values = [...changes, ...newest, name, hash, turn, database.offsetMs];
      if (first === undefined) return (await database.run(passOver, values)).length > 0;
      const isWritten = await rows.insertIf(jobs, advancing, values);
      if (isWritten) hints.available([first.queue]);
      return isWritten;
    },

    async trigger({ name, job, scheduledAt }) {
      const isWritten = await rows.insertIf([job], triggering, [job.id, scheduledAt, name]);
      if (isWritten) hints.available([job.queue]);
      return isWritten;
    },
  };
}
