import type { ChangeListener, Changes, NewJob } from "../store.ts";
import { literalArrays } from "./arrays.ts";
import { type Channels, channelsOf } from "./channels.ts";
import type { Database } from "./database.ts";
import { Ear } from "./ear.ts";
import type { HintSink, Moved } from "./hints.ts";
import { type Notification, notify } from "./notify.ts";
import { Outbox } from "./outbox.ts";
import { decodeMoved, encodeMoved, encodeQueue } from "./payloads.ts";
import type { Session } from "./session.ts";
import { movedOf, queuesOf, type WrittenRow } from "./written-row.ts";

/**
 * What moved: told to the listeners of this process at once, and between processes by NOTIFY.
 *
 * Without listeners it only tells. With the first one it opens the connection that listens; once that is up, listeners hear
 * `any` and then that hints are live, and after a loss the same again. With the last one it closes that connection. What
 * others move it hears from the first listener on that wants to, which is told `any` once that is so.
 */
export class ChangeFeed implements Changes, HintSink {
  readonly #channels: Channels;
  readonly #outbox: Outbox;
  readonly #ear: Ear;
  readonly #listeners = new Set<ChangeListener>();

  constructor(database: Database) {
    this.#channels = channelsOf(database);
    this.#ear = new Ear(database, this.#channels, {
      onNotification: (channel, payload) => this.#hear(channel, payload),
      onUp: (hearsMoves) => {
        this.#tell((listener) => {
          listener.onAvailable("any");
          listener.onCancelRequests?.("any");
          listener.onOrders?.();
          if (listener.onMoved === undefined) listener.onLive(true);
        });
        if (hearsMoves) this.#tellMovesLive();
      },
      onHearsMoves: () => this.#tellMovesLive(),
      onDown: () => this.#tell((listener) => listener.onLive(false)),
    });
    this.#outbox = new Outbox(this.#channels, (notifications) => {
      const { session } = this.#ear;
      if (session !== null) return notify(session, notifications);
      return database.connected((pooled) => notify(pooled, notifications));
    });
  }

  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    this.#ear.open();
    if (listener.onMoved !== undefined) this.#ear.wantMoves(true);
    if (listener.onMoved === undefined ? this.#ear.isUp : this.#ear.hearsMoves)
      queueMicrotask(() => this.#listeners.has(listener) && listener.onLive(true));
    return () => {
      this.#listeners.delete(listener);
      if (![...this.#listeners].some((one) => one.onMoved !== undefined)) this.#ear.wantMoves(false);
      if (this.#listeners.size === 0) void this.#ear.close();
    };
  }

  available(queues: Iterable<string>): void {
    const names = [...queues];
    if (names.length === 0) return;
    this.#tell((listener) => listener.onAvailable(names));
    this.#outbox.addQueues(names);
  }

  moved(jobs: readonly Moved[]): void {
    if (jobs.length === 0) return;
    this.#tell((listener) => listener.onMoved?.(jobs, "own"));
    this.#outbox.addMoved(jobs);
  }

  orders(): void {
    this.#tell((listener) => listener.onOrders?.());
    this.#outbox.addOrders();
  }

  async insideTransaction(session: Session, jobs: readonly NewJob[], replaced: readonly WrittenRow[]): Promise<void> {
    if (jobs.length + replaced.length === 0) return;
    const queues = [...new Set([...jobs.map(({ queue }) => queue), ...queuesOf(replaced)])];
    const made = jobs.map(({ id }): Moved => ({ id, revision: 1, status: "pending", progress: null }));
    await this.movedInsideTransaction(session, [...made, ...replaced.map(movedOf)], queues);
  }

  async movedInsideTransaction(session: Session, jobs: readonly Moved[], queues: readonly string[]): Promise<void> {
    const available = queues.map((queue): Notification => [this.#channels.available, encodeQueue(queue)]);
    const updates = encodeMoved(jobs).map((payload): Notification => [this.#channels.updates, payload]);
    await notify(session, [...available, ...updates], literalArrays);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#outbox.close();
    await this.#ear.close();
  }

  #hear(channel: string, payload: string): void {
    if (channel === this.#channels.available) {
      this.#tell((listener) => listener.onAvailable(payload === "" ? "any" : [payload]));
      return;
    }
    if (channel === this.#channels.orders) {
      this.#tell((listener) => listener.onOrders?.());
      return;
    }
    const hints = decodeMoved(payload);
    if (hints.length === 0) return;
    if (channel === this.#channels.cancelRequests) this.#tell((listener) => listener.onCancelRequests?.(hints));
    else this.#tell((listener) => listener.onMoved?.(hints, "foreign"));
  }

  #tellMovesLive(): void {
    this.#tell((listener) => {
      if (listener.onMoved === undefined) return;
      listener.onMoved("any", "foreign");
      listener.onLive(true);
    });
  }

  #tell(tell: (listener: ChangeListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        tell(listener);
      } catch (error) {
        // What is told has happened: neither the verb that did it nor the connection that heard of it may fail for this.
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
  }
}
