import type { StoredJobStatus } from "@forge-jobs/protocol";
import type {
  CancelResult,
  ChildCall,
  ChildResult,
  ClaimedJob,
  DeleteResult,
  DiscardResult,
  InsertResult,
  NewJob,
  Outcome,
  RetryResult,
  RunUpdate,
} from "../../src/store.ts";
import type { ModelBucket } from "./model-bucket.ts";
import type { ModelCron } from "./model-cron.ts";
import { counts, hasEnded, isDead, isHeld, keepOf, type ModelJob, ownTime, waits } from "./model-job.ts";
import { ModelKeys } from "./model-keys.ts";
import type { Reach } from "./reach.ts";

export const QUEUES: readonly string[] = ["default", "media"];

/** A claim that a worker knows of: it was answered. */
export interface ModelRun {
  readonly id: string;
  readonly claimNo: number;
}

/** All rules of a job's life, over plain maps: what every store has to do, told without a database. */
export class Model {
  readonly reach: Reach;
  /** The store's clock when the walk began. */
  readonly beganAt: number;
  readonly jobs = new Map<string, ModelJob>();
  readonly deleted = new Set<string>();
  readonly keys: ModelKeys = new ModelKeys(this.jobs);
  /** What runs called their children, by the parent's id. */
  readonly children = new Map<string, { key: string | null; readonly id: string }[]>();
  readonly queues = new Map(QUEUES.map((name) => [name, { paused: false, limit: null as number | null }]));
  readonly workers = new Set<string>();
  readonly draining = new Set<string>();
  readonly runs: ModelRun[] = [];
  bucket: ModelBucket | null = null;
  cron: ModelCron | null = null;
  nowMs = 0;

  constructor(reach: Reach, beganAt: number) {
    this.reach = reach;
    this.beganAt = beganAt;
  }

  /** Answers the ids that the caller gets. */
  insert(jobs: readonly NewJob[], parentId: string | null = null): InsertResult[] {
    return jobs.map((job) => {
      const holders = job.keys.map((key) => this.keys.holderOf(key, this.nowMs));
      const holder = holders.find((held) => held !== null) ?? null;
      if (holder === null) this.#add(job, parentId);
      else this.#meet(holder, job);
      for (const [n, claim] of job.keys.entries()) {
        // A job that meets a holder brings that its windows; a key that goes by its job's end stays free.
        if (holders[n] !== null || (holder !== null && claim.hold.kind === "job")) continue;
        this.keys.take(claim, holder ?? job.id, this.nowMs);
      }
      return { id: holder ?? job.id, created: holder === null };
    });
  }

  insertClaimed(job: NewJob, worker: string): boolean {
    const added = this.#add(job, null);
    const { paused, limit } = this.queues.get(job.queue)!;
    if (paused || limit !== null || job.limitKey !== undefined || this.draining.has(worker)) return false;
    Object.assign(added, { status: "claimed", worker, attempts: 1, claimNo: 1 });
    this.runs.push({ id: job.id, claimNo: 1 });
    return true;
  }

  due(queue: string, types: readonly string[]): ModelJob[] {
    return [...this.jobs.values()].filter(
      (one) => waits(one) && one.job.queue === queue && types.includes(one.job.type) && one.dueMs <= this.nowMs,
    );
  }

  /** How many jobs more may be held of a queue. */
  roomOf(queue: string): number {
    const { paused, limit } = this.queues.get(queue)!;
    const held = [...this.jobs.values()].filter((one) => counts(one) && one.job.queue === queue);
    return paused ? 0 : limit === null ? Infinity : Math.max(0, limit - held.length);
  }

  /** How many more may be held that have this one's concurrency key. */
  keyRoomOf({ job }: ModelJob, perKey: number): number {
    const held = [...this.jobs.values()].filter((one) => counts(one) && laneKey(one.job) === laneKey(job));
    return Math.max(0, perKey - held.length);
  }

  /** Takes over what a store answered, once it was found to be allowed. */
  claimed(id: string, worker: string): Partial<ClaimedJob> {
    const one = this.jobs.get(id)!;
    Object.assign(one, { status: "claimed", worker, isWaiting: false, isBehind: false });
    one.revision++;
    const { maxAttempts, deaths, revision, job } = one;
    const { type, queue, priority, input, overrides } = job;
    const run = { attempt: ++one.attempts, claimNo: ++one.claimNo, maxAttempts, deaths, revision };
    return { type, queue, priority, input, overrides, ...run };
  }

  heldBy(worker: string): ModelJob[] {
    return [...this.jobs.values()].filter((job) => job.worker === worker);
  }

