/** Connections that every contender's pool may open. */
export const POOL_SIZE = 10;

/** Jobs of one drain, and of one bulk dispatch; the batch is what is handed over in one call. */
export const DRAIN_JOBS = 20_000;
export const DISPATCH_JOBS = 50_000;
export const BATCH = 1_000;
export const CONCURRENCY = 24;
/** The text in a large input; a real one holds a document or a list of ids. */
export const LARGE_INPUT_BYTES = 4_000;

/** Single jobs whose pickup is timed in one round, and the pause before each, so that the worker is idle again. */
export const PICKUP_JOBS = 200;
export const PICKUP_PAUSE_MS = 5;
