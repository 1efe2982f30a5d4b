-- Runs in one transaction with the schema of the user's choice as its search_path, so names stand alone.

CREATE TABLE forge_meta (
  name text PRIMARY KEY,
  value text NOT NULL
);

-- Jobs that have not ended. Rows come and go at the speed of the work, so this table stays as small as the work at hand,
-- and at most three indexes cover a row. None of them knows the status: an index that did would end the cheap in-page
-- updates of PostgreSQL (HOT) at every step of a job. Columns of a fixed width stand first; they need no padding then.
CREATE TABLE forge_live (
  id uuid PRIMARY KEY,
  -- Due time as people read it; ready_at is the same while a worker may take the row, and null otherwise.
  scheduled_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  -- The hash of queue and job_type that the claim's index holds in place of two texts.
  lane integer NOT NULL,
  -- Rises with every claim and never falls: whoever writes for a run names the number of its claim.
  claim_no integer NOT NULL DEFAULT 0,
  revision integer NOT NULL DEFAULT 1,
  attempts integer NOT NULL DEFAULT 0,
  -- The attempt with which the present budget ends; a person's retry raises it by one budget.
  max_attempts integer NOT NULL,
  budget integer NOT NULL,
  -- 0 critical, 1 high, 2 normal, 3 low.
  priority smallint NOT NULL,
  -- Worker deaths while it ran, since it last ended normally.
  deaths smallint NOT NULL DEFAULT 0,
  status text NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'claimed', 'running', 'retry', 'cancel_requested')),
  job_type text NOT NULL,
  queue text NOT NULL,
  input json NOT NULL,
  ready_at timestamptz,
  claimed_at timestamptz,
  started_at timestamptz,
  cancel_requested_at timestamptz,
  progress double precision,
  worker_id text,
  owner text,
  message text,
  error text,
  public_error text,
  cancel_reason text,
  overrides text,
  -- The idempotency keys that a retry takes again; null for most jobs.
  keys json
) WITH (
  -- Room for the next versions of a row on its own page: starts and progress then touch no index (measured: a fifth less
  -- work for each, and fewer pages in all).
  fillfactor = 70,
  -- Every row of this table dies soon, and few of a large backlog do before many have.
  autovacuum_vacuum_scale_factor = 0.02
);

-- What the planner learns of this column is wrong a minute later: that no row waits, or that all do. With it, a claim would
-- now and then read and sort a whole range, where the index gives the first rows at once.
ALTER TABLE forge_live ALTER COLUMN ready_at SET STATISTICS 0;

-- What a claim walks: one range per lane and priority. The id makes positions exact, so that a claim can go on behind
-- the last row taken even where a batch gave thousands of rows the same due time.
CREATE INDEX forge_live_ready ON forge_live (lane, priority, ready_at, id) WHERE ready_at IS NOT NULL;
CREATE INDEX forge_live_worker ON forge_live (worker_id) WHERE worker_id IS NOT NULL;

-- Jobs that ended: the settle that ends a job moves its row here in the same statement.
CREATE TABLE forge_ended (
  id uuid PRIMARY KEY,
  scheduled_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  lane integer NOT NULL,
  -- Lets a settle that is sent again, because its answer was lost, find its own success.
  claim_no integer NOT NULL,
  revision integer NOT NULL,
  attempts integer NOT NULL,
  max_attempts integer NOT NULL,
  budget integer NOT NULL,
  priority smallint NOT NULL,
  status text NOT NULL CHECK (status IN ('completed', 'failed', 'dead_letter', 'cancelled')),
  job_type text NOT NULL,
  queue text NOT NULL,
  input json NOT NULL,
  claimed_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  failed_at timestamptz,
  cancel_requested_at timestamptz,
  cancelled_at timestamptz,
  progress double precision,
  output json,
  owner text,
  message text,
  error text,
  public_error text,
  overrides text,
  keys json
);

CREATE INDEX forge_ended_status ON forge_ended (status, id);
CREATE INDEX forge_ended_failed ON forge_ended (failed_at) WHERE status = 'failed';

-- Idempotency keys. Settling a job does not touch them: whether a key is held is decided when somebody wants it.
CREATE TABLE forge_keys (
  scope text NOT NULL,
  key text NOT NULL,
  job_id uuid NOT NULL,
  -- Held until then, whatever becomes of the job; null for a key held by its job.
  window_until timestamptz,
  -- How long a job that completed holds it; null for ever. Of no meaning beside window_until.
  keep_ms bigint,
  PRIMARY KEY (scope, key)
);

CREATE INDEX forge_keys_window ON forge_keys (window_until) WHERE window_until IS NOT NULL;

CREATE TABLE forge_workers (
  id text PRIMARY KEY,
  lease_until timestamptz NOT NULL,
  registered_at timestamptz NOT NULL,
  retired_at timestamptz,
  pid integer NOT NULL,
  host text NOT NULL,
  boot_id text NOT NULL,
  pid_namespace text NOT NULL,
  process_start text NOT NULL
);

-- Every job, for people and for tools that speak SQL.
CREATE VIEW forge_jobs AS
  SELECT
    id, job_type, 'job'::text AS kind, queue,
    (ARRAY['critical', 'high', 'normal', 'low'])[priority + 1] AS priority,
    status, input, NULL::json AS output, error, progress, message, attempts, max_attempts, owner,
    created_at, scheduled_at, claimed_at, started_at,
    NULL::timestamptz AS completed_at, NULL::timestamptz AS failed_at,
    cancel_requested_at, NULL::timestamptz AS cancelled_at, revision
  FROM forge_live
  UNION ALL
  SELECT
    id, job_type, 'job'::text AS kind, queue,
    (ARRAY['critical', 'high', 'normal', 'low'])[priority + 1] AS priority,
    status, input, output, error, progress, message, attempts, max_attempts, owner,
    created_at, scheduled_at, claimed_at, started_at,
    completed_at, failed_at,
    cancel_requested_at, cancelled_at, revision
  FROM forge_ended;
