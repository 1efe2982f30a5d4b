import type { Tables } from "./database.ts";

/**
 * A condition: whoever asks no further may take jobs of the queue, since it is neither paused nor limited across processes.
 * Written as a value, which the planner looks up once and before anything else.
 */
export function isOpen({ queues }: Tables, queue: string): string {
  return `(SELECT name FROM ${queues}
    WHERE name = ${queue} AND (paused_at IS NOT NULL OR global_concurrency IS NOT NULL)) IS NULL`;
}

/** The same for whoever counts what is held of the queue, and takes no more than its limit leaves. */
export function isUnpaused({ queues }: Tables, queue: string): string {
  return `(SELECT name FROM ${queues} WHERE name = ${queue} AND paused_at IS NOT NULL) IS NULL`;
}