  isCurrent({ id, claimNo }: ModelRun): boolean {
    const job = this.jobs.get(id);
    return job?.claimNo === claimNo && isHeld(job);
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

  cancel(id: string): CancelResult {
    const job = this.jobs.get(id);
    if (job === undefined) return "not_found";
    if (hasEnded(job)) return "settled";
    this.#stop(job);
    for (const child of this.#below(id)) this.cancel(child.job.id);
    return hasEnded(job) ? "cancelled" : "requested";
  }

  retry(id: string, delayMs = 0): RetryResult {
    const job = this.jobs.get(id);
    if (job === undefined) return "not_found";
    if (!hasEnded(job) || job.status === "completed") return "not_settled";
    if (job.discarded) return "discarded";
    const own = job.job.keys.filter(({ hold }) => hold.kind === "job");
    if (!own.every((key) => [null, id].includes(this.keys.holderOf(key, this.nowMs)))) return "key_held";
    for (const claim of own) this.keys.take(claim, id, this.nowMs);
    const cleared = { progress: null, message: null, deaths: 0, expiresMs: null, dueMs: this.nowMs + delayMs };
    Object.assign(job, cleared, { status: "pending", maxAttempts: job.attempts + job.job.maxAttempts });
    job.revision++;
    return "retried";
  }

  discard(id: string): DiscardResult {
    const job = this.jobs.get(id);
    if (job === undefined) return "not_found";
    if (job.discarded) return "discarded";
    if (!isDead(job)) return "not_failed";
    Object.assign(job, { status: "failed", discarded: true });
    job.revision++;
    return "discarded";
  }

  delete(id: string): DeleteResult {
    const job = this.jobs.get(id);
    if (job === undefined) return "not_found";
    if (!hasEnded(job)) return "not_settled";
    this.remove(job);
    return "deleted";
  }

  /** The row goes, with all that is kept of the job. */
  remove(job: ModelJob): void {
    const { id } = job.job;
    this.reach.by("a key outlived its deleted job", this.keys.part(job, this.nowMs));
    this.jobs.delete(id);
    this.children.delete(id);
    this.deleted.add(id);
  }

  dispatchChild({ parent, key, job }: ChildCall): ChildResult {
    if (!this.isCurrent(parent)) return { kind: "stale" };
    if (this.jobs.get(parent.id)!.status === "cancel_requested") return { kind: "cancelled" };
    const calls = this.children.get(parent.id) ?? [];
    this.children.set(parent.id, calls);
    const before = calls.find((call) => call.key === key);
    const child = before && this.jobs.get(before.id);
    if (child !== undefined && (!hasEnded(child) || child.status === "completed")) {
      this.reach.by("a child was found again");
      return { kind: "found", id: child.job.id };
    }
    this.reach.by("a child that ended badly was made anew", before !== undefined);
    if (before !== undefined) before.key = null;
    const [made] = this.insert([job], parent.id);
    calls.push({ key, id: made!.id });
    this.reach.by(made!.created ? "a child was made" : "a child's key had a holder");
    return { kind: made!.created ? "made" : "found", id: made!.id };
  }

  /** A worker died; answers the ids of what it held. */
  rescue(worker: string, maxDeaths: number): string[] {
    this.workers.delete(worker);
    return this.heldBy(worker).map((job) => {
      job.revision++;
      job.attempts--;
      const ran = job.status === "running";
      const deaths = ran ? Math.max(job.deaths, 0) + 1 : job.deaths || -1;
      if (ran) job.errorName = null;
      if (job.status === "cancel_requested") this.#end(job, "cancelled");
      else if (ran && deaths >= maxDeaths) this.#end(job, "dead_letter");
      else this.#wait(job, "pending", 0, deaths);
      return job.job.id;
    });
  }

  #add(job: NewJob, parentId: string | null): ModelJob {
    const dueMs = this.nowMs + ("delayMs" in job.due ? job.due.delayMs : 0);
    const counted = { attempts: 0, maxAttempts: job.maxAttempts, claimNo: 0, deaths: 0, revision: 1 };
    const said = { progress: null, message: null, worker: null, isWaiting: false, isBehind: false };
    const end = { endedMs: 0, expiresMs: null, errorName: null, discarded: false };
    const added: ModelJob = { job, parentId, status: "pending", dueMs, ...counted, ...said, ...end };
    this.jobs.set(job.id, added);
    return added;
  }

  /** A dispatch meets the holder of its key. */
  #meet(id: string, job: NewJob): void {
    const holder = this.jobs.get(id);
    const isReplaced = job.replace === true && holder?.status === "pending" && holder.job.type === job.type;
    if (job.replace === true) {
      const place = isReplaced
        ? "a dispatch replaced a pending job"
        : "a dispatch left alone a holder that it would have replaced";
      this.reach.by(place);
    }
    if (!isReplaced) return;
    const { owner, keys } = holder.job;
    holder.job = { ...job, id, owner, keys };
    holder.maxAttempts = holder.attempts + job.maxAttempts;
    Object.assign(holder, { progress: null, message: null });
    holder.dueMs = this.nowMs + ("delayMs" in job.due ? job.due.delayMs : 0);
    holder.revision++;
    this.children.delete(id);
  }

  /** The unfinished jobs that were made as children of this one. */
  #below(id: string): ModelJob[] {
    const called = (this.children.get(id) ?? []).flatMap((call) => this.jobs.get(call.id) ?? []);
    return called.filter((job) => job.parentId === id && !hasEnded(job));
  }

  #stop(job: ModelJob): void {
    if (job.status === "cancel_requested") return;
    job.revision++;
    if (job.status === "running") job.status = "cancel_requested";
    else this.#end(job, "cancelled");
  }

  #settle(job: ModelJob, outcome: Outcome): void {
    if (job.status === "cancel_requested" && outcome.kind !== "completed") return this.#end(job, "cancelled");
    if ("error" in outcome) job.errorName = outcome.errorName ?? null;
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
      case "suspended":
      case "compensated":
        throw new Error("No job of the model is a run of a workflow.");
    }
  }

  #wait(job: ModelJob, status: "pending" | "retry", delayMs: number, deaths: number): void {
    Object.assign(job, { status, deaths, worker: null, dueMs: this.nowMs + delayMs });
  }

  #end(job: ModelJob, status: StoredJobStatus): void {
    const { endedMs, failedMs } = keepOf(job);
    const afterMs = status === "failed" || status === "dead_letter" ? failedMs : endedMs;
    Object.assign(job, { status, worker: null, endedMs: this.nowMs, expiresMs: ownTime(this.nowMs, afterMs) });
  }
}

const laneKey = ({ queue, type, limitKey }: NewJob): string | undefined =>
  limitKey === undefined ? undefined : `${queue} ${type} ${limitKey}`;
