import type { KeyClaim } from "../store.ts";
import type { Statements } from "./statements.ts";

/** A row of `forge_keys` with what is known of the job it names. */
interface KeyRow {
  jobId: string;
  windowUntil: number | null;
  keepMs: number | null;
  isLive: number;
  status: string | null;
  completedAt: number | null;
}

const FIND = `
  SELECT k.job_id AS jobId, k.window_until AS windowUntil, k.keep_ms AS keepMs,
    EXISTS (SELECT 1 FROM forge_live WHERE id = k.job_id) AS isLive, e.status, e.completed_at AS completedAt
  FROM forge_keys k LEFT JOIN forge_ended e ON e.id = k.job_id
  WHERE k.scope = ? AND k.key = ?`;

const TAKE = `
  INSERT INTO forge_keys (scope, key, job_id, window_until, keep_ms) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (scope, key) DO UPDATE
  SET job_id = excluded.job_id, window_until = excluded.window_until, keep_ms = excluded.keep_ms`;

/**
 * The id of the job that holds a key now, or null. Looked up when somebody wants the key, so that settling a job never
 * touches its keys.
 */
export function keyHolder(sql: Statements, { scope, key }: KeyClaim, now: number): string | null {
  const row = sql.get<KeyRow>(FIND, scope, key);
  return row !== undefined && isHeld(row, now) ? row.jobId : null;
}

function isHeld({ windowUntil, keepMs, isLive, status, completedAt }: KeyRow, now: number): boolean {
  if (windowUntil !== null) return now < windowUntil;
  if (isLive === 1) return true;
  // A key for ever outlives its job's row.
  if (status === null) return keepMs === null;
  return status === "completed" && (keepMs === null || now - completedAt! < keepMs);
}

/** Writes a key for a job, replacing whom it named before. */
export function takeKey(sql: Statements, { scope, key, hold }: KeyClaim, jobId: string, now: number): void {
  const windowUntil = hold.kind === "window" ? now + hold.ms : null;
  const keepMs = hold.kind === "job" ? hold.afterCompletionMs : null;
  sql.run(TAKE, scope, key, jobId, windowUntil, keepMs);
}

/** What a job's row keeps of its keys, for a person's retry: those that the job holds itself. A window is no matter of a retry. */
export function storedKeys({ keys }: { readonly keys: readonly KeyClaim[] }): string | null {
  const own = keys.filter(({ hold }) => hold.kind === "job");
  return own.length === 0 ? null : JSON.stringify(own);
}

/** Takes the keys of a row again for its job: all that it was dispatched with, or none if another job holds one of them. */
export function takeKeysAgain(sql: Statements, id: string, stored: string | null, now: number): boolean {
  if (stored === null) return true;
  const keys = JSON.parse(stored) as KeyClaim[];
  const isFree = (key: KeyClaim): boolean => [null, id].includes(keyHolder(sql, key, now));
  if (!keys.every(isFree)) return false;
  for (const key of keys) takeKey(sql, key, id, now);
  return true;
}

const KEEP_ON = `
  UPDATE forge_keys SET window_until = ? + keep_ms
  WHERE scope = ? AND key = ? AND job_id = ? AND window_until IS NULL AND keep_ms > 0`;

const RELEASE = `
  DELETE FROM forge_keys
  WHERE scope = ? AND key = ? AND job_id = ? AND window_until IS NULL AND (? OR keep_ms = 0)`;

/**
 * Settles what becomes of the keys of an ended job whose row goes: those that it holds for a time after its completion are
 * held until then by themselves, those for ever stay, and the others are gone.
 */
export function partWithKeys(sql: Statements, id: string, stored: string | null, completedAt: number | null): void {
  if (stored === null) return;
  for (const { scope, key } of JSON.parse(stored) as KeyClaim[]) {
    if (completedAt !== null) sql.run(KEEP_ON, completedAt, scope, key, id);
    sql.run(RELEASE, scope, key, id, completedAt === null ? 1 : 0);
  }
}
