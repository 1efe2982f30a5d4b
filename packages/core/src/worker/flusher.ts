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
    const entry: Entry = { update, source, bytes: bytesOf(update) };
    if (update.outcome !== null) {
      this.#outcomes++;
      this.#outcomeBytes += entry.bytes;
    }
    this.#enqueue(entry);
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

  /** Gives up on what is not written: the process is about to end, and others will rescue its jobs. */
  abandon(): void {
    this.#abandoned = true;
    this.#queue.clear();
  }

  #enqueue(entry: Entry): void {
    const key = keyOf(entry.update);
    const before = this.#queue.get(key);
    this.#queue.set(key, before === undefined ? entry : merged(before, entry));
  }

  async #flushAll(): Promise<void> {
    let failures = 0;
    while (this.#queue.size > 0) {
      // One turn of the event loop, so that what the last answers set going is said in full: a job that starts and ends
      // at once is one update and not two.
      await turn();
      const batch = this.#take();
      try {
        const held = await this.#send(batch);
        failures = 0;
        if (held === batch.length) await sleep(HELD_PAUSE_MS);
      } catch (cause) {
        if (failures++ === 0)
          this.#log.warn("The database does not take what running jobs report; trying on", { cause });
        if (this.#abandoned) break;
        this.#putBack(batch);
        await sleep(Math.min(50 * 2 ** failures, LONGEST_PAUSE_MS) * (0.5 + this.#random()));
      }
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

  /** Sends a batch and answers how many rows were held by others. Throws only if the database is out of reach. */
  async #send(batch: readonly Entry[]): Promise<number> {
    let results: readonly RunUpdateResult[];
    try {
      results = await this.#jobs.update({ updates: batch.map((entry) => entry.update) });
    } catch (error) {
      if (!(error instanceof ForgeError) || error.code === "UNAVAILABLE") throw error;
      return this.#sendHalves(batch, error);
    }
    const hadRoom = this.hasRoom;
    let held = 0;
    for (const [index, entry] of batch.entries()) {
      const result = results[index];
      if (result === undefined || result.result === "held") {
        held++;
        this.#putBack([entry]);
      } else {
        this.#acknowledge(entry, result);
      }
    }
    if (!hadRoom && this.hasRoom) this.#onRoom();
    return held;
  }

  /** One bad value must not fail its neighbours: halve until the culprit stands alone. */
  async #sendHalves(batch: readonly Entry[], error: ForgeError): Promise<number> {
    if (batch.length > 1) {
      const middle = batch.length >> 1;
      return (await this.#send(batch.slice(0, middle))) + (await this.#send(batch.slice(middle)));
    }
    for (const entry of batch) {
      this.#log.error("The database refuses what a job reports", {
        jobId: entry.update.id,
        cause: error.cause ?? error,
      });
      const mended = entry.source.onRefused(entry.update);
      if (mended === null) {
        this.#acknowledge(entry, { id: entry.update.id, result: "stale", cancelRequested: false });
      } else {
        this.#enqueue({ update: mended, source: entry.source, bytes: entry.bytes });
      }
    }
    return 0;
  }

  #acknowledge(entry: Entry, result: RunUpdateResult): void {
    if (entry.update.outcome !== null) {
      this.#outcomes--;
      this.#outcomeBytes -= entry.bytes;
    }
    entry.source.onResult(result, entry.update);
  }

  /** What was not written goes before what came later. */
  #putBack(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const key = keyOf(entry.update);
      const later = this.#queue.get(key);
      this.#queue.set(key, later === undefined ? entry : merged(entry, later));
    }
  }
}

function keyOf(update: RunUpdate): string {
  return `${update.id} ${update.claimNo}`;
}

function merged(before: Entry, after: Entry): Entry {
  const update: RunUpdate = {
    id: after.update.id,
    claimNo: after.update.claimNo,
    started: before.update.started || after.update.started,
    progress: after.update.progress === undefined ? before.update.progress : after.update.progress,
    message: after.update.message === undefined ? before.update.message : after.update.message,
    outcome: after.update.outcome ?? before.update.outcome,
  };
  // The bytes of an outcome are counted once, when it is pushed, and must come off unchanged.
  return {
    update,
    source: after.source,
    bytes: after.update.outcome === null ? before.bytes + after.bytes : after.bytes,
  };
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
