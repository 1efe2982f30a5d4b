import { KEPT_LINES, type LogLevel, type LogVerbs } from "../store/log-verbs.ts";
import { binaryArrays } from "./arrays.ts";
import type { Database, Tables } from "./database.ts";
import type { Statement } from "./session.ts";

type LogRow = [jobId: string, at: number, level: LogLevel, attempt: number, message: string, fields: string | null];

/** Makes the verbs over what handlers logged. */
export function createLogs(database: Database): LogVerbs {
  const { write, sweep, read } = logStatements(database.tables);
  return {
    async write({ lines }) {
      const last = [...Map.groupBy(lines, ({ jobId }) => jobId).values()].flatMap((own) => own.slice(-KEPT_LINES));
      if (last.length === 0) return;
      await database.run(write, [
        binaryArrays.uuid(last.map(({ jobId }) => jobId)),
        binaryArrays.float8(last.map(({ agoMs }) => agoMs)),
        binaryArrays.text(last.map(({ level }) => level)),
        binaryArrays.int4(last.map(({ attempt }) => attempt)),
        binaryArrays.text(last.map(({ message }) => message)),
        binaryArrays.json(last.map(({ fields }) => fields)),
        database.offsetMs,
      ]);
      await database.run(sweep, [binaryArrays.uuid([...new Set(last.map(({ jobId }) => jobId))])]);
    },

    async read({ jobIds }) {
      if (jobIds.length === 0) return [];
      const rows = await database.run<LogRow>(read, [binaryArrays.uuid([...new Set(jobIds)])]);
      return rows.map(([jobId, at, level, attempt, message, fields]) => ({
        jobId,
        at,
        level,
        attempt,
        message,
        fields,
      }));
    },
  };
}

function logStatements({ live, ended, logs }: Tables): Readonly<Record<"write" | "sweep" | "read", Statement>> {
  const exists = `(EXISTS (SELECT FROM ${live} AS l WHERE l.id = job.id) OR EXISTS (SELECT FROM ${ended} AS e WHERE e.id = job.id))`;
  return {
    // Without a lock on the job: its run settles it at this very moment, more often than not, and neither waits for the
    // other. Of the statement's own lines nothing is visible to it yet, so that many less of the old ones stay.
    write: {
      text: `WITH said AS (
          SELECT * FROM unnest($1::uuid[], $2::float8[], $3::text[], $4::int4[], $5::text[], $6::json[])
            WITH ORDINALITY AS said (id, ago, level, attempt, message, fields, n)
        ), known AS MATERIALIZED (
          SELECT job.id, job.lines FROM (SELECT id, count(*) AS lines FROM said GROUP BY id OFFSET 0) AS job WHERE ${exists}
        ), written AS (
          INSERT INTO ${logs} (job_id, at, level, attempt, message, fields)
          SELECT said.id, statement_timestamp() + ($7::float8 - said.ago) * interval '1 millisecond', said.level,
            said.attempt, said.message, said.fields
          FROM said JOIN known ON known.id = said.id ORDER BY said.n
        )
        DELETE FROM ${logs} WHERE ctid = ANY (ARRAY(
          SELECT surplus.ctid FROM known, LATERAL (
            SELECT g.ctid FROM ${logs} AS g WHERE g.job_id = known.id ORDER BY g.seq DESC OFFSET ${KEPT_LINES} - known.lines
          ) AS surplus
        ))`,
    },
    // Whoever deleted a job while its lines were on their way did not see them. Those who delete it from now on do.
    sweep: {
      text: `DELETE FROM ${logs} WHERE ctid = ANY (ARRAY(
          SELECT stray.ctid FROM (SELECT id FROM unnest($1::uuid[]) AS said (id) OFFSET 0) AS job, LATERAL (
            SELECT g.ctid FROM ${logs} AS g WHERE g.job_id = job.id OFFSET 0
          ) AS stray
          WHERE NOT ${exists}
        ))`,
    },
    read: {
      text: `SELECT line.job_id, round(date_part('epoch', line.at) * 1000), line.level, line.attempt, line.message, line.fields::text
        FROM unnest($1::uuid[]) WITH ORDINALITY AS said (id, n), LATERAL (
          SELECT * FROM ${logs} AS g WHERE g.job_id = said.id ORDER BY g.seq DESC LIMIT ${KEPT_LINES}
        ) AS line ORDER BY said.n, line.seq`,
    },
  };
}
