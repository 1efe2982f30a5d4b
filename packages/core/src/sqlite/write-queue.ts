import type { ChangeHint } from "../store.ts";
import { PATIENCE_MS, pauseMs } from "./back-off.ts";
import type { Connection, Handle } from "./connection.ts";
import { isBusy, toForgeError } from "./sqlite-error.ts";
import type { Statements } from "./statements.ts";
import type { StoreTime } from "./store-time.ts";

/** After so long a transaction commits and lets the event loop turn, whatever still waits. */
const SLICE_MS = 10;

/** What a writing verb works with: a connection inside a transaction, one instant, and a place for its hints. */
export interface WriteTx {
  readonly sql: Statements;
  /** The store's time, the same for the whole verb. */
  readonly now: number;
  readonly moved: ChangeHint[];
  readonly available: Set<string>;
}

/** A verb may run twice, so it changes nothing besides the database and what its `tx` holds. */
export type WriteVerb<T> = (tx: WriteTx) => T;

export interface WriteListener {
  /** A transaction of this queue was committed. */
  onCommitted(moved: readonly ChangeHint[], available: readonly string[]): void;
  /** Nothing waits any more. */
  onIdle(): void;
}

interface Call {
  readonly verb: WriteVerb<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** When this call first met a lock. */
  lockedSince: number | null;
}

interface Finished {
  readonly call: Call;
  readonly tx: WriteTx;
  readonly value: unknown;
}

/**
 * Writes of one process, in the order of their calls, as many as have arrived in one transaction: one commit, which waits
 * for the disk, then serves them all. A call is answered when it is durable.
 *
 * Idle until a call comes. Then scheduled for the end of this turn of the event loop, so that all calls of the turn
 * share. Pausing while another transaction holds the lock; calls that come meanwhile join, and one that met the lock 5 s
 * ago is answered `UNAVAILABLE`.
 *
 * A call that fails takes back its own writes only. That needs a savepoint for each, which costs a quarter of the
 * throughput; so the calls run without, and where one failed all of them run again, each in its savepoint.
 */
export class WriteQueue {
  readonly #connection: Connection;
  readonly #time: StoreTime;
  readonly #listener: WriteListener;
  #waiting: Call[] = [];
  #scheduled = false;
  /** Whether the next transaction keeps a savepoint for each call. */
  #guarded = false;
  #tries = 0;

  constructor(connection: Connection, time: StoreTime, listener: WriteListener) {
    this.#connection = connection;
    this.#time = time;
    this.#listener = listener;
  }

  write<T>(verb: WriteVerb<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ verb, resolve: resolve as (value: unknown) => void, reject, lockedSince: null });
      this.#schedule();
    });
  }

  /** Resolves once every call made so far is answered. */
  async drained(): Promise<void> {
    // Calls are answered in their order, this one last; why it fails, if it does, the others have said.
    if (this.#scheduled) await this.write(() => {}).catch(() => {});
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    let handle: Handle;
    try {
      handle = this.#connection.writer;
      handle.sql.run("BEGIN IMMEDIATE");
    } catch (error) {
      this.#couldNotBegin(error);
      return;
    }
    this.#tries = 0;
    const finished = this.#runSlice(handle);
    if (this.#waiting.length > 0) this.#schedule();
    this.#answer(finished);
    if (this.#waiting.length === 0) this.#listener.onIdle();
  }

  #couldNotBegin(error: unknown): void {
    const now = performance.now();
    const isLocked = isBusy(error);
    const given: Call[] = [];
    const kept: Call[] = [];
    for (const call of this.#waiting) {
      call.lockedSince ??= now;
      (isLocked && now - call.lockedSince < PATIENCE_MS ? kept : given).push(call);
    }
    this.#waiting = kept;
    if (kept.length > 0) {
      this.#scheduled = true;
      setTimeout(() => this.#turn(), pauseMs(this.#tries++));
    }
    for (const call of given) this.#refuse(call, error);
  }

  /** Runs waiting calls in the transaction that has begun, and commits it. Answers the calls that are durable now. */
  #runSlice({ db, sql }: Handle): Finished[] {
    const calls = this.#waiting;
    const guarded = this.#guarded;
    this.#guarded = false;
    const finished: Finished[] = [];
    const until = performance.now() + SLICE_MS;
    let taken = 0;
    try {
      while (taken < calls.length && (taken === 0 || performance.now() < until)) {
        const call = calls[taken]!;
        const tx: WriteTx = { sql, now: this.#time.now(), moved: [], available: new Set() };
        if (guarded) sql.run("SAVEPOINT verb");
        try {
          finished.push({ call, tx, value: call.verb(tx) });
        } catch (error) {
          if (!guarded || !db.isTransaction) throw error;
          sql.run("ROLLBACK TO verb");
          this.#refuse(call, error);
        }
        if (guarded) sql.run("RELEASE verb");
        taken++;
      }
    } catch (error) {
      rollBack({ db, sql });
      if (!guarded && finished.length > 0) {
        this.#guarded = true;
        return [];
      }
      // It failed by itself. SQLite may have answered by rolling back, as it does when the disk is full; that took the
      // others with it although they had savepoints, and they run again without this one.
      this.#waiting = [...finished.map((one) => one.call), ...calls.slice(taken + 1)];
      this.#refuse(calls[taken]!, error);
      return [];
    }
    this.#waiting = calls.slice(taken);
    try {
      sql.run("COMMIT");
      return finished;
    } catch (error) {
      rollBack({ db, sql });
      for (const { call } of finished) this.#refuse(call, error);
      return [];
    }
  }

  #answer(finished: readonly Finished[]): void {
    const moved: ChangeHint[] = [];
    const available = new Set<string>();
    for (const { call, tx, value } of finished) {
      call.resolve(value);
      for (const hint of tx.moved) moved.push(hint);
      for (const queue of tx.available) available.add(queue);
    }
    if (moved.length > 0 || available.size > 0) this.#listener.onCommitted(moved, [...available]);
  }

  #refuse(call: Call, error: unknown): void {
    call.reject(toForgeError(error, this.#connection.path));
  }
}

function rollBack({ db, sql }: Handle): void {
  if (db.isTransaction) sql.run("ROLLBACK");
}
