import type { RateLimitRecord, RateLimitVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import type { Database } from "./database.ts";

type LimitRow = [
  scope: string,
  tokens: number,
  periodMs: number,
  burst: number,
  available: number,
  nextInMs: number,
  changedAt: number,
  changedBy: string | null,
];

type AcquiredRow = [jobId: string, waitMs: number];

const MS = "interval '1 millisecond'";
const nowOf = (offset: string): string => `(SELECT statement_timestamp() + ${offset}::float8 * ${MS})`;

// Each token that a bucket lacks takes its share of the period to flow in.
const TOKEN = `(period_ms / tokens * ${MS})`;

/** Makes the verbs over rate limits. The row of a limit is their lock: who waits for it goes on from what it says then. */
export function createRateLimits(database: Database): RateLimitVerbs {
  const { rateLimits: limits, ratePlaces: places } = database.tables;
  const configure = {
    // What was given counts for a bucket at most; those who had a place ask again.
    text: `WITH clock AS (SELECT statement_timestamp() + $5::float8 * ${MS} AS now),
      known AS MATERIALIZED (
        SELECT now + $3::float8 / $2::int4 * ${MS} * least(
          $4::int4, greatest(0, date_part('epoch', full_at - now) * 1e3 / (period_ms / tokens))
        ) AS full_at
        FROM ${limits} AS l, clock WHERE scope = $1 FOR UPDATE OF l
      )
      INSERT INTO ${limits} AS l (scope, tokens, period_ms, burst, full_at, line_at, changed_at, changed_by)
      SELECT $1, $2::int4, $3::float8, $4::int4, full_at, full_at, now, $6::text
      FROM (SELECT coalesce((SELECT full_at FROM known), now) AS full_at, now FROM clock) AS new
      ON CONFLICT (scope) DO UPDATE SET
        tokens = excluded.tokens, period_ms = excluded.period_ms, burst = excluded.burst,
        full_at = excluded.full_at, line_at = excluded.line_at, generation = l.generation + 1,
        changed_at = excluded.changed_at, changed_by = excluded.changed_by
      WHERE (l.tokens, l.period_ms, l.burst) IS DISTINCT FROM (excluded.tokens, excluded.period_ms, excluded.burst)`,
  };
  const list = {
    text: `SELECT scope, tokens, period_ms, burst,
        greatest(0, floor(burst - lacking + 1e-6))::int4,
        greatest(0, (lacking - burst + 1) * period_ms / tokens), (date_part('epoch', changed_at) * 1e3)::int8, changed_by
      FROM (
        SELECT *, greatest(0, date_part('epoch', greatest(line_at, full_at) - ${nowOf("$1")}) * 1e3) / (period_ms / tokens)
          AS lacking
        FROM ${limits} WHERE $2::text IS NULL OR scope = $2
      ) AS l ORDER BY scope`,
  };
  // A new ask queues at the end of the line. One whose turn has come takes a token, and where that is not there yet, since
  // many came late to their turn, it is told when it will be.
  const acquire = {
    text: `WITH clock AS (SELECT statement_timestamp() + $3::float8 * ${MS} AS now),
      bucket AS MATERIALIZED (
        SELECT burst, generation, ${TOKEN} AS token, greatest(line_at, now) AS line_at, greatest(full_at, now) AS full_at, now
        FROM ${limits} AS l, clock WHERE scope = $1 FOR UPDATE OF l
      ), said AS MATERIALIZED (
        SELECT said.job_id, said.n, p.free_at, coalesce(p.given, false) AS given, p.free_at IS NULL AS is_new
        FROM bucket CROSS JOIN unnest($2::uuid[]) WITH ORDINALITY AS said (job_id, n)
        LEFT JOIN ${places} AS p ON p.scope = $1 AND p.job_id = said.job_id AND p.generation = bucket.generation
      ), lined AS MATERIALIZED (
        SELECT job_id, n, given, is_new, CASE
            WHEN is_new THEN line_at + (count(*) FILTER (WHERE is_new) OVER (ORDER BY n) - burst) * token ELSE free_at
          END AS free_at
        FROM said, bucket
      ), answer AS MATERIALIZED (
        SELECT job_id, is_new, takes, given OR takes AS given, CASE
            WHEN takes THEN full_at + (count(*) FILTER (WHERE takes) OVER (ORDER BY n) - burst) * token ELSE free_at
          END AS free_at
        FROM (SELECT *, NOT given AND free_at <= (SELECT now FROM clock) AS takes FROM lined) AS lined, bucket
      ), moved AS (
        UPDATE ${limits} AS l SET
          line_at = bucket.line_at + (SELECT count(*) FROM answer WHERE is_new) * token,
          full_at = bucket.full_at + (SELECT count(*) FROM answer WHERE takes) * token
        FROM bucket WHERE l.scope = $1
      ), had AS (
        DELETE FROM ${places} AS p USING answer, clock
        WHERE p.scope = $1 AND p.job_id = answer.job_id AND answer.free_at <= now
      ), waiting AS (
        INSERT INTO ${places} (scope, job_id, free_at, given, generation)
        SELECT $1, job_id, free_at, given, generation FROM answer, bucket WHERE free_at > now AND (is_new OR takes)
        ON CONFLICT (scope, job_id) DO UPDATE SET
          free_at = excluded.free_at, given = excluded.given, generation = excluded.generation
      )
      SELECT job_id, greatest(0, date_part('epoch', free_at - now) * 1e3) FROM answer, clock`,
  };
  const drain = {
    text: `UPDATE ${limits} AS l SET
        generation = generation + CASE WHEN drained_at > full_at THEN 1 ELSE 0 END,
        line_at = CASE WHEN drained_at > full_at THEN drained_at ELSE line_at END,
        full_at = greatest(full_at, drained_at)
      FROM (
        SELECT ${nowOf("$3")} + $2::float8 * ${MS} + (burst - 1) * ${TOKEN} AS drained_at FROM ${limits} WHERE scope = $1
      ) AS drained
      WHERE scope = $1 RETURNING 1`,
  };

  return {
    async configure({ scope, tokens, periodMs, burst, by = null }) {
      await database.run(configure, [scope, tokens, periodMs, burst, database.offsetMs, by]);
    },

    async list({ scope }) {
      return (await database.run<LimitRow>(list, [database.offsetMs, scope ?? null])).map(limitRecord);
    },

    async acquire({ scope, jobIds }) {
      const rows = await database.run<AcquiredRow>(acquire, [scope, binaryArrays.uuid(jobIds), database.offsetMs]);
      const waits = new Map(rows);
      return rows.length === 0 ? null : jobIds.map((id) => Math.ceil(waits.get(id) ?? 0));
    },

    async drain({ scope, retryAfterMs }) {
      return (await database.run(drain, [scope, retryAfterMs, database.offsetMs])).length > 0;
    },
  };
}

function limitRecord([
  scope,
  tokens,
  periodMs,
  burst,
  available,
  nextInMs,
  changedAt,
  changedBy,
]: LimitRow): RateLimitRecord {
  const state = { available, nextInMs: available > 0 ? 0 : Math.ceil(nextInMs) };
  return { scope, tokens, periodMs, burst, ...state, changedAt, changedBy };
}
