import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { ClaimedJob, KeyClaim, NewJob, Outcome, RetryResult, RunUpdate } from "../../src/store.ts";
import { PRIORITIES } from "../../src/store.ts";

export const QUEUE = "default";
export const MAX_DEATHS = 3;
export const MINUTE_MS = 60_000;

/** What the model knows of a job. Times are offsets of the tests' clock: what passes by itself is far below a minute. */
export interface ModelJob {
  /** As it was dispatched, or replaced last. */
  job: NewJob;
  status: StoredJobStatus;
  dueMs: number;
  attempts: number;
  maxAttempts: number;
  claimNo: number;
  deaths: number;
  revision: number;
  progress: number | null;
  message: string | null;
  worker: string | null;
  endedMs: number;
  discarded: boolean;
}

/** A claim that a worker knows of: it was answered. */
export interface ModelRun {
  readonly id: string;
  readonly claimNo: number;
}

const HELD: readonly StoredJobStatus[] = ["claimed", "running", "cancel_requested"];
const WAITING: readonly StoredJobStatus[] = ["pending", "retry"];
const ENDED: readonly StoredJobStatus[] = ["completed", "failed", "dead_letter", "cancelled"];

/** All rules of a job's life, over plain maps: what every store has to do, told without a database. */
export class Model {
  readonly jobs = new Map<string, ModelJob>();
  readonly keys = new Map<string, { jobId: string; claim: KeyClaim; sinceMs: number }>();
  readonly workers = new Set<string>();
  readonly runs: ModelRun[] = [];
  nowMs = 0;
  paused = false;

  holderOf({ key }: KeyClaim): string | null {
    const entry = this.keys.get(key);
    if (entry === undefined) return null;
    const { hold } = entry.claim;
    if (hold.kind === "window") return this.nowMs < entry.sinceMs + hold.ms ? entry.jobId : null;
    const holder = this.jobs.get(entry.jobId)!;
    if (!ENDED.includes(holder.status)) return entry.jobId;
    const isKept =
      holder.status === "completed" &&
      (hold.afterCompletionMs === null || this.nowMs < holder.endedMs + hold.afterCompletionMs);
    return isKept ? entry.jobId : null;
  }

  /** Answers the ids that the caller gets. */
  insert(jobs: readonly NewJob[]): { id: string; created: boolean }[] {
    return jobs.map((job) => {
      const holders = job.keys.map((key) => this.holderOf(key));
      const holder = holders.find((held) => held !== null) ?? null;
      if (holder === null) this.#add(job);
      else if (job.replace === true) this.#replace(this.jobs.get(holder)!, job);
      for (const [n, claim] of job.keys.entries()) {
        // A job that meets a holder brings that its windows; a key that goes by its job's end stays free.
        if (holders[n] !== null || (holder !== null && claim.hold.kind === "job")) continue;
        this.keys.set(claim.key, { jobId: holder ?? job.id, claim, sinceMs: this.nowMs });
      }
      return { id: holder ?? job.id, created: holder === null };
    });
  }

