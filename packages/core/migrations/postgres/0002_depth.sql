-- The queue in depth. Statements of the release before go on working: what is added has defaults, nothing is renamed.

-- == Queues and workers: What an operator sets of a queue at run time, and what a worker says of itself.

-- Queues for which somebody set or ensured something; a queue without a row is open, and as its workers say.
CREATE TABLE forge_queues (
  name text PRIMARY KEY,
  -- Since when nothing of it may start, and who said so; null while it is open.
  paused_at timestamptz,
  paused_by text,
  -- Handlers at once in each process, in place of what a worker says itself; null: as the worker says.
  concurrency integer,
  -- Handlers at once in all processes; null: no limit.
  global_concurrency integer,
  -- What a retry of its jobs waits, where neither job nor dispatch says so; null: as for any queue.
  backoff_enabled boolean,
  backoff_base_seconds double precision,
  backoff_max_seconds double precision,
  -- Of these columns, counted from 0, the bits of those that somebody emptied on purpose; only he may fill them again.
  emptied integer NOT NULL DEFAULT 0,
  -- The last change of any of this, and who it was.
  changed_at timestamptz NOT NULL,
  changed_by text
);

-- Rises with every change that workers are to heed, so that one who waits for them knows which change they have seen.
INSERT INTO forge_meta (name, value) VALUES ('orders_version', '0');

-- What a worker says of itself: a name for people, what it serves, as JSON, and how long it may be silent. Null for a worker
-- of the release before.
ALTER TABLE forge_workers ADD COLUMN label text, ADD COLUMN serves text, ADD COLUMN lease_ms double precision;
-- Since when it takes nothing new, because somebody said so, and who.
ALTER TABLE forge_workers ADD COLUMN draining_at timestamptz, ADD COLUMN draining_by text;
-- The last change that it has heeded.
ALTER TABLE forge_workers ADD COLUMN heeded integer NOT NULL DEFAULT 0;

-- (end of queues and workers)

-- == Ends: Dead letters, discarding, retention.

-- Set where a failure is nobody's business any more. Such a row stays failed: no sweep moves it, and nobody retries it.
ALTER TABLE forge_ended ADD COLUMN discarded_at timestamptz;

-- When a failed row becomes dead_letter, and when a row is deleted, where its job's definition says so; 'infinity' is never,
-- null is as for any job.
ALTER TABLE forge_ended ADD COLUMN dead_at timestamptz, ADD COLUMN expires_at timestamptz;

-- What the sweeps walk: the first in place of an index that held the discarded too, and those that never become dead_letter.
CREATE INDEX forge_ended_undecided ON forge_ended (failed_at)
  WHERE status = 'failed' AND discarded_at IS NULL AND dead_at IS NULL;
CREATE INDEX forge_ended_dead ON forge_ended (dead_at)
  WHERE status = 'failed' AND discarded_at IS NULL AND dead_at IS NOT NULL;
CREATE INDEX forge_ended_expires ON forge_ended (expires_at) WHERE expires_at IS NOT NULL;
DROP INDEX forge_ended_failed;

-- Who does for all processes what one of them has to do now and then.
CREATE TABLE forge_leases (
  name text PRIMARY KEY,
  holder text NOT NULL,
  until timestamptz NOT NULL
);

-- (end of ends)

-- == History: Errors of earlier attempts, log lines, saved values.

-- What happened to a job beside its ordinary way. The revision that came of it tells entries apart, and keeps them in order.
CREATE TABLE forge_history (
  job_id uuid NOT NULL,
  revision integer NOT NULL,
  at timestamptz NOT NULL,
  -- error, death (of a worker that ran it), and what people did: cancel, retry, discard, delete.
  event text NOT NULL,
  attempt integer NOT NULL,
  error_name text,
  error text,
  worker_id text,
  -- Who did it.
  actor text,
  reason text,
  PRIMARY KEY (job_id, revision)
);

-- The entries that outlive their jobs.
CREATE INDEX forge_history_deleted ON forge_history (at) WHERE event = 'delete';

-- What handlers logged, the last lines of each job. Rows go with their job's, by whoever deletes that.
CREATE TABLE forge_logs (
  job_id uuid NOT NULL,
  -- Gives the lines of a job their order.
  seq bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL,
  level text NOT NULL,
  attempt integer NOT NULL,
  message text NOT NULL,
  fields json,
  PRIMARY KEY (job_id, seq)
);

-- (end of history)

-- == Limits: Concurrency across processes and per key; rate limits.

-- A bucket of tokens per scope, by the generic cell rate algorithm: one instant says how full it is.
CREATE TABLE forge_rate_limits (
  scope text PRIMARY KEY,
  -- As it was configured: so many tokens in each period, and how many the bucket holds.
  tokens integer NOT NULL,
  period_ms double precision NOT NULL,
  burst integer NOT NULL,
  -- When the bucket will be full if nobody takes any more: every token that is given moves it on.
  full_at timestamptz NOT NULL,
  -- The same, had everybody who waits taken their token already: the end of the line.
  line_at timestamptz NOT NULL,
  -- Rises when places that were reserved before no longer count.
  generation integer NOT NULL DEFAULT 0,
  -- When it was configured as it is, and who did.
  changed_at timestamptz NOT NULL,
  changed_by text
);

