import type { CronRegistration, CronRow } from "../store.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

const REGISTER = `
  INSERT INTO forge_crons (name, expression, timezone, hash, catch_up, template, last_tick, seen_at, created_at)
  VALUES (?, ?, ?, ?, ?, ?, ?7, ?7, ?7)
  ON CONFLICT (name) DO UPDATE SET
    expression = excluded.expression, timezone = excluded.timezone, hash = excluded.hash, catch_up = excluded.catch_up,
    template = excluded.template, seen_at = excluded.seen_at,
    last_tick = CASE WHEN hash = excluded.hash THEN last_tick WHEN ?8 THEN max(last_tick, seen_at) ELSE ?7 END,
    pending = CASE WHEN hash = excluded.hash THEN pending ELSE '[]' END,
    turn = turn + (hash <> excluded.hash)`;

export function register({ sql, now }: WriteTx, crons: readonly CronRegistration[], takeOver: boolean): void {
  for (const { name, expression, timezone, hash, catchUp, template } of crons) {
    sql.run(REGISTER, name, expression, timezone, hash, Number(catchUp), template, now, Number(takeOver));
  }
}

export function seen({ sql, now }: WriteTx, crons: readonly Pick<CronRegistration, "name" | "hash">[]): void {
  for (const { name, hash } of crons) {
    sql.run("UPDATE forge_crons SET seen_at = ? WHERE name = ? AND hash = ?", now, name, hash);
  }
}

const COLUMNS = `
  name, expression, timezone, hash, catch_up AS catchUp, template, last_tick AS lastTick, pending, turn,
  tick_job_id AS tickJobId, EXISTS (SELECT 1 FROM forge_live WHERE id = tick_job_id) AS busy, last_job_id AS lastJobId,
  last_scheduled_at AS lastScheduledAt, skipped, last_skipped_at AS lastSkippedAt, paused_at AS pausedAt,
  changed_at AS changedAt, changed_by AS changedBy, seen_at AS seenAt`;

type Row = Omit<CronRow, "catchUp" | "busy" | "pending"> & { catchUp: number; busy: number; pending: string };

export function readCrons(sql: Statements, names: readonly string[] | null): CronRow[] {
  const rows =
    names === null
      ? sql.all<Row>(`SELECT ${COLUMNS} FROM forge_crons ORDER BY name`)
      : sql.all<Row>(
          `SELECT ${COLUMNS} FROM forge_crons WHERE name IN (SELECT value FROM json_each(?)) ORDER BY name`,
          JSON.stringify(names),
        );
  return rows.map((row) => ({
    ...row,
    catchUp: row.catchUp === 1,
    busy: row.busy === 1,
    pending: JSON.parse(row.pending) as number[],
  }));
}

export function pause({ sql, now }: WriteTx, name: string, by: string | null): boolean {
  const changed = sql.run(
    `UPDATE forge_crons SET paused_at = ?1, changed_at = ?1, changed_by = ?2, turn = turn + 1
     WHERE name = ?3 AND paused_at IS NULL`,
    now,
    by,
    name,
  );
  return changed > 0 || exists(sql, name);
}

export function resume({ sql, now }: WriteTx, name: string, by: string | null): boolean {
  const changed = sql.run(
    `UPDATE forge_crons SET paused_at = NULL, changed_at = ?1, changed_by = ?2, turn = turn + 1,
       last_tick = CASE WHEN catch_up THEN min(last_tick, ?1) ELSE ?1 END, pending = CASE WHEN catch_up THEN pending ELSE '[]' END
     WHERE name = ?3 AND paused_at IS NOT NULL`,
    now,
    by,
    name,
  );
  return changed > 0 || exists(sql, name);
}

function exists(sql: Statements, name: string): boolean {
  return sql.get("SELECT 1 FROM forge_crons WHERE name = ?", name) !== undefined;
}
