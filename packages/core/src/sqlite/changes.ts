import type { ChangeHint, ChangeListener, Changes } from "../store.ts";
import type { Connection } from "./connection.ts";
import { ordersVersion } from "./orders.ts";

const POLL_MS = 25;
const LOST_POLL_MS = 500;

/**
 * Tells listeners what moved: this process's own commits by name, other writers' as `any`.
 *
 * Others are noticed by the file's `data_version`, asked for every 25 ms while there are listeners. It is asked through
 * the handle that writes, because only there this process's own commits do not count.
 */
export class SqliteChanges implements Changes {
  readonly #connection: Connection;
  readonly #listeners = new Set<ChangeListener>();
  #timer: NodeJS.Timeout | null = null;
  #version: number | null = null;
  #ordersVersion = 0;
  #live = true;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    if (this.#timer === null) {
      this.#version = null;
      this.#look();
      this.#readOrders();
    }
    queueMicrotask(() => {
      if (this.#listeners.has(listener)) listener.onLive(this.#live);
    });
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  /** Passes on the hints of a commit of this process. */
  committed(moved: readonly ChangeHint[], available: readonly string[]): void {
    this.#tell((listener) => {
      if (moved.length > 0) listener.onMoved?.(moved, "own");
      if (available.length > 0) listener.onAvailable(available);
    });
  }

  /** Tells of orders that this process gave. */
  ordered(): void {
    this.#tell((listener) => listener.onOrders?.());
  }

  /** Tells nobody anything more. */
  close(): void {
    this.#listeners.clear();
    this.#stop();
  }

  #stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #look(): void {
    const version = this.#readVersion();
    if (version === null) {
      if (this.#live) this.#setLive(false);
    } else {
      const others = this.#version !== null && version !== this.#version;
      this.#version = version;
      if (others || !this.#live) this.#tellAny();
      // Others write all the time, and give orders once in a while.
      if ((others && this.#readOrders()) || !this.#live) this.ordered();
      if (!this.#live) this.#setLive(true);
    }
    // A file in memory has no other writers.
    if (this.#connection.inMemory || this.#listeners.size === 0) return;
    this.#timer = setTimeout(() => this.#look(), this.#live ? POLL_MS : LOST_POLL_MS).unref();
  }

  #readVersion(): number | null {
    try {
      return this.#connection.writer.sql.get<{ data_version: number }>("PRAGMA data_version")!.data_version;
    } catch {
      // Whatever is wrong with the file, the verbs say it; here it only means that silence is not to be trusted.
      return null;
    }
  }

  /** Whether there are other orders than before. */
  #readOrders(): boolean {
    const before = this.#ordersVersion;
    try {
      this.#ordersVersion = ordersVersion(this.#connection.writer.sql);
    } catch {
      // As for the version of the file.
    }
    return this.#ordersVersion !== before;
  }

  #tellAny(): void {
    this.#tell((listener) => {
      listener.onMoved?.("any", "foreign");
      listener.onCancelRequests?.("any");
      listener.onAvailable("any");
    });
  }

  #setLive(live: boolean): void {
    this.#live = live;
    this.#tell((listener) => listener.onLive(live));
  }

  /** A listener's fault is its own: it must reach neither the other listeners nor the call whose commit this is. */
  #tell(hint: (listener: ChangeListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        hint(listener);
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
  }
}
