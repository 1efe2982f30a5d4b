import { KEPT_LINES, type LogRecord, type LogVerbs } from "../store/log-verbs.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

const EXISTS = `
  SELECT 1 WHERE EXISTS (SELECT 1 FROM forge_live WHERE id = ?) OR EXISTS (SELECT 1 FROM forge_ended WHERE id = ?)`;

const ADD = "INSERT INTO forge_logs (job_id, at, level, attempt, message, fields) VALUES (?, ?, ?, ?, ?, ?)";

const TRIM = `
  DELETE FROM forge_logs WHERE seq IN (
    SELECT seq FROM forge_logs WHERE job_id = ? ORDER BY seq DESC LIMIT -1 OFFSET ${KEPT_LINES}
  )`;

export function writeLogs({ sql, now }: WriteTx, lines: Parameters<LogVerbs["write"]>[0]["lines"]): void {
  for (const [id, own] of Map.groupBy(lines, ({ jobId }) => jobId)) {
    if (sql.get(EXISTS, id, id) === undefined) continue;
    for (const { agoMs, level, attempt, message, fields } of own) {
      sql.run(ADD, id, now - Math.round(agoMs), level, attempt, message, fields);
    }
    sql.run(TRIM, id);
  }
}

const READ = `
  SELECT job_id AS jobId, at, level, attempt, message, fields FROM forge_logs WHERE job_id = ? ORDER BY seq`;

export function readLogs(sql: Statements, jobIds: readonly string[]): LogRecord[] {
  return [...new Set(jobIds)].flatMap((id) => sql.all<LogRecord>(READ, id)).map((row) => ({ ...row }));
}
