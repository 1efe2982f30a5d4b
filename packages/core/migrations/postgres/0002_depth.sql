-- The queue in depth. Statements of the release before go on working: what is added has defaults, nothing is renamed.

-- == Queues and workers: What an operator sets of a queue at run time, and what a worker says of itself.

-- (end of queues and workers)

-- == Ends: Dead letters, discarding, retention.

-- (end of ends)

-- == History: Errors of earlier attempts, log lines, saved values.

-- (end of history)

-- == Limits: Concurrency across processes and per key; rate limits.

-- (end of limits)

-- == Children: Jobs that a job waits for.

-- (end of children)

-- == Crons: Schedules and their last ticks.

-- (end of crons)

-- == The view: Every job, for people and for tools that speak SQL: replaced last, when all columns exist.

-- (end of the view)
