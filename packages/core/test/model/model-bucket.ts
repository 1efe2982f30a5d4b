import type { RateLimitConfig, RateLimitRecord } from "../../src/store.ts";
import { MINUTE_MS } from "./model-job.ts";

const DAY_MS = 24 * 60 * MINUTE_MS;

/** The rules of a rate limit, told in tokens. */
export class ModelBucket {
  #config: RateLimitConfig;
  /** Tokens that nobody took; below zero, so many were taken that are still to come. */
  #level: number;
  /** Tokens that were promised to nobody. */
  #free: number;
  readonly #places = new Map<string, { readonly atMs: number; readonly isTaken: boolean }>();

  constructor(config: RateLimitConfig) {
    this.#config = config;
    this.#level = this.#free = config.burst;
  }

  get #tokenMs(): number {
    return this.#config.periodMs / this.#config.tokens;
  }

  pass(ms: number): void {
    const flow = (level: number): number => Math.min(this.#config.burst, level + ms / this.#tokenMs);
    this.#level = flow(this.#level);
    this.#free = flow(this.#free);
  }

  /** Answers how it went, and the milliseconds until the job's token is there. */
  acquire(jobId: string, nowMs: number): { waitMs: number; how: "new" | "again" | "late" } {
    const place = this.#places.get(jobId);
    if (place === undefined) this.#free--;
    let atMs = place?.atMs ?? nowMs + Math.max(0, -this.#free) * this.#tokenMs;
    const takes = atMs <= nowMs && place?.isTaken !== true;
    if (takes) {
      this.#level--;
      atMs = nowMs + Math.max(0, -this.#level) * this.#tokenMs;
    }
    if (atMs <= nowMs) this.#places.delete(jobId);
    else this.#places.set(jobId, { atMs, isTaken: takes || place?.isTaken === true });
    const how = place === undefined ? "new" : takes && atMs > nowMs ? "late" : "again";
    return { waitMs: Math.max(0, atMs - nowMs), how };
  }

  /** Whether what passes by itself decides if a drain changes anything. */
  isAbout(retryAfterMs: number): boolean {
    return Math.abs(1 - retryAfterMs / this.#tokenMs - this.#level) < 0.25;
  }

  /** Answers whether that changed anything. */
  drain(retryAfterMs: number): boolean {
    const level = 1 - retryAfterMs / this.#tokenMs;
    if (level >= this.#level) return false;
    this.#begin(level);
    return true;
  }

  /** Answers whether that changed anything. */
  configure(config: RateLimitConfig): boolean {
    const { tokens, periodMs, burst } = this.#config;
    if (tokens === config.tokens && periodMs === config.periodMs && burst === config.burst) return false;
    const spent = Math.min(config.burst, burst - this.#level);
    this.#config = config;
    this.#begin(config.burst - spent);
    return true;
  }

  read(): Omit<RateLimitRecord, "changedAt" | "changedBy"> {
    const available = Math.max(0, Math.floor(Math.min(this.#level, this.#free)));
    const nextInMs = available > 0 ? 0 : (1 - Math.min(this.#level, this.#free)) * this.#tokenMs;
    return { ...this.#config, available, nextInMs };
  }

  /** Forgets places that nobody took for a day; answers how many. */
  sweep(nowMs: number): number {
    const old = [...this.#places].filter(([, { atMs }]) => atMs <= nowMs - DAY_MS);
    for (const [jobId] of old) this.#places.delete(jobId);
    return old.length;
  }

  #begin(level: number): void {
    this.#level = this.#free = level;
    this.#places.clear();
  }
}
