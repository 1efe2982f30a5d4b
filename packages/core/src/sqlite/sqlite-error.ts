import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { ForgeError } from "../errors.ts";

// Primary result codes, https://sqlite.org/rescode.html
const SQLITE_ERROR = 1;
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_TOOBIG = 18;
const SQLITE_CONSTRAINT = 19;
const SQLITE_MISMATCH = 20;
const SQLITE_NOTADB = 26;

const RETRY_AFTER_MS = 1_000;

/** The primary result code of an error that SQLite reported, or null for any other value. */
function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  return error.errcode & 0xff;
}

/** Whether somebody else holds the lock that was needed, so that the same thing may go through a moment later. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code === SQLITE_BUSY || code === SQLITE_LOCKED;
}

/** Turns SQLite's error into a sentence of ours; any other error, such as a bug's TypeError, is answered as it is. */
export function toForgeError(error: unknown, path: string): unknown {
  const code = resultCode(error);
  if (code === null) return error;
  if (code === SQLITE_CONSTRAINT || code === SQLITE_TOOBIG || code === SQLITE_MISMATCH) {
    return new ForgeError(
      "BAD_REQUEST",
      `The database ${path} refuses a row of this batch; nothing of it was written.`,
      { cause: error },
    );
  }
  return new ForgeError("UNAVAILABLE", unavailable(code, path), { cause: error, retryAfterMs: RETRY_AFTER_MS });
}

function unavailable(code: number, path: string): string {
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return `The database ${path} stayed locked by another transaction; keep transactions short, and end every one.`;
    case SQLITE_READONLY:
      return `The database ${path} cannot be written; give this process the right to write the file and its folder.`;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return `The file ${path} is no intact SQLite database; restore it from a backup, or name another file.`;
    case SQLITE_FULL:
      return `The disk of the database ${path} is full; free some space.`;
    case SQLITE_CANTOPEN:
      return cannotOpen(path);
    case SQLITE_ERROR:
      // Statements are fixed, so what they fail to find is a table or a column.
      return `The tables of the database ${path} are not those of this release; start an engine without \`migrate: false\`, which migrates them.`;
    default:
      return `The database ${path} does not answer as it should; the cause is in this error's \`cause\`.`;
  }
}

function cannotOpen(path: string): string {
  const folder = dirname(path);
  if (!existsSync(folder))
    return `The folder ${folder} of the database does not exist; create it, or name another file.`;
  if (!existsSync(path))
    return `The database ${path} does not exist yet; start an engine without \`migrate: false\`, which makes it, or name another file.`;
  return `The database ${path} cannot be opened; check that it is a file which this process may read and write.`;
}
