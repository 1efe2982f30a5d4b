import type { StepRecord } from "../store.ts";
import type { Tables } from "./database.ts";
import type { Statement } from "./session.ts";

const MS = "interval '1 millisecond'";

/** A step as statements answer it. */
export type StepRow = [
  runId: string,
  key: string,
  kind: StepRecord["kind"],
  status: StepRecord["status"],
  ord: number,
  seq: number | null,
  attempt: number,
  output: string | null,
  error: string | null,
  errorName: string | null,
  publicError: string | null,
  dueAt: number | null,
  childId: string | null,
  hasUndo: boolean,
  startedAt: number,
  endedAt: number | null,
];

const instant = (column: string): string => `round(date_part('epoch', ${column}) * 1000)`;

/** The columns of a `StepRow`, of the row `s`. */
export const STEP: string = `s.run_id, s.key, s.kind, s.status AS step_status, s.ord, s.seq, s.attempt, s.output::text AS output,
  s.error, s.error_name, s.public_error, ${instant("s.due_at")} AS due_at, s.child_id, s.has_undo,
  ${instant("s.started_at")} AS started_at, ${instant("s.ended_at")} AS ended_at`;

export function stepRecord(row: StepRow): StepRecord {
  const [, key, kind, status, ord, seq, attempt, output, error, errorName, publicError, dueAt, childId, ...rest] = row;
  const [hasUndo, startedAt, endedAt] = rest;
  const failure = error === null ? null : { error, errorName, publicError: publicError! };
  const place = { key, kind, status, ord, seq, attempt };
  return { ...place, output, failure, dueAt, childId, hasUndo, startedAt, endedAt };
}

/** The statements that record steps. */
export interface StepStatements {
  /** Answers each write that came to its step; the others found no row of theirs, or one that somebody else has locked. */
  readonly record: Statement;
  /** The runs that a worker holds, of these ids, with their claims. */
  readonly find: Statement;
  /** Waits for the row of one run, and locks it. */
  readonly lock: Statement;
}

/**
 * Whoever writes steps of a run writes its row too. So where the row's version that was locked is the one that the statement
 * sees, it sees the steps as they are; where it is not, the row is not found by its place, and nothing is recorded.
 */