-- Tokens that a job was promised for later. Few: a row only for a job that waits for one.
CREATE TABLE forge_rate_places (
  scope text NOT NULL,
  job_id uuid NOT NULL,
  free_at timestamptz NOT NULL,
  -- Whether its token is among those given: its job asked in time, or late, and was told a new time.
  given boolean NOT NULL,
  generation integer NOT NULL,
  PRIMARY KEY (scope, job_id)
);

CREATE INDEX forge_rate_places_free ON forge_rate_places (free_at);

-- The concurrency key of a job of which only so many run at once that have the same. Its row lies in a lane of its own, which
-- claims that know of no keys do not read. While it waits for its time it is ready as any other is then; once it is due it
-- waits parked, where a claim finds the first of each key without passing over the others.
ALTER TABLE forge_live ADD COLUMN limit_key text COLLATE "C", ADD COLUMN parked_at timestamptz;
ALTER TABLE forge_ended ADD COLUMN limit_key text COLLATE "C";

-- As of ready_at, what the planner learns of this column is wrong a minute later.
ALTER TABLE forge_live ALTER COLUMN parked_at SET STATISTICS 0;

-- A live row with a key is in one of the two: waiting, or held by a worker.
CREATE INDEX forge_live_parked ON forge_live (lane, limit_key, priority, parked_at, id) WHERE parked_at IS NOT NULL;
CREATE INDEX forge_live_keyed ON forge_live (lane, limit_key) WHERE limit_key IS NOT NULL AND worker_id IS NOT NULL;

-- (end of limits)

-- == Children: Jobs that a job waits for, and what a job saved for its later runs.

-- One row a value. Rows go with their job's, by whoever deletes that.
CREATE TABLE forge_saved (
  job_id uuid NOT NULL,
  key text NOT NULL,
  value json NOT NULL,
  PRIMARY KEY (job_id, key)
);

ALTER TABLE forge_live ADD COLUMN parent_id uuid;
-- Whether its run waits for children, and has lent its slot; of no meaning while no worker has the row.
ALTER TABLE forge_live ADD COLUMN is_waiting boolean NOT NULL DEFAULT false;
-- Rows are wider by that, and fewer of their next versions would find room on their own page: starts would touch indexes.
ALTER TABLE forge_live SET (fillfactor = 65);
ALTER TABLE forge_ended ADD COLUMN parent_id uuid;

-- The children of a job, by what it calls them: a run that comes again finds them. A table of its own, where an index over
-- parent_id would be one more for every live row to pay. A child that was made anew leaves a row under a name that nobody
-- looks for, and a job that held the idempotency key of a child stands here in its place.
CREATE TABLE forge_children (
  parent_id uuid NOT NULL,
  child_key text NOT NULL,
  child_id uuid NOT NULL,
  -- Whether it is such a holder, which does not name this parent as its own.
  is_stand_in boolean NOT NULL DEFAULT false,
  PRIMARY KEY (parent_id, child_key)
);

-- For retention, which spares what a live parent may read.
CREATE INDEX forge_children_stand_ins ON forge_children (child_id) WHERE is_stand_in;

-- (end of children)

-- == Crons: Schedules and their last ticks.

CREATE TABLE forge_crons (
  name text PRIMARY KEY,
  expression text NOT NULL,
  timezone text NOT NULL,
  -- Of expression and time zone: of two versions that run side by side only the one whose hash this is makes ticks.
  hash text NOT NULL,
  catch_up boolean NOT NULL,
  -- All of a run's row but what differs from run to run.
  template json NOT NULL,
  -- Up to here every tick is decided: it has its job, was skipped, or waits in pending.
  last_tick timestamptz NOT NULL,
  -- Missed ticks, in milliseconds since 1970 and oldest first, that wait for the run before them to end.
  pending json NOT NULL DEFAULT '[]',
  -- Rises with every decision about ticks; who decides names the turn that it has seen.
  turn integer NOT NULL DEFAULT 0,
  -- The job of the last tick: while it is unfinished, the next tick overlaps.
  tick_job_id uuid,
  -- The newest run, of a tick or triggered.
  last_job_id uuid,
  last_scheduled_at timestamptz,
  skipped integer NOT NULL DEFAULT 0,
  last_skipped_at timestamptz,
  paused_at timestamptz,
  -- The last pause or resume.
  changed_at timestamptz,
  changed_by text,
  -- When a worker process that has this definition was last there.
  seen_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL
);

-- (end of crons)

-- == The view: Every job, for people and for tools that speak SQL: replaced last, when all columns exist.

DROP VIEW forge_jobs;
CREATE VIEW forge_jobs AS
  SELECT
    id, job_type, 'job'::text AS kind, queue,
    (ARRAY['critical', 'high', 'normal', 'low'])[priority + 1] AS priority,
    status, input, NULL::json AS output, error, progress, message, attempts, max_attempts, owner, parent_id,
    created_at, scheduled_at, claimed_at, started_at,
    NULL::timestamptz AS completed_at, NULL::timestamptz AS failed_at,
    cancel_requested_at, NULL::timestamptz AS cancelled_at, NULL::timestamptz AS discarded_at, revision
  FROM forge_live
  UNION ALL
  SELECT
    id, job_type, 'job'::text AS kind, queue,
    (ARRAY['critical', 'high', 'normal', 'low'])[priority + 1] AS priority,
    status, input, output, error, progress, message, attempts, max_attempts, owner, parent_id,
    created_at, scheduled_at, claimed_at, started_at,
    completed_at, failed_at,
    cancel_requested_at, cancelled_at, discarded_at, revision
  FROM forge_ended;

-- (end of the view)
