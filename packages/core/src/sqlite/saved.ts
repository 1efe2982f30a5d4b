import type { SavedValue } from "../store.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

const HELD = `
  SELECT 1 FROM forge_live WHERE id = ? AND claim_no = ? AND status IN ('claimed', 'running', 'cancel_requested')`;

const SAVE = `
  INSERT INTO forge_saved (job_id, key, value) VALUES (?, ?, ?)
  ON CONFLICT (job_id, key) DO UPDATE SET value = excluded.value`;

export function writeSaved({ sql }: WriteTx, values: readonly (SavedValue & { claimNo: number })[]): boolean[] {
  return values.map(({ id, claimNo, key, value }) => {
    if (sql.get(HELD, id, claimNo) === undefined) return false;
    sql.run(SAVE, id, key, value);
    return true;
  });
}

const READ = `
  SELECT job_id AS id, forge_saved.key, forge_saved.value FROM json_each(?) wanted
  CROSS JOIN forge_saved ON job_id = wanted.value`;

export function readSaved(sql: Statements, ids: readonly string[]): SavedValue[] {
  return sql.all<SavedValue>(READ, JSON.stringify(ids)).map((row) => ({ ...row }));
}
