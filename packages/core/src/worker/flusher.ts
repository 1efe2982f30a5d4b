import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { ForgeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { JobVerbs, RunUpdate, RunUpdateResult } from "../store.ts";

/** Who sent an update, and hears what became of it. */
export interface UpdateSource {
  /** The update was written, or found stale. Not called for one that was merged into a later one. */
  onResult(result: RunUpdateResult, update: RunUpdate): void;
  /** The database refuses this update's data; answer one that it can take, or null to give up. */
  onRefused(update: RunUpdate): RunUpdate | null;
}

interface Entry {
  readonly update: RunUpdate;
  readonly source: UpdateSource;
  readonly bytes: number;
  /** What its outcome takes of the window; null for an update that ends nothing. */
  readonly outcomeBytes: number | null;
}

/** What became of a batch: how many rows others held, and whether the database was out of reach for some of it. */
interface SendResult {
  readonly held: number;
  readonly away: boolean;
}

const BATCH_ROWS = 1_000;
const BATCH_BYTES = 4 * 1024 * 1024;
const WINDOW_OUTCOMES = 1_000;
const WINDOW_BYTES = 16 * 1024 * 1024;
const HELD_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Writes behind what running jobs have to say, in batches that grow with the load.
 *
 * Idle: the first `push` schedules a flush for the end of this turn of the event loop. Flushing: what arrives meanwhile
 * collects, merged per run, and is the next batch. Pausing, after the database failed to answer or rows were held: pushes
 * still merge; the flush goes on after a jittered wait that doubles up to 2 s. There is no fixed delay in between: latency
 * is one round trip.
 */
export class Flusher {
  readonly #jobs: Pick<JobVerbs, "update">;
  readonly #log: Logger;
  readonly #random: () => number;
  readonly #onRoom: () => void;
  readonly #queue = new Map<string, Entry>();
  #flushing = false;
  #abandoned = false;
  #isAway = false;
  #outcomes = 0;
  #outcomeBytes = 0;
  #idle: PromiseWithResolvers<void> | null = null;

  constructor(deps: { jobs: Pick<JobVerbs, "update">; log: Logger; random: () => number; onRoom: () => void }) {
    this.#jobs = deps.jobs;
    this.#log = deps.log;
    this.#random = deps.random;
    this.#onRoom = deps.onRoom;
  }

  /** Whether more outcomes may wait for their acknowledgement; while not, no handler should start. */
  get hasRoom(): boolean {
    return this.#outcomes < WINDOW_OUTCOMES && this.#outcomeBytes < WINDOW_BYTES;
  }

  /** Adds an update; a later one of the same run merges into it until it is sent. */
  push(update: RunUpdate, source: UpdateSource): void {
    if (this.#abandoned) return;
    this.#enqueue(entryOf(update, source));
    if (!this.#flushing) {
      this.#flushing = true;
      void this.#flushAll();
    }
  }

  /** Resolves once everything pushed so far, and whatever arrives meanwhile, was written or found stale. */
  settled(): Promise<void> {
    if (!this.#flushing) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  /** Takes and writes nothing any more: the process is about to end, and others will rescue what is left. */
  abandon(): void {
    this.#abandoned = true;
    this.#queue.clear();
  }

  async #flushAll(): Promise<void> {
    let failures = 0;
    while (this.#queue.size > 0) {
      // One turn of the event loop, so that what the last answers set going is said in full: a job that starts and ends
      // at once is one update and not two.
      await turn();
      const batch = this.#take();
      const result = await this.#send(batch);
      if (this.#abandoned) break;
      failures = result.away ? failures + 1 : 0;
      if (result.away) await sleep(Math.min(50 * 2 ** failures, LONGEST_PAUSE_MS) * (0.5 + this.#random()));
      else if (result.held === batch.length) await sleep(HELD_PAUSE_MS);
    }
    this.#flushing = false;
    this.#idle?.resolve();
    this.#idle = null;
  }

  #take(): Entry[] {
    const batch: Entry[] = [];
    let bytes = 0;
    for (const [key, entry] of this.#queue) {
      if (batch.length > 0 && (batch.length >= BATCH_ROWS || bytes + entry.bytes > BATCH_BYTES)) break;
      batch.push(entry);
      bytes += entry.bytes;
      this.#queue.delete(key);
    }
    return batch;
  }

  /** Sends a batch, and puts back what was not written: rows that others hold, or all of it if the database is away. */
  async #send(batch: readonly Entry[]): Promise<SendResult> {
    let results: readonly RunUpdateResult[];
    try {
      results = await this.#jobs.update({ updates: batch.map((entry) => entry.update) });
    } catch (error) {
      const code = error instanceof ForgeError ? error.code : "INTERNAL";
      if (code === "BAD_REQUEST" || code === "INTERNAL") return this.#sendHalves(batch, error, code);
      if (!this.#isAway)
        this.#log.warn("The database does not take what running jobs report; trying on", { cause: error });
      this.#isAway = true;
      for (const entry of batch) this.#putBack(entry);
      return { held: 0, away: true };
    }
    this.#isAway = false;
    let held = 0;
    for (const [index, entry] of batch.entries()) {
      const result = results[index];
      if (result === undefined || result.result === "held") {
        held++;
        this.#putBack(entry);
      } else {
        this.#acknowledge(entry, result);
      }
    }
    return { held, away: false };
  }

  /** One bad value must not fail its neighbours: halve until the culprit stands alone. */
  async #sendHalves(batch: readonly Entry[], error: unknown, code: "BAD_REQUEST" | "INTERNAL"): Promise<SendResult> {
    const [only] = batch;
    if (batch.length > 1 || only === undefined) {
      const middle = batch.length >> 1;
      const first = await this.#send(batch.slice(0, middle));
      const second = await this.#send(batch.slice(middle));
      return { held: first.held + second.held, away: first.away || second.away };
    }
    this.#log.error("The database refuses what a job reports", { jobId: only.update.id, cause: error });
    const mended = code === "BAD_REQUEST" ? only.source.onRefused(only.update) : null;
    if (mended === null) {
      // The row is still marked as this worker's; its next beats find that nobody knows of it, and give it back.
      this.#acknowledge(only, { id: only.update.id, result: "stale", cancelRequested: false });
    } else {
      this.#uncount(only);
      this.#enqueue(entryOf(mended, only.source));
    }
    return { held: 0, away: false };
  }

  #acknowledge(entry: Entry, result: RunUpdateResult): void {
    const hadRoom = this.hasRoom;
    this.#uncount(entry);
    entry.source.onResult(result, entry.update);
    if (!hadRoom && this.hasRoom) this.#onRoom();
  }

  #enqueue(entry: Entry): void {
    if (entry.outcomeBytes !== null) {
      this.#outcomes++;
      this.#outcomeBytes += entry.outcomeBytes;
    }
    const key = keyOf(entry.update);
    const before = this.#queue.get(key);
    this.#queue.set(key, before === undefined ? entry : this.#merged(before, entry));
  }

  /** What was not written goes before what came later. It is counted already. */
  #putBack(entry: Entry): void {
    const key = keyOf(entry.update);
    const later = this.#queue.get(key);
    this.#queue.set(key, later === undefined ? entry : this.#merged(entry, later));
  }

  /** One entry for two; of two outcomes the later one stands. */
  #merged(before: Entry, after: Entry): Entry {
    if (after.outcomeBytes !== null) this.#uncount(before);
    const update: RunUpdate = {
      id: after.update.id,
      claimNo: after.update.claimNo,
      started: before.update.started || after.update.started,
      progress: after.update.progress === undefined ? before.update.progress : after.update.progress,
      message: after.update.message === undefined ? before.update.message : after.update.message,
      outcome: after.update.outcome ?? before.update.outcome,
    };
    const frees = after.update.frees ?? before.update.frees;
    const wakes = after.update.wakes ?? before.update.wakes;
    const outcomeBytes = after.outcomeBytes ?? before.outcomeBytes;
    const merged = { ...update, ...(frees !== undefined && { frees }), ...(wakes !== undefined && { wakes }) };
    return { update: merged, source: after.source, bytes: bytesOf(update), outcomeBytes };
  }

  #uncount({ outcomeBytes }: Entry): void {
    if (outcomeBytes === null) return;
    this.#outcomes--;
    this.#outcomeBytes -= outcomeBytes;
  }
}

function entryOf(update: RunUpdate, source: UpdateSource): Entry {
  const bytes = bytesOf(update);
  return { update, source, bytes, outcomeBytes: update.outcome === null ? null : bytes };
}

/** Most runs are the first of their job; the id alone spares those a new text each time. */
function keyOf({ id, claimNo }: RunUpdate): string {
  return claimNo === 1 ? id : `${id} ${claimNo}`;
}

function bytesOf({ message, outcome }: RunUpdate): number {
  const text =
    outcome === null
      ? 0
      : outcome.kind === "completed"
        ? (outcome.output?.length ?? 0)
        : "error" in outcome
          ? outcome.error.length
          : 0;
  return 200 + (message?.length ?? 0) + text;
}
