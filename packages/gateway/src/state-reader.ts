import { type Forge, ForgeError, workflowOf } from "@forge-jobs/core";
import { setImmediate as nextTurn } from "node:timers/promises";
import { JobView } from "./job-view.ts";
import { RunView } from "./run-view.ts";
import type { StateView } from "./state-view.ts";

/** How many ids one statement names at most. */
export const READ_BATCH = 500;
/** A database that has not answered for so long is as good as gone, though its connection may stand. */
const LATE_MS = 5_000;

/** Ids to read; null where nobody waits for the answer. */
type Batch = Map<string, PromiseWithResolvers<StateView | null> | null>;

/** Where states are read from. */
export interface StateSource {
  readonly jobs: Pick<Forge["jobs"], "states">;
  readonly workflows: Pick<Forge["workflows"], "states">;
}

/** Who hears of every read, before those who asked for it. */
export interface ReaderListener {
  /** What one batch found; ids without a row are left out. */
  onRead(views: readonly StateView[]): void;
  /** A batch failed, or is late; then it may still be read. */
  onFailed(error: unknown): void;
}

/**
 * Reads states in batches: one is under way, the next collects, and an id that several ask for is read once.
 *
 * A read begins after it was asked for, never before. So whoever registers for an id and then reads it sees every change
 * that was committed before it registered, and is told of every later one.
 */
export class StateReader {
  readonly #source: StateSource;
  readonly #listener: ReaderListener;
  /** The ids of the next batches, in the order of asking. */
  readonly #waiting: Batch = new Map();
  #isReading = false;

  constructor(source: StateSource, listener: ReaderListener) {
    this.#source = source;
    this.#listener = listener;
  }

  /** Reads one state; null if there is no such row. Rejects as the database does. */
  read(id: string): Promise<StateView | null> {
    let answer = this.#waiting.get(id);
    if (!answer) {
      answer = Promise.withResolvers();
      this.#waiting.set(id, answer);
      this.#run();
    }
    return answer.promise;
  }

  /** Reads one state for the listener only. */
  touch(id: string): void {
    if (this.#waiting.has(id)) return;
    this.#waiting.set(id, null);
    this.#run();
  }

  #run(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    // After the present run of events, so that a burst of hints or requests shares one batch.
    queueMicrotask(() => void this.#readAll());
  }

  async #readAll(): Promise<void> {
    for (;;) {
      await this.#readBatch(this.#nextBatch());
      if (this.#waiting.size === 0) break;
      // SQLite answers within the same turn; the sockets must get theirs between two batches.
      await nextTurn();
    }
    this.#isReading = false;
  }

  #nextBatch(): Batch {
    const batch: Batch = new Map();
    for (const [id, answer] of this.#waiting) {
      if (batch.size === READ_BATCH) break;
      batch.set(id, answer);
      this.#waiting.delete(id);
    }
    return batch;
  }

  async #readBatch(batch: Batch): Promise<void> {
    let read: StateView[];
    const late = setTimeout(() => {
      this.#listener.onFailed(
        new ForgeError("UNAVAILABLE", `A read of states has not been answered for ${LATE_MS} ms.`),
      );
    }, LATE_MS).unref();
    try {
      read = await this.#views([...batch.keys()]);
    } catch (error) {
      this.#listener.onFailed(error);
      for (const answer of batch.values()) answer?.reject(error);
      return;
    } finally {
      clearTimeout(late);
    }
    const views = new Map(read.map((view) => [view.record.id, view]));
    this.#listener.onRead(read);
    for (const [id, answer] of batch) answer?.resolve(views.get(id) ?? null);
  }
  /** Of runs the row alone does not say enough; where there are none it is one statement. */
  async #views(ids: readonly string[]): Promise<StateView[]> {
    const records = await this.#source.jobs.states(ids);
    const views: StateView[] = [];
    const runs: string[] = [];
    for (const record of records) {
      if (workflowOf(record.type) === null) views.push(new JobView(record));
      else runs.push(record.id);
    }
    if (runs.length > 0) {
      for (const record of await this.#source.workflows.states(runs)) views.push(new RunView(record));
    }
    return views;
  }
}
