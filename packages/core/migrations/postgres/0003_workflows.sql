-- Durable workflows. Statements of the releases before go on working: what is added has defaults, nothing is renamed.

-- A run of a workflow is a live row like a job's, its job_type the workflow's name and version ("name@1"). Raised by whatever
-- may let a run that sleeps go on: a signal, the end of a child, a person. Null for jobs, which it costs nothing.
ALTER TABLE forge_live ADD COLUMN wakes integer;

-- What a run has besides its row.
CREATE TABLE forge_runs (
  id uuid PRIMARY KEY,
  -- When its time is up; null: never. Decided once, when it was started.
  timeout_at timestamptz,
  -- The names of its steps for a stepper, as JSON, where its definition gave them.
  declared json,
  -- What it sleeps on; null while it does not.
  waiting_for text,
  -- Why it is being undone, and how it will have ended: failed or cancelled. Null while it goes forward.
  undo_error text,
  undo_error_name text,
  undo_public_error text,
  ends_as text CHECK (ends_as IN ('failed', 'cancelled')),
  -- All of it was undone.
  is_undone boolean NOT NULL DEFAULT false,
  -- Why it cannot go on without a person.
  blocked text
);

-- One row a step, of whatever kind: it is the memo that a run finds when it comes to the step again.
CREATE TABLE forge_steps (
  run_id uuid NOT NULL,
  key text COLLATE "C" NOT NULL,
  kind text NOT NULL CHECK (kind IN ('step', 'sleep', 'event', 'job', 'workflow', 'undo')),
  status text NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'compensated', 'skipped')),
  -- The order of the first call, and that of the ends, which a replay follows.
  ord integer NOT NULL,
  seq integer,
  attempt integer NOT NULL,
  has_undo boolean NOT NULL,
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  -- The end of its wait, decided once.
  due_at timestamptz,
  child_id uuid,
  output json,
  error text,
  error_name text,
  public_error text,
  PRIMARY KEY (run_id, key)
);

-- What was said to runs from outside.
CREATE TABLE forge_signals (
  run_id uuid NOT NULL,
  name text COLLATE "C" NOT NULL,
  signal_id text COLLATE "C" NOT NULL,
  -- The order in which they came.
  seq bigint GENERATED ALWAYS AS IDENTITY,
  payload json NOT NULL,
  sent_at timestamptz NOT NULL,
  sent_by text,
  -- The step that consumed it; null while it waits.
  step_key text COLLATE "C",
  PRIMARY KEY (run_id, name, signal_id)
);

-- Every job and every run, for people and for tools that speak SQL.
DROP VIEW forge_jobs;
CREATE VIEW forge_jobs AS
  SELECT
    id, split_part(job_type, '@', 1) AS job_type,
    CASE WHEN strpos(job_type, '@') > 0 THEN 'workflow' ELSE 'job' END AS kind, queue,
    (ARRAY['critical', 'high', 'normal', 'low'])[priority + 1] AS priority,
    CASE WHEN strpos(job_type, '@') = 0 THEN status ELSE (
      SELECT CASE
        WHEN r.ends_as IS NOT NULL THEN 'compensating'
        WHEN status = 'pending' AND r.waiting_for IS NOT NULL THEN 'waiting'
        WHEN status = 'pending' AND claim_no = 0 THEN 'created'
        ELSE 'running' END
      FROM forge_runs AS r WHERE r.id = forge_live.id
    ) END AS status,
    input, NULL::json AS output, error, progress, message, attempts, max_attempts, owner, parent_id,
    created_at, scheduled_at, claimed_at, started_at,
    NULL::timestamptz AS completed_at, NULL::timestamptz AS failed_at,
    cancel_requested_at, NULL::timestamptz AS cancelled_at, NULL::timestamptz AS discarded_at, revision
  FROM forge_live
  UNION ALL
  SELECT
    id, split_part(job_type, '@', 1) AS job_type,
    CASE WHEN strpos(job_type, '@') > 0 THEN 'workflow' ELSE 'job' END AS kind, queue,
    (ARRAY['critical', 'high', 'normal', 'low'])[priority + 1] AS priority,
    CASE WHEN strpos(job_type, '@') = 0 OR status IN ('completed', 'cancelled') THEN status ELSE (
      SELECT CASE WHEN r.is_undone THEN 'compensated' ELSE 'failed' END FROM forge_runs AS r WHERE r.id = forge_ended.id
    ) END AS status,
    input, output, error, progress, message, attempts, max_attempts, owner, parent_id,
    created_at, scheduled_at, claimed_at, started_at,
    completed_at, failed_at,
    cancel_requested_at, cancelled_at, discarded_at, revision
  FROM forge_ended;
