import type { EndedStatus } from "../../src/store.ts";
import type { Model } from "./model.ts";
import { hasEnded, keepOf, MINUTE_MS, type ModelJob, ownTime, waits } from "./model-job.ts";

// What the periodic work of one process for all does; each answers as the store's verb does.

export function deadLetter(model: Model, afterMs: number): number {
  const failed = [...model.jobs.values()].filter(({ status, discarded }) => status === "failed" && !discarded);
  const ownMs = (job: ModelJob): number | null => ownTime(job.endedMs, keepOf(job).deadMs);
  const moved = failed.filter((job) => (ownMs(job) ?? job.endedMs + afterMs) <= model.nowMs);
  for (const job of moved) {
    job.status = "dead_letter";
    job.revision++;
    const isOwn = ownMs(job) !== null;
    model.reach.by(`a failed job became a dead letter by ${isOwn ? "its own time" : "the default"}`);
  }
  return moved.length;
}

/** A live parent may come again, and read what its children answered. */
function isSpared(model: Model, { job: { id }, parentId }: ModelJob): boolean {
  return [...model.jobs.values()].some((one) => {
    const calls = model.children.get(one.job.id) ?? [];
    return !hasEnded(one) && (one.job.id === parentId || calls.some((call) => call.id === id));
  });
}

export function retain(model: Model, status: EndedStatus, olderThanMs: number): number {
  const over = [...model.jobs.values()].filter(
    (job) => job.status === status && job.expiresMs === null && job.endedMs + olderThanMs <= model.nowMs,
  );
  const gone = over.filter((job) => !isSpared(model, job));
  for (const job of gone) model.remove(job);
  model.reach.by("a job was deleted by the default", gone.length);
  model.reach.by("a child was spared by the default", over.length - gone.length);
  return gone.length;
}

export function expired(model: Model): number {
  const over = [...model.jobs.values()].filter(({ expiresMs }) => expiresMs !== null && expiresMs <= model.nowMs);
  // A parent is live or not whatever else the same sweep deletes.
  for (const job of over) {
    const spared = isSpared(model, job);
    model.reach.by(spared ? "a child was spared by its own time" : "a job was deleted by its own time");
    if (spared) job.expiresMs = model.nowMs + 60 * MINUTE_MS;
    else model.remove(job);
  }
  return over.length;
}

/** Waiting jobs of the type lose their concurrency keys. */
export function unkeyed(model: Model, queue: string, type: string): number {
  const keyed = [...model.jobs.values()].filter(
    (one) => waits(one) && one.job.queue === queue && one.job.type === type && one.job.limitKey !== undefined,
  );
  for (const one of keyed) {
    const { limitKey: _, ...job } = one.job;
    one.job = job;
    one.isBehind = true;
  }
  model.reach.by("a job was freed from its concurrency key", keyed.length);
  return keyed.length;
}
