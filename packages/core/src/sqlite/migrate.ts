import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { ForgeError } from "../errors.ts";
import type { StoreIdentity } from "../store.ts";
import type { Connection } from "./connection.ts";
import { readMeta, writeMeta } from "./meta.ts";
import type { Statements } from "./statements.ts";

// The same from src/ and from dist/.
const FOLDER = new URL("../../migrations/sqlite/", import.meta.url);

interface Migration {
  readonly version: number;
  readonly file: string;
}

/** The numbered files of this release, in order. */
function migrations(): Migration[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".sql"))
    .map((file) => ({ version: Number.parseInt(file, 10), file }))
    .toSorted((a, b) => a.version - b.version);
}

function schemaVersion(sql: Statements): number {
  return Number(readMeta(sql, "schema_version") ?? 0);
}

/** Runs the migrations that the database lacks, within the transaction given, whose lock keeps other processes out. */
export function migrate(sql: Statements, { writer, path }: Connection): void {
  const found = schemaVersion(sql);
  const known = migrations();
  refuseNewer(found, known, path);
  for (const { version, file } of known.filter((migration) => migration.version > found)) {
    writer.db.exec(readFileSync(new URL(file, FOLDER), "utf8"));
    writeMeta(sql, "schema_version", String(version));
  }
  if (readMeta(sql, "database_id") === undefined) {
    writeMeta(sql, "database_id", randomBytes(16).toString("hex"));
    writeMeta(sql, "secret", randomBytes(32).toString("hex"));
  }
}

/** Throws unless the schema is the one that this release works on. */
export function checkSchema(sql: Statements, path: string): void {
  const found = schemaVersion(sql);
  const known = migrations();
  refuseNewer(found, known, path);
  const wanted = known.at(-1)!.version;
  if (found === wanted) return;
  const what = found === 0 ? "holds no Forge tables yet" : `has schema ${found}, and this release works on ${wanted}`;
  throw new ForgeError("UNAVAILABLE", `The database ${path} ${what}; let the store migrate it.`);
}

function refuseNewer(found: number, known: readonly Migration[], path: string): void {
  const newest = known.at(-1)!.version;
  if (found <= newest) return;
  throw new ForgeError(
    "UNAVAILABLE",
    `The database ${path} has schema ${found}, newer than ${newest}, which this release knows; install a newer @forge-jobs/core.`,
  );
}

/** Reads what the first migration made. The file's identity tells a copy from the file that it was copied from. */
export function readIdentity(sql: Statements, { file, path }: Connection): StoreIdentity {
  checkSchema(sql, path);
  return { epoch: `${readMeta(sql, "database_id")}:${file}`, secret: readMeta(sql, "secret")! };
}
