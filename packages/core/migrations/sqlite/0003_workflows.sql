-- Durable workflows. Statements of the releases before go on working: what is added has defaults, nothing is renamed.

-- A run of a workflow is a live row like a job's, its job_type the workflow's name and version ("name@1"). Raised by whatever
-- may let a run that sleeps go on: a signal, the end of a child, a person. Null for jobs.
ALTER TABLE forge_live ADD COLUMN wakes INTEGER;

-- What a run has besides its row.
CREATE TABLE forge_runs (
  id TEXT NOT NULL PRIMARY KEY,
  -- When its time is up; null: never. Decided once, when it was started.
  timeout_at INTEGER,
  -- The names of its steps for a stepper, as JSON, where its definition gave them.
  declared TEXT,
  -- What it sleeps on; null while it does not.
  waiting_for TEXT,
  -- Why it is being undone, and how it will have ended: failed or cancelled. Null while it goes forward.
  undo_error TEXT,
  undo_error_name TEXT,
  undo_public_error TEXT,
  ends_as TEXT CHECK (ends_as IN ('failed', 'cancelled')),
  -- All of it was undone.
  is_undone INTEGER NOT NULL DEFAULT 0,
  -- Why it cannot go on without a person.
  blocked TEXT
) STRICT, WITHOUT ROWID;

-- One row a step, of whatever kind: it is the memo that a run finds when it comes to the step again.
CREATE TABLE forge_steps (
  run_id TEXT NOT NULL,
  key TEXT NOT NULL,
  -- step, sleep, event, job, workflow, undo
  kind TEXT NOT NULL,
  -- running, completed, failed, compensated, skipped
  status TEXT NOT NULL,
  -- The order of the first call, and that of the ends, which a replay follows.
  ord INTEGER NOT NULL,
  seq INTEGER,
  attempt INTEGER NOT NULL,
  has_undo INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  -- The end of its wait, decided once.
  due_at INTEGER,
  child_id TEXT,
  error TEXT,
  error_name TEXT,
  public_error TEXT,
  output TEXT,
  PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

-- What was said to runs from outside.
CREATE TABLE forge_signals (
  -- The order in which they came.
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id TEXT NOT NULL,
  name TEXT NOT NULL,
  signal_id TEXT NOT NULL,
  payload TEXT NOT NULL,
  sent_at INTEGER NOT NULL,
  sent_by TEXT,
  -- The step that consumed it; null while it waits.
  step_key TEXT,
  UNIQUE (run_id, name, signal_id)
) STRICT;

-- Every job and every run, for people and for tools that speak SQL.
DROP VIEW forge_jobs;
CREATE VIEW forge_jobs AS
  SELECT
    id, iif(instr(job_type, '@') > 0, substr(job_type, 1, instr(job_type, '@') - 1), job_type) AS job_type,
    iif(instr(job_type, '@') > 0, 'workflow', 'job') AS kind, queue,
    CASE priority WHEN 0 THEN 'critical' WHEN 1 THEN 'high' WHEN 2 THEN 'normal' ELSE 'low' END AS priority,
    iif(instr(job_type, '@') = 0, status, (
      SELECT CASE
        WHEN r.ends_as IS NOT NULL THEN 'compensating'
        WHEN status = 'pending' AND r.waiting_for IS NOT NULL THEN 'waiting'
        WHEN status = 'pending' AND claim_no = 0 THEN 'created'
        ELSE 'running' END
      FROM forge_runs r WHERE r.id = forge_live.id
    )) AS status,
    input, NULL AS output, error, progress, message, attempts, max_attempts, owner, parent_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', scheduled_at / 1000.0, 'unixepoch') AS scheduled_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', claimed_at / 1000.0, 'unixepoch') AS claimed_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch') AS started_at,
    NULL AS completed_at, NULL AS failed_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', cancel_requested_at / 1000.0, 'unixepoch') AS cancel_requested_at,
    NULL AS cancelled_at, NULL AS discarded_at, revision
  FROM forge_live
  UNION ALL
  SELECT
    id, iif(instr(job_type, '@') > 0, substr(job_type, 1, instr(job_type, '@') - 1), job_type) AS job_type,
    iif(instr(job_type, '@') > 0, 'workflow', 'job') AS kind, queue,
    CASE priority WHEN 0 THEN 'critical' WHEN 1 THEN 'high' WHEN 2 THEN 'normal' ELSE 'low' END AS priority,
    iif(instr(job_type, '@') = 0 OR status IN ('completed', 'cancelled'), status, (
      SELECT iif(r.is_undone, 'compensated', 'failed') FROM forge_runs r WHERE r.id = forge_ended.id
    )) AS status,
    input, output, error, progress, message, attempts, max_attempts, owner, parent_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', scheduled_at / 1000.0, 'unixepoch') AS scheduled_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', claimed_at / 1000.0, 'unixepoch') AS claimed_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch') AS started_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', completed_at / 1000.0, 'unixepoch') AS completed_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', failed_at / 1000.0, 'unixepoch') AS failed_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', cancel_requested_at / 1000.0, 'unixepoch') AS cancel_requested_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', cancelled_at / 1000.0, 'unixepoch') AS cancelled_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', discarded_at / 1000.0, 'unixepoch') AS discarded_at, revision
  FROM forge_ended;