  #replace(held: ModelJob, { type, priority, input, maxAttempts, due }: NewJob): void {
    if (held.status !== "pending" || held.job.type !== type) return;
    held.job = { ...held.job, priority, input, maxAttempts };
    held.dueMs = this.nowMs + ("delayMs" in due ? due.delayMs : 0);
    held.maxAttempts = held.attempts + maxAttempts;
    held.revision++;
    held.progress = null;
    held.message = null;
  }

  insertClaimed(job: NewJob, worker: string): boolean {
    const added = this.#add(job);
    if (this.paused || !this.workers.has(worker)) return false;
    Object.assign(added, { status: "claimed", worker, attempts: 1, claimNo: 1 });
    this.runs.push({ id: job.id, claimNo: 1 });
    return true;
  }

  claimable(types: readonly string[]): ModelJob[] {
    if (this.paused) return [];
    return [...this.jobs.values()].filter(
      ({ job, status, dueMs }) => WAITING.includes(status) && types.includes(job.type) && dueMs <= this.nowMs,
    );
  }

  /** Takes over what a store answered, once it was found to be allowed. */
  claimed(id: string, worker: string): Pick<ClaimedJob, "attempt" | "claimNo" | "deaths" | "revision" | "maxAttempts"> {
    const job = this.jobs.get(id)!;
    job.status = "claimed";
    job.worker = worker;
    job.revision++;
    const { maxAttempts, deaths, revision } = job;
    return { attempt: ++job.attempts, claimNo: ++job.claimNo, maxAttempts, deaths, revision };
  }

  heldBy(worker: string): ModelJob[] {
    return [...this.jobs.values()].filter((job) => job.worker === worker);
  }

  isCurrent({ id, claimNo }: ModelRun): boolean {
    const job = this.jobs.get(id)!;
    return job.claimNo === claimNo && HELD.includes(job.status);
  }

  /** Does what a current run says; see `isCurrent`. */
  update({ id, started, progress, message, outcome }: RunUpdate): void {
    const job = this.jobs.get(id)!;
    job.revision++;
    if (started && job.status === "claimed") Object.assign(job, { status: "running", progress: null, message: null });
    if (progress !== undefined) job.progress = progress;
    if (message !== undefined) job.message = message;
    if (outcome !== null) this.#settle(job, outcome);
  }

  cancel(id: string): "cancelled" | "requested" | "settled" {
    const job = this.jobs.get(id)!;
    if (ENDED.includes(job.status)) return "settled";
    if (job.status === "cancel_requested") return "requested";
    job.revision++;
    if (job.status === "running") {
      job.status = "cancel_requested";
      return "requested";
    }
    this.#end(job, "cancelled");
    return "cancelled";
  }

  retry(id: string): RetryResult {
    const job = this.jobs.get(id)!;
    if (!ENDED.includes(job.status) || job.status === "completed") return "not_settled";
    if (job.discarded) return "discarded";
    const own = job.job.keys.filter(({ hold }) => hold.kind === "job");
    if (!own.every((key) => [null, id].includes(this.holderOf(key)))) return "key_held";
    for (const claim of own) this.keys.set(claim.key, { jobId: id, claim, sinceMs: this.nowMs });
    const cleared = { progress: null, message: null, deaths: 0, dueMs: this.nowMs };
    Object.assign(job, cleared, { status: "pending", maxAttempts: job.attempts + job.job.maxAttempts });
    job.revision++;
    return "retried";
  }

  /** A worker died; answers the ids of what it held. */
  rescue(worker: string): string[] {
    this.workers.delete(worker);
    return this.heldBy(worker).map((job) => {
      job.revision++;
      job.attempts--;
      const ran = job.status === "running";
      if (job.status === "cancel_requested") this.#end(job, "cancelled");
      else if (ran && Math.max(job.deaths, 0) + 1 >= MAX_DEATHS) this.#end(job, "dead_letter");
      else {
        job.deaths = ran ? Math.max(job.deaths, 0) + 1 : job.deaths || -1;
        this.#wait(job, "pending", 0);
      }
      return job.job.id;
    });
  }

  /** Answers how many jobs move. */
  sweep(afterMs: number): number {
    const moved = [...this.jobs.values()].filter(
      ({ status, discarded, endedMs }) => status === "failed" && !discarded && endedMs + afterMs <= this.nowMs,
    );
    for (const job of moved) {
      job.status = "dead_letter";
      job.revision++;
    }
    return moved.length;
  }

  #add(job: NewJob): ModelJob {
    const added: ModelJob = {
      job,
      status: "pending",
      dueMs: this.nowMs + ("delayMs" in job.due ? job.due.delayMs : 0),
      attempts: 0,
      maxAttempts: job.maxAttempts,
      claimNo: 0,
      deaths: 0,
      revision: 1,
      progress: null,
      message: null,
      worker: null,
      endedMs: 0,
      discarded: false,
    };
    this.jobs.set(job.id, added);
    return added;
  }

  #settle(job: ModelJob, outcome: Outcome): void {
    if (job.status === "cancel_requested" && outcome.kind !== "completed") return this.#end(job, "cancelled");
    switch (outcome.kind) {
      case "retry":
        return this.#wait(job, "retry", outcome.delayMs, 0);
      case "given_back":
        job.attempts--;
        return this.#wait(job, "pending", outcome.delayMs, 0);
      case "discarded":
        job.discarded = true;
        return this.#end(job, "failed");
      case "completed":
      case "failed":
      case "dead_letter":
        return this.#end(job, outcome.kind);
    }
  }

  #wait(job: ModelJob, status: "pending" | "retry", delayMs: number, deaths: number = job.deaths): void {
    Object.assign(job, { status, deaths, worker: null, dueMs: this.nowMs + delayMs });
  }

  #end(job: ModelJob, status: StoredJobStatus): void {
    Object.assign(job, { status, worker: null, endedMs: this.nowMs });
  }
}

/** The place of a job's priority, 0 for the most urgent. */
export function urgency({ job }: ModelJob): number {
  return PRIORITIES.indexOf(job.priority);
}
