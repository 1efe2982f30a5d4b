import { DatabaseSync } from "node:sqlite";
import { ForgeError } from "../errors.ts";
import { fileIdentity, type Connection } from "./connection.ts";
import { isBusy, toForgeError } from "./sqlite-error.ts";
import { Statements } from "./statements.ts";

const RETRY_AFTER_MS = 100;

/**
 * Statements on handles of the application, inside its own transactions. A handle is checked before every use: it must be
 * open on the store's very file, with a transaction begun.
 */
export class CallerTransactions {
  readonly #connection: Connection;
  readonly #known = new WeakMap<DatabaseSync, Statements>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Runs `work` in the open transaction at once, taking back all of it if it throws.
   *
   * Throws `BAD_REQUEST` for a `tx` that is no such handle, `UNAVAILABLE` where another transaction is in the way.
   */
  run<T>(tx: unknown, work: (sql: Statements) => T): T {
    const sql = this.#statements(tx);
    sql.run("SAVEPOINT forge");
    try {
      const value = work(sql);
      sql.run("RELEASE forge");
      return value;
    } catch (error) {
      // A failure that ended the whole transaction left no savepoint.
      if ((tx as DatabaseSync).isTransaction) {
        sql.run("ROLLBACK TO forge");
        sql.run("RELEASE forge");
      }
      throw isBusy(error) ? this.#locked(error) : toForgeError(error, this.#connection.path);
    }
  }

  /** Waiting is the caller's matter: the transaction, and how long its handle blocks for a lock, are its own. */
  #locked(cause: unknown): ForgeError {
    return new ForgeError(
      "UNAVAILABLE",
      `Another transaction is writing to ${this.#connection.path}; roll back, and start again with BEGIN IMMEDIATE.`,
      { cause, retryAfterMs: RETRY_AFTER_MS },
    );
  }

  #statements(tx: unknown): Statements {
    const { path } = this.#connection;
    if (!(tx instanceof DatabaseSync)) {
      throw refused(
        `\`tx\` must be, for this store, a DatabaseSync of node:sqlite, open on ${path}, after BEGIN; got ${nameOf(tx)}.`,
      );
    }
    if (!tx.isOpen) throw refused("`tx` is a DatabaseSync that is closed.");
    if (!tx.isTransaction) {
      throw refused('`tx` has no transaction open; run "BEGIN IMMEDIATE" on it first, or leave `tx` out.');
    }
    let sql = this.#known.get(tx);
    if (sql === undefined) {
      sql = new Statements(tx);
      this.#checkFile(sql);
      this.#known.set(tx, sql);
    }
    return sql;
  }

  /** The main database counts alone: a transaction over attached files is not atomic when the power fails. */
  #checkFile(sql: Statements): void {
    const { path, file, inMemory } = this.#connection;
    if (inMemory) {
      throw refused("`tx` cannot be used with a store in memory, which no other handle can reach; use a file.");
    }
    const main = sql.all<{ name: string; file: string }>("PRAGMA database_list").find(({ name }) => name === "main");
    const theirs = main?.file ?? "";
    if (theirs === "" || fileIdentity(theirs) !== file) {
      throw refused(
        `\`tx\` is open on ${theirs === "" ? "a database in memory" : theirs}, this store on ${path}; both must be the same file.`,
      );
    }
  }
}

/** What a value is, and not what it holds, which may be a password. */
function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "object"
    ? `an object of the class ${value.constructor?.name ?? "null"}`
    : `a ${typeof value}`;
}

function refused(sentence: string): ForgeError {
  return new ForgeError("BAD_REQUEST", sentence);
}
