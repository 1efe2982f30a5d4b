-- The queue in depth. Statements of the release before go on working: what is added has defaults, nothing is renamed.

-- == Queues and workers: What an operator sets of a queue at run time, and what a worker says of itself.

-- Queues for which somebody set or ensured something; a queue without a row is open, and as its workers say.
CREATE TABLE forge_queues (
  name TEXT NOT NULL PRIMARY KEY,
  -- Since when nothing of it may start, and who said so; null while it is open.
  paused_at INTEGER,
  paused_by TEXT,
  -- Handlers at once in each process, in place of what a worker says itself; null: as the worker says.
  concurrency INTEGER,
  -- Handlers at once in all processes; null: no limit.
  global_concurrency INTEGER,
  -- What a retry of its jobs waits, where neither job nor dispatch says so; null: as for any queue.
  backoff_enabled INTEGER,
  backoff_base_seconds REAL,
  backoff_max_seconds REAL,
  -- Of these columns, counted from 0, the bits of those that somebody emptied on purpose; only he may fill them again.
  emptied INTEGER NOT NULL DEFAULT 0,
  -- The last change of any of this, and who it was.
  changed_at INTEGER NOT NULL,
  changed_by TEXT
) STRICT, WITHOUT ROWID;

-- Rises with every change that workers are to heed, so that one who waits for them knows which change they have seen.
INSERT INTO forge_meta (name, value) VALUES ('orders_version', '0');

-- What a worker says of itself: a name for people, what it serves, as JSON, and how long it may be silent. Null for a worker
-- of the release before.
ALTER TABLE forge_workers ADD COLUMN label TEXT;
ALTER TABLE forge_workers ADD COLUMN serves TEXT;
ALTER TABLE forge_workers ADD COLUMN lease_ms REAL;
-- Since when it takes nothing new, because somebody said so, and who.
ALTER TABLE forge_workers ADD COLUMN draining_at INTEGER;
ALTER TABLE forge_workers ADD COLUMN draining_by TEXT;
-- The last change that it has heeded.
ALTER TABLE forge_workers ADD COLUMN heeded INTEGER NOT NULL DEFAULT 0;

-- (end of queues and workers)

-- == Ends: Dead letters, discarding, retention.

-- Set where a failure is nobody's business any more. Such a row stays failed: no sweep moves it, and nobody retries it.
ALTER TABLE forge_ended ADD COLUMN discarded_at INTEGER;

-- When a failed row becomes dead_letter, and when a row is deleted, where its job's definition says so; an instant out of
-- reach is never, null is as for any job.
ALTER TABLE forge_ended ADD COLUMN dead_at INTEGER;
ALTER TABLE forge_ended ADD COLUMN expires_at INTEGER;

-- What the sweeps walk. forge_ended_failed stays for the release before, whose statement names it.
CREATE INDEX forge_ended_undecided ON forge_ended (failed_at)
  WHERE status = 'failed' AND discarded_at IS NULL AND dead_at IS NULL;
CREATE INDEX forge_ended_dead ON forge_ended (dead_at)
  WHERE status = 'failed' AND discarded_at IS NULL AND dead_at IS NOT NULL;
CREATE INDEX forge_ended_expires ON forge_ended (expires_at) WHERE expires_at IS NOT NULL;

