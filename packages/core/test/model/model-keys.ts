import type { KeyClaim } from "../../src/store.ts";
import { hasEnded, type ModelJob } from "./model-job.ts";

/** The rules of idempotency keys. */
export class ModelKeys {
  readonly #keys = new Map<string, { jobId: string; claim: KeyClaim; sinceMs: number }>();
  readonly #jobs: ReadonlyMap<string, ModelJob>;

  constructor(jobs: ReadonlyMap<string, ModelJob>) {
    this.#jobs = jobs;
  }

  holderOf({ key }: KeyClaim, nowMs: number): string | null {
    const entry = this.#keys.get(key);
    if (entry === undefined) return null;
    const { jobId, claim, sinceMs } = entry;
    if (claim.hold.kind === "window") return nowMs < sinceMs + claim.hold.ms ? jobId : null;
    const holder = this.#jobs.get(jobId)!;
    if (!hasEnded(holder)) return jobId;
    const { afterCompletionMs } = claim.hold;
    const isKept =
      holder.status === "completed" && (afterCompletionMs === null || nowMs < holder.endedMs + afterCompletionMs);
    return isKept ? jobId : null;
  }

  take(claim: KeyClaim, jobId: string, nowMs: number): void {
    this.#keys.set(claim.key, { jobId, claim, sinceMs: nowMs });
  }

  /** The row of a job goes: what it holds for a time, or for ever, is held on; answers whether there was any such. */
  part({ job: { id }, status, endedMs }: ModelJob, nowMs: number): boolean {
    let isHeldOn = false;
    for (const [key, { jobId, claim }] of this.#keys) {
      if (jobId !== id || claim.hold.kind === "window") continue;
      const ms = claim.hold.afterCompletionMs ?? Infinity;
      if (status !== "completed") this.#keys.delete(key);
      else this.#keys.set(key, { jobId, claim: { ...claim, hold: { kind: "window", ms } }, sinceMs: endedMs });
      isHeldOn ||= this.holderOf(claim, nowMs) !== null;
    }
    return isHeldOn;
  }
}
