import type { CronAdvance, CronRegistration } from "../../src/store.ts";

/** The rules of a cron's row. Times are offsets of the tests' clock, but for `pending`, which nobody reckons with. */
export class ModelCron {
  hash: string;
  catchUp: boolean;
  lastTickMs: number;
  seenMs: number;
  pending: readonly number[] = [];
  turn = 0;
  skipped = 0;
  isPaused = false;
  tickJobId: string | null = null;
  lastJobId: string | null = null;

  constructor({ hash, catchUp }: CronRegistration, nowMs: number) {
    this.hash = hash;
    this.catchUp = catchUp;
    this.lastTickMs = this.seenMs = nowMs;
  }

  register({ hash, catchUp }: CronRegistration, takeOver: boolean, nowMs: number): void {
    if (hash !== this.hash) {
      this.lastTickMs = takeOver ? Math.max(this.lastTickMs, this.seenMs) : nowMs;
      this.pending = [];
      this.turn++;
    }
    Object.assign(this, { hash, catchUp, seenMs: nowMs });
  }

  /** Why a decision does not stand; null if it does. */
  whyRefused({ hash, turn }: CronAdvance, lastTickMs: number, nowMs: number): "paused" | "stale" | "early" | null {
    if (this.isPaused) return "paused";
    if (hash !== this.hash || turn !== this.turn) return "stale";
    return lastTickMs > nowMs ? "early" : null;
  }

  advance({ pending, skipped, runs }: CronAdvance, lastTickMs: number): void {
    this.turn++;
    this.skipped += skipped.length;
    Object.assign(this, { pending, lastTickMs });
    const newest = runs?.jobs.at(-1)?.id;
    if (newest !== undefined) this.tickJobId = this.lastJobId = newest;
  }

  pause(): void {
    if (!this.isPaused) this.turn++;
    this.isPaused = true;
  }

  /** Answers whether that changed anything. */
  resume(nowMs: number): boolean {
    if (!this.isPaused) return false;
    this.isPaused = false;
    this.turn++;
    this.lastTickMs = this.catchUp ? Math.min(this.lastTickMs, nowMs) : nowMs;
    if (!this.catchUp) this.pending = [];
    return true;
  }
}