export function stepStatements({ live, steps, signals }: Tables): StepStatements {
  const isHeld = "l.status IN ('claimed', 'running', 'cancel_requested')";
  return {
    record: {
      text: `WITH said AS (
          SELECT * FROM unnest(
            $1::uuid[], $2::int4[], $3::text[], $4::text[], $5::text[], $6::int4[], $7::float8[], $8::int4[], $9::int2[],
            $10::float8[], $11::float8[], $12::text[], $13::json[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[]
          ) WITH ORDINALITY AS said (
            run_id, claim_no, key, kind, status, ord, seq, attempt, has_undo, in_ms, at_ms, child_id, output, error, error_name,
            public_error, signal_name, signal_id, n
          )
        ), held AS MATERIALIZED (
          SELECT row.* FROM (SELECT DISTINCT run_id, claim_no FROM said ORDER BY run_id) AS run, LATERAL (
            SELECT l.id AS run_id, l.claim_no, l.ctid AS place FROM ${live} AS l
            WHERE l.id = run.run_id AND l.claim_no = run.claim_no AND ${isHeld}
            FOR NO KEY UPDATE SKIP LOCKED
          ) AS row
        ), met AS MATERIALIZED (
          SELECT said.n, held.place, known.place AS step_place, CASE
              WHEN known.status IS NULL OR (known.status = 'running' AND said.attempt >= known.attempt) THEN 'write'
              WHEN known.status = 'completed' AND said.status = 'compensated' THEN 'compensate'
              ELSE 'adopt'
            END AS deed
          FROM said JOIN held USING (run_id, claim_no) LEFT JOIN LATERAL (
            SELECT s.ctid AS place, s.status, s.attempt FROM ${steps} AS s
            WHERE s.run_id = said.run_id AND s.key = said.key LIMIT 1
          ) AS known ON true
        ), moved AS (
          UPDATE ${live} AS l SET revision = l.revision + 1
          WHERE l.ctid = ANY (ARRAY(SELECT DISTINCT place FROM met WHERE deed <> 'adopt'))
          RETURNING l.id AS run_id, l.status, l.revision, l.progress
        ), written AS (
          INSERT INTO ${steps} AS s (
            run_id, key, kind, status, ord, seq, attempt, has_undo, started_at, ended_at, due_at, child_id, output, error,
            error_name, public_error
          )
          SELECT run_id, key, kind, said.status, ord, seq::int4, attempt, has_undo = 1, now,
            CASE WHEN said.status <> 'running' THEN now END,
            coalesce(timestamptz 'epoch' + at_ms * ${MS}, now + in_ms * ${MS}), child_id::uuid, output, error, error_name,
            public_error
          FROM said JOIN met USING (n) JOIN moved USING (run_id),
            (SELECT statement_timestamp() + $19::float8 * ${MS} AS now) AS clock
          WHERE deed = 'write' ORDER BY run_id, key
          ON CONFLICT (run_id, key) DO UPDATE SET
            status = excluded.status, seq = excluded.seq, attempt = excluded.attempt, has_undo = excluded.has_undo,
            ended_at = excluded.ended_at,
            -- What is decided once stands: when it began, how long it waits; only a new attempt waits for a time of its own,
            -- and one that was put off and is put off again.
            due_at = CASE WHEN s.kind IN ('step', 'undo')
                AND (excluded.attempt > s.attempt OR excluded.due_at IS NOT NULL AND s.due_at <= excluded.started_at)
              THEN excluded.due_at ELSE coalesce(s.due_at, excluded.due_at) END,
            child_id = coalesce(excluded.child_id, s.child_id), output = excluded.output, error = excluded.error,
            error_name = excluded.error_name, public_error = excluded.public_error
          RETURNING ${STEP}
        ), undone AS (
          UPDATE ${steps} AS s SET status = 'compensated' WHERE s.ctid = ANY (ARRAY(
            SELECT step_place FROM said JOIN met USING (n) JOIN moved USING (run_id) WHERE deed = 'compensate'
          ))
          RETURNING ${STEP}
        ), consumed AS (
          UPDATE ${signals} AS g SET step_key = said.key FROM said
          WHERE g.run_id = said.run_id AND g.name = said.signal_name AND g.signal_id = said.signal_id
            AND g.step_key IS NULL AND g.ctid = ANY (ARRAY(
              SELECT row.ctid FROM said JOIN met USING (n) JOIN moved USING (run_id), LATERAL (
                SELECT g.ctid FROM ${signals} AS g
                WHERE g.run_id = said.run_id AND g.name = said.signal_name AND g.signal_id = said.signal_id LIMIT 1
              ) AS row WHERE deed <> 'adopt' AND said.signal_id IS NOT NULL
            ))
        )
        SELECT n::int4, true AS wrote, moved.status, revision, progress, s.*
        FROM (SELECT * FROM written UNION ALL SELECT * FROM undone) AS s
        JOIN said ON said.run_id = s.run_id AND said.key = s.key JOIN met USING (n) JOIN moved ON moved.run_id = s.run_id
        UNION ALL
        SELECT n::int4, false, l.status, NULL, NULL, ${STEP}
        FROM said JOIN met USING (n), LATERAL (
          SELECT * FROM ${steps} WHERE run_id = said.run_id AND key = said.key LIMIT 1
        ) AS s, LATERAL (SELECT status FROM ${live} WHERE id = said.run_id LIMIT 1) AS l
        WHERE deed = 'adopt'`,
    },
    find: {
      text: `SELECT l.id, l.claim_no FROM unnest($1::uuid[]) AS said (id), LATERAL (
          SELECT id, claim_no FROM ${live} AS l WHERE l.id = said.id AND ${isHeld} LIMIT 1
        ) AS l`,
    },
    lock: {
      text: `SELECT l.id FROM ${live} AS l WHERE l.id = $1::uuid AND l.claim_no = $2::int4 AND ${isHeld} FOR NO KEY UPDATE`,
    },
  };
}
