-- Runs in one transaction. Instants are milliseconds since 1970, which the engine hands in: SQLite has no clock of its
-- own that tests could move.

CREATE TABLE forge_meta (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Jobs that have not ended. Rows come and go at the speed of the work, so this table stays as small as the work at hand,
-- and at most three indexes cover a row; none of them knows the status, so most steps of a job touch the row alone.
-- A table with rowid, though its key is a text: entries of the other two indexes hold 8 bytes instead of 36, and rows with
-- large inputs stay out of the inner pages of the tree. Columns that may be long stand last, so that reading the others
-- does not follow a row's overflow pages.
CREATE TABLE forge_live (
  id TEXT NOT NULL PRIMARY KEY,
  -- The hash of queue and job_type that the claim's index holds in place of two texts.
  lane INTEGER NOT NULL,
  -- 0 critical, 1 high, 2 normal, 3 low.
  priority INTEGER NOT NULL,
  -- When a worker may take the row; null while one has it.
  ready_at INTEGER,
  -- The worker that has it, by the number of its row, which keeps the index over it small and cheap to write.
  worker_no INTEGER,
  -- pending, claimed, running, retry, cancel_requested. No CHECK says so: SQLite would evaluate it at every step of a job,
  -- for a tenth of the throughput.
  status TEXT NOT NULL DEFAULT 'pending',
  -- Rises with every claim and never falls: whoever writes for a run names the number of its claim.
  claim_no INTEGER NOT NULL DEFAULT 0,
  revision INTEGER NOT NULL DEFAULT 1,
  attempts INTEGER NOT NULL DEFAULT 0,
  -- The attempt with which the present budget ends; a person's retry raises it by one budget.
  max_attempts INTEGER NOT NULL,
  budget INTEGER NOT NULL,
  -- Worker deaths while it ran, since it last ended normally.
  deaths INTEGER NOT NULL DEFAULT 0,
  -- Due time as people read it; it stays where it is while a worker has the row.
  scheduled_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  claimed_at INTEGER,
  started_at INTEGER,
  cancel_requested_at INTEGER,
  progress REAL,
  job_type TEXT NOT NULL,
  queue TEXT NOT NULL,
  owner TEXT,
  message TEXT,
  public_error TEXT,
  cancel_reason TEXT,
  overrides TEXT,
  -- The idempotency keys that a retry takes again, as JSON; null for most jobs.
  keys TEXT,
  error TEXT,
  input TEXT NOT NULL
) STRICT;

-- What a claim walks: one range per lane and priority. Rows of the same due time follow each other as they were inserted.
CREATE INDEX forge_live_ready ON forge_live (lane, priority, ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX forge_live_worker ON forge_live (worker_no) WHERE worker_no IS NOT NULL;

-- Jobs that ended: the transaction that ends a job moves its row here.
CREATE TABLE forge_ended (
  id TEXT NOT NULL PRIMARY KEY,
  lane INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  -- completed, failed, dead_letter, cancelled.
  status TEXT NOT NULL,
  -- Lets a settle that is sent again find its own success.
  claim_no INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  budget INTEGER NOT NULL,
  scheduled_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  claimed_at INTEGER,
  started_at INTEGER,
  completed_at INTEGER,
  failed_at INTEGER,
  cancel_requested_at INTEGER,
  cancelled_at INTEGER,
  progress REAL,
  job_type TEXT NOT NULL,
  queue TEXT NOT NULL,
  owner TEXT,
  message TEXT,
  public_error TEXT,
  overrides TEXT,
  keys TEXT,
  error TEXT,
  input TEXT NOT NULL,
  output TEXT
) STRICT;

CREATE INDEX forge_ended_status ON forge_ended (status, id);
CREATE INDEX forge_ended_failed ON forge_ended (failed_at) WHERE status = 'failed';

-- Idempotency keys. Settling a job does not touch them: whether a key is held is decided when somebody wants it.
CREATE TABLE forge_keys (
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  job_id TEXT NOT NULL,
  -- Held until then, whatever becomes of the job; null for a key held by its job.
  window_until INTEGER,
  -- How long a job that completed holds it; null for ever. Of no meaning beside window_until.
  keep_ms INTEGER,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX forge_keys_window ON forge_keys (window_until) WHERE window_until IS NOT NULL;

-- Workers that are not retired. A row goes away with its last job, so a number that is used again names no job of before.
CREATE TABLE forge_workers (
  no INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  lease_until INTEGER NOT NULL,
  registered_at INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  host TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  pid_namespace TEXT NOT NULL,
  process_start TEXT NOT NULL
) STRICT;

-- Every job, for people and for tools that speak SQL. Instants are ISO 8601 in UTC, which sorts as time does.
CREATE VIEW forge_jobs AS
  SELECT
    id, job_type, 'job' AS kind, queue,
    CASE priority WHEN 0 THEN 'critical' WHEN 1 THEN 'high' WHEN 2 THEN 'normal' ELSE 'low' END AS priority,
    status, input, NULL AS output, error, progress, message, attempts, max_attempts, owner,
    strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', scheduled_at / 1000.0, 'unixepoch') AS scheduled_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', claimed_at / 1000.0, 'unixepoch') AS claimed_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch') AS started_at,
    NULL AS completed_at, NULL AS failed_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', cancel_requested_at / 1000.0, 'unixepoch') AS cancel_requested_at,
    NULL AS cancelled_at, revision
  FROM forge_live
  UNION ALL
  SELECT
    id, job_type, 'job' AS kind, queue,
    CASE priority WHEN 0 THEN 'critical' WHEN 1 THEN 'high' WHEN 2 THEN 'normal' ELSE 'low' END AS priority,
    status, input, output, error, progress, message, attempts, max_attempts, owner,
    strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1000.0, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', scheduled_at / 1000.0, 'unixepoch') AS scheduled_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', claimed_at / 1000.0, 'unixepoch') AS claimed_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', started_at / 1000.0, 'unixepoch') AS started_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', completed_at / 1000.0, 'unixepoch') AS completed_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', failed_at / 1000.0, 'unixepoch') AS failed_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', cancel_requested_at / 1000.0, 'unixepoch') AS cancel_requested_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', cancelled_at / 1000.0, 'unixepoch') AS cancelled_at, revision
  FROM forge_ended;
