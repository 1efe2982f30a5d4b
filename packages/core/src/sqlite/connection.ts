import { statSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { ForgeError } from "../errors.ts";
import { Statements } from "./statements.ts";

const MEMORY = ":memory:";

const MIB = 1024 * 1024;

/** One open connection with its prepared statements. */
export interface Handle {
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
  readonly inMemory: boolean;
  /** The absolute path of the file. */
  readonly path: string;
  /** Whether a file that is absent is made. Only migrating does that: a misspelt path is to be an error elsewhere. */
  mayCreate = false;
  #writer: Handle | null = null;
  #reader: Handle | null = null;
  #file: string | null = null;
  #closed = false;

  constructor(path: string) {
    this.inMemory = path === MEMORY;
    this.path = this.inMemory ? MEMORY : resolve(path);
  }

  get writer(): Handle {
    if (this.#writer === null) {
      this.#writer = this.#open(prepareWriter);
      this.#file = this.#fileNow();
    }
    return this.#writer;
  }

  get reader(): Handle {
    if (this.inMemory) return this.writer;
    if (this.#reader === null) {
      // The writer comes first: it turns a new file's write-ahead log on.
      void this.writer;
      this.#reader = this.#open((db) => db.exec("PRAGMA query_only = ON; PRAGMA cache_size = -8000"));
    }
    return this.#reader;
  }

  /** The identity of the open file on this host; another file under the same path has another. */
  get file(): string {
    void this.writer;
    return this.#file!;
  }

  /**
   * Throws `UNAVAILABLE` when the path names another file by now, or none. SQLite would go on writing to the one that it
   * has open, and everything written would be gone with this process.
   */
  checkFile(): void {
    if (this.file !== this.#fileNow()) {
      throw new ForgeError(
        "UNAVAILABLE",
        `The database ${this.path} was replaced or removed while it was open; start this process again.`,
      );
    }
  }

  /** Closes both handles for good. SQLite empties the write-ahead log if nobody else has the file open. */
  close(): void {
    this.#closed = true;
    this.#reader?.db.close();
    this.#writer?.db.close();
    this.#reader = null;
    this.#writer = null;
  }

  #open(prepare: (db: DatabaseSync, path: string) => void): Handle {
    if (this.#closed) throw new ForgeError("UNAVAILABLE", `This store on ${this.path} is closed; make a new one.`);
    const db = new DatabaseSync(this.#location(), { timeout: 0 });
    try {
      prepare(db, this.path);
    } catch (error) {
      db.close();
      throw error;
    }
    return { db, sql: new Statements(db) };
  }

  #location(): string | URL {
    if (this.inMemory) return MEMORY;
    const url = pathToFileURL(this.path);
    url.searchParams.set("mode", this.mayCreate ? "rwc" : "rw");
    return url;
  }

  #fileNow(): string | null {
    return this.inMemory ? MEMORY : fileIdentity(this.path);
  }
}

/** Names the file under a path by device and inode; null where there is none. */
export function fileIdentity(path: string): string | null {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? null : `${found.dev}:${found.ino}`;
}

function prepareWriter(db: DatabaseSync, path: string): void {
  // Only an empty file takes this setting; one that the application made before keeps its own.
  const { page_count: pages } = db.prepare("PRAGMA page_count").get() as { page_count: number };
  if (pages === 0) db.exec("PRAGMA auto_vacuum = INCREMENTAL");
  const { journal_mode: mode } = db.prepare("PRAGMA journal_mode = WAL").get() as { journal_mode: string };
  if (mode !== "wal" && mode !== "memory") {
    throw new ForgeError("UNAVAILABLE", `The database ${path} cannot use a write-ahead log; put it on a local disk.`);
  }
  // FULL: a commit that was answered outlives a power cut. Group commit shares its cost.
  db.exec(`PRAGMA synchronous = FULL; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY;
    PRAGMA journal_size_limit = ${16 * MIB}`);
}
