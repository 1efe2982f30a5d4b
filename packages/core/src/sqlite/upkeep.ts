import { statSync } from "node:fs";
import type { Connection } from "./connection.ts";
import type { Statements } from "./statements.ts";

const IDLE_MS = 200;

/** Four times what SQLite's own checkpoints leave it at. */
const LARGE_WAL_BYTES = 16 * 1024 * 1024;

/** Free pages below this, or below a quarter of the file, stay for the rows to come. */
const SPARE_PAGES = 2_500;

/** Pages given back to the file system in one go: a few milliseconds. */
const VACUUM_PAGES = 250;

/**
 * Work on the file that waits for a moment without writes: cutting a write-ahead log that grew large back, and giving free
 * pages back. Every write puts it off again.
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
      const wal = statSync(`${this.#connection.path}-wal`, { throwIfNoEntry: false });
      // Gives up at once where somebody reads an old page; the next idle moment tries again.
      if (wal !== undefined && wal.size > LARGE_WAL_BYTES) sql.get("PRAGMA wal_checkpoint(TRUNCATE)");
      if (freePages(sql) > 0) {
        sql.all(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
        this.soon();
      }
    } catch {
      // Another writer is at work. Nothing depends on this, and the next write plans it again.
    }
  }
}

/** How many pages are free beyond what is kept; 0 where the file cannot give any back. */
function freePages(sql: Statements): number {
  const number = (name: string): number => Object.values(sql.get<Record<string, number>>(`PRAGMA ${name}`)!)[0]!;
  const INCREMENTAL = 2;
  if (number("auto_vacuum") !== INCREMENTAL) return 0;
  return Math.max(0, number("freelist_count") - Math.max(SPARE_PAGES, number("page_count") / 4));
}
