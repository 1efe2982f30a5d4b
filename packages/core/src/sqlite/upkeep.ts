import type { Connection } from "./connection.ts";

const IDLE_MS = 200;

/** Pages given back to the file system in one go: a few milliseconds. */
const VACUUM_PAGES = 500;

/**
 * Work on the file that waits for a moment without writes: moving the write-ahead log into the database, and giving free
 * pages back. Writes begin it anew, so that it never stands in their way.
 */
export class Upkeep {
  readonly #connection: Connection;
  #timer: NodeJS.Timeout | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Plans the work for when nothing was written for a while. */
  soon(): void {
    if (this.#connection.inMemory) return;
    if (this.#timer === null) this.#timer = setTimeout(() => this.#run(), IDLE_MS).unref();
    else this.#timer.refresh();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #run(): void {
    this.#timer = null;
    try {
      const { sql } = this.#connection.writer;
      // TRUNCATE gives up at once while somebody reads an old page; the next idle moment tries again.
      sql.get("PRAGMA wal_checkpoint(TRUNCATE)");
      const { freelist_count: free } = sql.get<{ freelist_count: number }>("PRAGMA freelist_count")!;
      if (free > 2 * VACUUM_PAGES) {
        sql.all(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
        this.soon();
      }
    } catch {
      // Another writer is at work. Nothing depends on this; the next write plans it again.
    }
  }
}
