import type { RateLimitConfig, RateLimitRecord } from "../store.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

interface LimitRow {
  scope: string;
  tokens: number;
  periodMs: number;
  burst: number;
  fullAt: number;
  lineAt: number;
  generation: number;
  changedAt: number;
  changedBy: string | null;
}

interface PlaceRow {
  freeAt: number;
  given: number;
}

const COLUMNS = `
  scope, tokens, period_ms AS periodMs, burst, full_at AS fullAt, line_at AS lineAt, generation,
  changed_at AS changedAt, changed_by AS changedBy`;
const FIND = `SELECT ${COLUMNS} FROM forge_rate_limits WHERE scope = ?`;

/** How long one token takes to flow in. */
const tokenMs = ({ tokens, periodMs }: Pick<LimitRow, "tokens" | "periodMs">): number => periodMs / tokens;

/** The instants are sums of fractions. */
const ROUNDING = 1e-3;

const INSERT = `
  INSERT INTO forge_rate_limits (scope, tokens, period_ms, burst, full_at, line_at, changed_at, changed_by)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;

const CHANGE = `
  UPDATE forge_rate_limits
  SET tokens = ?, period_ms = ?, burst = ?, full_at = ?, line_at = ?, generation = generation + 1,
    changed_at = ?, changed_by = ?
  WHERE scope = ?`;

export function configureRateLimit({ sql, now }: WriteTx, config: RateLimitConfig & { by?: string }): void {
  const { scope, tokens, periodMs, burst, by = null } = config;
  const row = sql.get<LimitRow>(FIND, scope);
  if (row === undefined) {
    sql.run(INSERT, scope, tokens, periodMs, burst, now, now, now, by);
    return;
  }
  if (row.tokens === tokens && row.periodMs === periodMs && row.burst === burst) return;
  // What was given counts for a bucket at most; those who had a place ask again.
  const fullAt = now + Math.min(burst, Math.max(0, row.fullAt - now) / tokenMs(row)) * tokenMs(config);
  sql.run(CHANGE, tokens, periodMs, burst, fullAt, fullAt, now, by, scope);
}

export function listRateLimits(sql: Statements, now: number, scope: string | undefined): RateLimitRecord[] {
  const rows =
    scope === undefined
      ? sql.all<LimitRow>(`SELECT ${COLUMNS} FROM forge_rate_limits ORDER BY scope`)
      : sql.all<LimitRow>(FIND, scope);
  return rows.map((row) => {
    const lacking = Math.max(0, Math.max(row.lineAt, row.fullAt) - now) / tokenMs(row);
    const available = Math.max(0, Math.floor(row.burst - lacking + ROUNDING));
    const nextInMs = available > 0 ? 0 : Math.ceil((lacking - row.burst + 1) * tokenMs(row));
    const { scope: name, tokens, periodMs, burst, changedAt, changedBy } = row;
    return { scope: name, tokens, periodMs, burst, available, nextInMs, changedAt, changedBy };
  });
}

const PLACE =
  "SELECT free_at AS freeAt, given FROM forge_rate_places WHERE scope = ? AND job_id = ? AND generation = ?";

const RESERVE = `
  INSERT INTO forge_rate_places (scope, job_id, free_at, given, generation) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (scope, job_id) DO UPDATE
  SET free_at = excluded.free_at, given = excluded.given, generation = excluded.generation`;

/** The transaction's lock stands for the lock on the limit's row. */
export function acquireTokens({ sql, now }: WriteTx, scope: string, jobIds: readonly string[]): number[] | null {
  const limit = sql.get<LimitRow>(FIND, scope);
  if (limit === undefined) return null;
  const token = tokenMs(limit);
  let lineAt = Math.max(limit.lineAt, now);
  let fullAt = Math.max(limit.fullAt, now);
  const waits = jobIds.map((id) => {
    const place = sql.get<PlaceRow>(PLACE, scope, id, limit.generation);
    // A new ask queues at the end of the line.
    if (place === undefined) lineAt += token;
    let freeAt = place?.freeAt ?? lineAt - limit.burst * token;
    // One whose turn has come takes a token, and where that is not there yet, since many came late to their turn, it is
    // told when it will be.
    const takes = place?.given !== 1 && freeAt <= now + ROUNDING;
    if (takes) {
      fullAt += token;
      freeAt = fullAt - limit.burst * token;
    }
    if (freeAt <= now + ROUNDING) {
      sql.run("DELETE FROM forge_rate_places WHERE scope = ? AND job_id = ?", scope, id);
      return 0;
    }
    if (place === undefined || takes) sql.run(RESERVE, scope, id, freeAt, takes ? 1 : 0, limit.generation);
    return Math.ceil(freeAt - now);
  });
  sql.run("UPDATE forge_rate_limits SET full_at = ?, line_at = ? WHERE scope = ?", fullAt, lineAt, scope);
  return waits;
}

const DRAIN = `
  UPDATE forge_rate_limits SET full_at = ?, line_at = ?, generation = generation + 1 WHERE scope = ?`;

export function drainRateLimit({ sql, now }: WriteTx, scope: string, retryAfterMs: number): boolean {
  const limit = sql.get<LimitRow>(FIND, scope);
  if (limit === undefined) return false;
  const drainedAt = now + retryAfterMs + (limit.burst - 1) * tokenMs(limit);
  if (drainedAt > limit.fullAt) sql.run(DRAIN, drainedAt, drainedAt, scope);
  return true;
}
