import type { Channels } from "./channels.ts";
import type { Moved } from "./hints.ts";
import type { Notification } from "./notify.ts";
import { encodeMoved, encodeQueue } from "./payloads.ts";

/** Sends notifications as one statement, outside any transaction of the work itself. */
export type SendNotifications = (notifications: readonly Notification[]) => Promise<unknown>;

/** How often one queue is told of at most, in milliseconds: at the first occasion, and once at the end if more came. */
const COOLDOWN_MS = 10;
const REMEMBERED_QUEUES = 1_000;

/**
 * What this process has still to tell the others.
 *
 * Idle: the first hint schedules a sending for the end of this turn of the event loop. Sending: one statement is under way,
 * and what arrives meanwhile is the next one; of a job that moved twice only the later state is told. It is a statement of
 * its own since a NOTIFY inside the work's statement would hold a lock of the whole server while that is written to disk.
 * Closed: hints are dropped.
 */
export class Outbox {
  readonly #send: SendNotifications;
  readonly #channels: Channels;
  #moved = new Map<string, Moved>();
  readonly #queues = new Set<string>();
  readonly #toldAt = new Map<string, number>();
  #orders = false;
  #sending: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(channels: Channels, send: SendNotifications) {
    this.#channels = channels;
    this.#send = send;
  }

  addMoved(jobs: readonly Moved[]): void {
    for (const job of jobs) {
      const before = this.#moved.get(job.id);
      if (before === undefined || before.revision < job.revision) this.#moved.set(job.id, job);
    }
    this.#schedule();
  }

  addQueues(queues: Iterable<string>): void {
    for (const queue of queues) this.#queues.add(queue);
    this.#schedule();
  }

  addOrders(): void {
    this.#orders = true;
    this.#schedule();
  }

  /** Sends what is left, once, and takes no more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#sending;
    await this.#sendAll([...this.#queues]);
  }

  #schedule(): void {
    if (this.#closed || this.#sending !== null) return;
    this.#sending = this.#sendUntilEmpty();
  }

  async #sendUntilEmpty(): Promise<void> {
    await new Promise(setImmediate);
    while (!this.#closed) {
      const queues = this.#cooledQueues();
      if (queues.length === 0 && this.#moved.size === 0 && !this.#orders) break;
      await this.#sendAll(queues);
    }
    this.#sending = null;
  }

  async #sendAll(queues: readonly string[]): Promise<void> {
    const { available, updates, cancelRequests, orders } = this.#channels;
    const moved = [...this.#moved.values()];
    const toCancel = moved.filter(({ status }) => status === "cancel_requested");
    const notifications = [
      ...queues.map((queue): Notification => [available, encodeQueue(queue)]),
      ...encodeMoved(toCancel).map((payload): Notification => [cancelRequests, payload]),
      ...encodeMoved(moved).map((payload): Notification => [updates, payload]),
      ...(this.#orders ? [[orders, ""] as Notification] : []),
    ];
    this.#moved = new Map();
    this.#orders = false;
    for (const queue of queues) this.#queues.delete(queue);
    if (notifications.length === 0) return;
    try {
      await this.#send(notifications);
    } catch {
      // Hints may be lost: whoever is connected again looks at everything it watches.
    }
  }

  /** The queues that may be told of now; the timer is set for the others. */
  #cooledQueues(): string[] {
    clearTimeout(this.#timer);
    if (this.#queues.size === 0) return [];
    const now = performance.now();
    if (this.#toldAt.size > REMEMBERED_QUEUES) this.#toldAt.clear();
    const cooled: string[] = [];
    let soonest = Infinity;
    for (const queue of this.#queues) {
      const waitMs = (this.#toldAt.get(queue) ?? -Infinity) + COOLDOWN_MS - now;
      if (waitMs > 0) {
        soonest = Math.min(soonest, waitMs);
        continue;
      }
      this.#toldAt.set(queue, now);
      cooled.push(queue);
    }
    if (soonest < Infinity) this.#timer = setTimeout(() => this.#schedule(), soonest);
    return cooled;
  }
}
