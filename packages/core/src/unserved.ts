import type { WaitingLane, WorkerRecord } from "./store.ts";

/**
 * The lanes with due jobs that no live worker can run: none that is not draining serves both the queue and the type.
 *
 * A worker of the release before does not say what it serves; while one lives, nothing counts as unserved.
 */
export function unservedLanes(lanes: readonly WaitingLane[], workers: readonly WorkerRecord[]): WaitingLane[] {
  const served = new Map<string, Set<string>>();
  for (const { leaseLeftMs, draining, serves } of workers) {
    if (leaseLeftMs <= 0) continue;
    if (serves === null) return [];
    if (draining) continue;
    for (const queue of Object.keys(serves.queues)) {
      const types = served.get(queue) ?? new Set();
      for (const type of serves.types) types.add(type);
      served.set(queue, types);
    }
  }
  return lanes.filter(({ queue, type, dueForMs }) => dueForMs >= 0 && served.get(queue)?.has(type) !== true);
}
