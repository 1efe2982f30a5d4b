import { setTimeout as sleep } from "node:timers/promises";
import { ForgeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { StepWrite, StepWriteResult, WorkflowVerbs } from "../store.ts";

/** What a write led to; one that met a locked row is sent again. */
export type Written = Exclude<StepWriteResult, { kind: "held" }>;

interface Entry {
  write: StepWrite;
  /** Who waits for it; nobody for a start that only goes with others. */
  readonly waiting: { resolve: (written: Written) => void; reject: (error: unknown) => void }[];
}

const BATCH = 500;
const BATCH_BYTES = 4 * 1024 * 1024;
/** How long a start may wait for a write to go with. */
const LATER_MS = 20;
/** How long a row that somebody has locked is left alone, at first: mostly it is a flush of this process, about to commit. */
const HELD_PAUSE_MS = 1;
const LONGEST_HELD_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Writes what the runs of this process record, in batches that grow with the load: steps of different runs share a commit.
 *
 * Idle: the first write schedules a batch for the end of this turn of the event loop; one that is not waited for only does
 * so after 20 ms. Writing: what is said meanwhile collects, one record a step, and is the next batch. Pausing, after the
 * database failed to answer or rows were held: the same, until a jittered wait is over. What is said of one run is written in
 * the order in which it was said.
 */
export class StepWriter {
  readonly #workflows: Pick<WorkflowVerbs, "record">;
  readonly #log: Logger;
  readonly #random: () => number;
  #queue = new Map<string, Entry>();
  #writing = false;
  #later: NodeJS.Timeout | undefined;
  #isAway = false;
  #abandoned = false;
  #idle: PromiseWithResolvers<void> | null = null;

  constructor(workflows: Pick<WorkflowVerbs, "record">, log: Logger, random: () => number) {
    this.#workflows = workflows;
    this.#log = log;
    this.#random = random;
  }

  /** Writes and resolves once that is durable, or found stale. Rejects where the database refuses the data. */
  write(write: StepWrite): Promise<Written> {
    if (this.#abandoned) return new Promise(() => {});
    return new Promise((resolve, reject) => {
      this.#enqueue({ write, waiting: [{ resolve, reject }] });
      this.#begin();
    });
  }

  /** Writes with the next batch; of no use once something else is said of the step. */
  writeLater(write: StepWrite): void {
    if (this.#abandoned) return;
    this.#enqueue({ write, waiting: [] });
    this.#later ??= setTimeout(() => this.#begin(), LATER_MS);
  }

  /** Resolves once everything said so far is written, or found stale. */
  settled(): Promise<void> {
    if (this.#queue.size > 0) this.#begin();
    if (!this.#writing) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  /** Takes and writes nothing any more. */
  abandon(): void {
    this.#abandoned = true;
    clearTimeout(this.#later);
    this.#queue.clear();
  }

  #enqueue(entry: Entry): void {
    const key = keyOf(entry.write);
    const before = this.#queue.get(key);
    if (before === undefined) this.#queue.set(key, entry);
    else {
      before.waiting.push(...entry.waiting);
      before.write = entry.write;
    }
  }

  #begin(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
    if (this.#writing) return;
    this.#writing = true;
    setImmediate(() => void this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    let failures = 0;
    let heldPauseMs = HELD_PAUSE_MS;
    while (this.#queue.size > 0 && !this.#abandoned) {
      const batch = this.#take();
      const { held, away } = await this.#send(batch);
      failures = away ? failures + 1 : 0;
      if (away) await sleep(Math.min(50 * 2 ** failures, LONGEST_PAUSE_MS) * (0.5 + this.#random()));
      else if (held === batch.length) {
        await sleep(heldPauseMs);
        heldPauseMs = Math.min(2 * heldPauseMs, LONGEST_HELD_PAUSE_MS);
      } else heldPauseMs = HELD_PAUSE_MS;
    }
    this.#writing = false;
    this.#idle?.resolve();
    this.#idle = null;
  }

  #take(): Entry[] {
    const batch: Entry[] = [];
    let bytes = 0;
    for (const [key, entry] of this.#queue) {
      bytes += bytesOf(entry.write);
      if (batch.length > 0 && (batch.length >= BATCH || bytes > BATCH_BYTES)) break;
      batch.push(entry);
      this.#queue.delete(key);
    }
    return batch;
  }

  async #send(batch: readonly Entry[]): Promise<{ held: number; away: boolean }> {
    let results: readonly StepWriteResult[];
    try {
      results = await this.#workflows.record({ writes: batch.map(({ write }) => write) });
    } catch (error) {
      const code = error instanceof ForgeError ? error.code : "INTERNAL";
      if (code === "BAD_REQUEST" || code === "INTERNAL") return this.#sendHalves(batch, error);
      if (!this.#isAway) this.#log.warn("The database does not take what runs record; trying on", { cause: error });
      this.#isAway = true;
      this.#putBack(batch);
      return { held: 0, away: true };
    }
    this.#isAway = false;
    const held: Entry[] = [];
    for (const [n, entry] of batch.entries()) {
      const result = results[n];
      if (result === undefined || result.kind === "held") held.push(entry);
      else for (const { resolve } of entry.waiting) resolve(result);
    }
    this.#putBack(held);
    return { held: held.length, away: false };
  }

  /** One bad value must not fail its neighbours: halve until the culprit stands alone. */
  async #sendHalves(batch: readonly Entry[], error: unknown): Promise<{ held: number; away: boolean }> {
    const [only] = batch;
    if (batch.length > 1 || only === undefined) {
      const middle = batch.length >> 1;
      const first = await this.#send(batch.slice(0, middle));
      const second = await this.#send(batch.slice(middle));
      return { held: first.held + second.held, away: first.away || second.away };
    }
    this.#log.error("The database refuses what a run records", { runId: only.write.run.id, cause: error });
    for (const { reject } of only.waiting) reject(error);
    return { held: 0, away: false };
  }

  /** What was not written goes before what was said later. */
  #putBack(entries: readonly Entry[]): void {
    const later = this.#queue;
    this.#queue = new Map(entries.map((entry) => [keyOf(entry.write), entry]));
    for (const entry of later.values()) this.#enqueue(entry);
  }
}

function keyOf({ run, key }: StepWrite): string {
  return `${run.id} ${run.claimNo} ${key}`;
}

function bytesOf({ output, failure }: StepWrite): number {
  return 300 + (output?.length ?? 0) + (failure?.error.length ?? 0);
}
