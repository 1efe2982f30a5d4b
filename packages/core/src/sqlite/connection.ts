import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { ForgeError } from "../errors.ts";
import { Statements } from "./statements.ts";

const MEMORY = ":memory:";

/** WAL beyond this is cut back to it at the next checkpoint that empties it. */
const WAL_BYTES = 64 * 1024 * 1024;

interface Handle {
  readonly db: DatabaseSync;
  readonly sql: Statements;
}

/**
 * The two handles of one store on its file: one that writes, one that only reads. Both open at their first use, and again
 * after a failure to open. `:memory:` has one handle for both.
 *
 * Everything here answers or throws at once, with SQLite's own errors: `busy_timeout` is 0, since waiting inside SQLite
 * would block the event loop, and with it a transaction of this very thread that is to end the wait.
 */
export class Connection {
  /** The path as it was given. */
  readonly path: string;
  readonly inMemory: boolean;
  #writer: Handle | null = null;
  #reader: Handle | null = null;
  #closed = false;

  constructor(path: string) {
    this.path = path;
    this.inMemory = path === MEMORY;
  }

  get writer(): Handle {
    return (this.#writer ??= this.#open((db) => {
      // Only an empty file takes this setting; one that the application made before keeps its own.
      const { page_count: pages } = db.prepare("PRAGMA page_count").get() as { page_count: number };
      if (pages === 0) db.exec("PRAGMA auto_vacuum = INCREMENTAL");
      const { journal_mode: mode } = db.prepare("PRAGMA journal_mode = WAL").get() as { journal_mode: string };
      if (mode !== "wal" && !this.inMemory) {
        throw new ForgeError("UNAVAILABLE", `The database ${this.path} cannot use a write-ahead log; put it on a local disk.`);
      }
      // FULL: a commit that was answered outlives a power cut. Group commit shares its cost.
      db.exec(`PRAGMA synchronous = FULL; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = ${WAL_BYTES}`);
    }));
  }

  get reader(): Handle {
    if (this.inMemory) return this.writer;
    // The writer comes first: it makes the file, and the shared memory that a read-only handle cannot make.
    void this.writer;
    return (this.#reader ??= this.#open((db) => db.exec("PRAGMA query_only = ON; PRAGMA cache_size = -8000")));
  }

  /** The file's identity on this host; another file under the same path has another. */
  get file(): string {
    if (this.inMemory) return MEMORY;
    const { dev, ino } = statSync(this.path, { bigint: true });
    return `${dev}:${ino}`;
  }

  /** Closes both handles for good. SQLite empties the write-ahead log if nobody else has the file open. */
  close(): void {
    this.#closed = true;
    this.#reader?.db.close();
    this.#writer?.db.close();
    this.#reader = null;
    this.#writer = null;
  }

  #open(prepare: (db: DatabaseSync) => void): Handle {
    if (this.#closed) throw new ForgeError("UNAVAILABLE", `This store on ${this.path} is closed; make a new one.`);
    const db = new DatabaseSync(this.path, { timeout: 0 });
    try {
      prepare(db);
    } catch (error) {
      db.close();
      throw error;
    }
    return { db, sql: new Statements(db) };
  }
}