-- Who does for all processes what one of them has to do now and then.
CREATE TABLE forge_leases (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- (end of ends)

-- == History: Errors of earlier attempts, log lines, saved values.

-- What happened to a job beside its ordinary way. The revision that came of it tells entries apart, and keeps them in order.
-- A table with rowid, since errors are long.
CREATE TABLE forge_history (
  job_id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  at INTEGER NOT NULL,
  -- error, death (of a worker that ran it), and what people did: cancel, retry, discard, delete.
  event TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  worker_id TEXT,
  -- Who did it.
  actor TEXT,
  reason TEXT,
  error_name TEXT,
  error TEXT,
  PRIMARY KEY (job_id, revision)
) STRICT;

-- The entries that outlive their jobs.
CREATE INDEX forge_history_deleted ON forge_history (at) WHERE event = 'delete';

-- What handlers logged, the last lines of each job. Rows go with their job's, by whoever deletes that.
CREATE TABLE forge_logs (
  -- Gives the lines of a job their order.
  seq INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  level TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  message TEXT NOT NULL,
  fields TEXT
) STRICT;

CREATE INDEX forge_logs_job ON forge_logs (job_id);

-- (end of history)

-- == Limits: Concurrency across processes and per key; rate limits.

-- A bucket of tokens per scope, by the generic cell rate algorithm: one instant says how full it is. Instants are fractions
-- of a millisecond here, or a thousand tokens a second would not come out even.
CREATE TABLE forge_rate_limits (
  scope TEXT NOT NULL PRIMARY KEY,
  -- As it was configured: so many tokens in each period, and how many the bucket holds.
  tokens INTEGER NOT NULL,
  period_ms REAL NOT NULL,
  burst INTEGER NOT NULL,
  -- When the bucket will be full if nobody takes any more: every token that is given moves it on.
  full_at REAL NOT NULL,
  -- The same, had everybody who waits taken their token already: the end of the line.
  line_at REAL NOT NULL,
  -- Rises when places that were reserved before no longer count.
  generation INTEGER NOT NULL DEFAULT 0,
  -- When it was configured as it is, and who did.
  changed_at INTEGER NOT NULL,
  changed_by TEXT
) STRICT, WITHOUT ROWID;

-- Tokens that a job was promised for later. Few: a row only for a job that waits for one.
CREATE TABLE forge_rate_places (
  scope TEXT NOT NULL,
  job_id TEXT NOT NULL,
  free_at REAL NOT NULL,
  -- Whether its token is among those given: its job asked in time, or late, and was told a new time.
  given INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (scope, job_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX forge_rate_places_free ON forge_rate_places (free_at);

-- The concurrency key of a job of which only so many run at once that have the same. Its row lies in a lane of its own, which
-- claims that know of no keys do not read. While it waits for its time it is ready as any other is then; once it is due it
-- waits parked, where a claim finds the first of each key without passing over the others.
ALTER TABLE forge_live ADD COLUMN limit_key TEXT;
ALTER TABLE forge_live ADD COLUMN parked_at INTEGER;
ALTER TABLE forge_ended ADD COLUMN limit_key TEXT;

-- A live row with a key is in one of the two: waiting, or held by a worker.
CREATE INDEX forge_live_parked ON forge_live (lane, limit_key, priority, parked_at) WHERE parked_at IS NOT NULL;
CREATE INDEX forge_live_keyed ON forge_live (lane, limit_key) WHERE limit_key IS NOT NULL AND worker_no IS NOT NULL;

-- (end of limits)

-- == Children: Jobs that a job waits for, and what a job saved for its later runs.

-- One row a value. Rows go with their job's, by whoever deletes that.
CREATE TABLE forge_saved (
  job_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (job_id, key)
) STRICT, WITHOUT ROWID;

ALTER TABLE forge_live ADD COLUMN parent_id TEXT;
-- Whether its run waits for children, and has lent its slot; of no meaning while no worker has the row.
ALTER TABLE forge_live ADD COLUMN is_waiting INTEGER NOT NULL DEFAULT 0;
ALTER TABLE forge_ended ADD COLUMN parent_id TEXT;

-- The children of a job, by what it calls them: a run that comes again finds them. A table of its own, where an index over
-- parent_id would be one more for every live row to pay. A child that was made anew leaves a row under a name that nobody
-- looks for, and a job that held the idempotency key of a child stands here in its place.
CREATE TABLE forge_children (
  parent_id TEXT NOT NULL,
  child_key TEXT NOT NULL,
  child_id TEXT NOT NULL,
  -- Whether it is such a holder, which does not name this parent as its own.
  is_stand_in INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (parent_id, child_key)
) STRICT, WITHOUT ROWID;

-- For retention, which spares what a live parent may read.
CREATE INDEX forge_children_stand_ins ON forge_children (child_id) WHERE is_stand_in = 1;

-- (end of children)

-- == Crons: Schedules and their last ticks.

CREATE TABLE forge_crons (
  name TEXT NOT NULL PRIMARY KEY,
  expression TEXT NOT NULL,
  timezone TEXT NOT NULL,
  -- Of expression and time zone: of two versions that run side by side only the one whose hash this is makes ticks.
  hash TEXT NOT NULL,
  catch_up INTEGER NOT NULL,
  -- All of a run's row but what differs from run to run.
  template TEXT NOT NULL,
  -- Up to here every tick is decided: it has its job, was skipped, or waits in pending.
  last_tick INTEGER NOT NULL,
  -- Missed ticks as a JSON list, oldest first, that wait for the run before them to end.
  pending TEXT NOT NULL DEFAULT '[]',
  -- Rises with every decision about ticks; who decides names the turn that it has seen.
  turn INTEGER NOT NULL DEFAULT 0,
  -- The job of the last tick: while it is unfinished, the next tick overlaps.
  tick_job_id TEXT,
  -- The newest run, of a tick or triggered.
  last_job_id TEXT,
  last_scheduled_at INTEGER,
  skipped INTEGER NOT NULL DEFAULT 0,
  last_skipped_at INTEGER,
  paused_at INTEGER,
  -- The last pause or resume.
  changed_at INTEGER,
  changed_by TEXT,
  -- When a worker process that has this definition was last there.
  seen_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- (end of crons)

-- == The view: Every job, for people and for tools that speak SQL: replaced last, when all columns exist.

DROP VIEW forge_jobs;
CREATE VIEW forge_jobs AS
  SELECT
    id, job_type, 'job' AS kind, queue,
    CASE priority WHEN 0 THEN 'critical' WHEN 1 THEN 'high' WHEN 2 THEN 'normal' ELSE 'low' END AS priority,
    status, input, NULL AS output, error, progress, message, attempts, max_attempts, owner, parent_id,
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
    id, job_type, 'job' AS kind, queue,
    CASE priority WHEN 0 THEN 'critical' WHEN 1 THEN 'high' WHEN 2 THEN 'normal' ELSE 'low' END AS priority,
    status, input, output, error, progress, message, attempts, max_attempts, owner, parent_id,
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

-- (end of the view)
