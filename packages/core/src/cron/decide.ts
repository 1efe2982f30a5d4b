import type { CronRow } from "../store.ts";
import type { CronDefinition } from "./define-cron.ts";

/**
 * How late a tick still is on time, in milliseconds. What is later was missed: it happened while no process was there, or
 * while a laptop slept.
 */
export const LATE_MS = 60_000;

/** What is to become of a cron's ticks. */
export interface Decision {
  readonly lastTick: number;
  readonly pending: readonly number[];
  readonly skipped: readonly number[];
  readonly runs: readonly { readonly scheduledAt: number; readonly isCatchUp: boolean }[];
}

/** Decides about the ticks that are due; null where nothing changes. A pure function of the row, the definition and the time. */
export function decide(
  row: Pick<CronRow, "lastTick" | "pending" | "busy">,
  cron: Pick<CronDefinition, "schedule" | "catchUp" | "catchUpLimit" | "overlap">,
  now: number,
): Decision | null {
  const isOnTime = (tick: number): boolean => now - tick <= LATE_MS;
  const due = cron.schedule.latest(row.lastTick, now, cron.catchUp ? cron.catchUpLimit : 1);
  const lastTick = due.at(-1) ?? row.lastTick;
  const waiting = cron.catchUp ? row.pending : [];
  if (due.length === 0 && waiting.length === 0) return null;

  const isInTheWay = cron.overlap === "skip" && (row.busy || waiting.length > 0);
  // A tick on time that finds its predecessor at work is skipped; missed ones are made up for, so they wait.
  const skipped = isInTheWay && due.every(isOnTime) ? due : [];
  const fresh = skipped.length > 0 ? [] : cron.catchUp ? due : due.filter(isOnTime);
  const queue = [...waiting, ...fresh].slice(-cron.catchUpLimit);
  const started = cron.overlap === "allow" ? queue.length : row.busy ? 0 : Math.min(queue.length, 1);
  const runs = queue
    .slice(0, started)
    .map((tick) => ({ scheduledAt: tick, isCatchUp: tick < lastTick || !isOnTime(tick) }));
  const pending = queue.slice(started);
  const isChanged = due.length > 0 || runs.length > 0 || pending.length !== row.pending.length;
  return isChanged ? { lastTick, pending, skipped, runs } : null;
}
