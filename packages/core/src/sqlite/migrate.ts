import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { ForgeError } from "../errors.ts";
import { COMPATIBLE_FROM, schemaFound, type SchemaFound, schemaStanding } from "../schema-version.ts";
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

function readSchema(sql: Statements): SchemaFound {
  const rows = { schema_version: readMeta(sql, "schema_version"), migrated_to: readMeta(sql, "migrated_to") };
  return schemaFound(rows);
}

/**
 * Runs the migrations that the database lacks, within the transaction given, whose lock keeps other processes out. Does
 * nothing where a later release migrated and left this one able to work.
 */
export function migrate(sql: Statements, { writer, path }: Connection): void {
  const found = readSchema(sql);
  const known = migrations();
  const { version: latest } = known.at(-1)!;
  const standing = schemaStanding(found, latest);
  if (standing === "incompatible") throw tooNew(found, latest, path);
  if (standing === "older") {
    for (const { version, file } of known) {
      if (version > found.version) writer.db.exec(readFileSync(new URL(file, FOLDER), "utf8"));
    }
    writeMeta(sql, "schema_version", String(COMPATIBLE_FROM));
    writeMeta(sql, "migrated_to", String(latest));
  }
  if (readMeta(sql, "database_id") === undefined) {
    writeMeta(sql, "database_id", randomBytes(16).toString("hex"));
    writeMeta(sql, "secret", randomBytes(32).toString("hex"));
  }
}

/** Throws unless this release can work on the schema. */
export function checkSchema(sql: Statements, path: string): void {
  const found = readSchema(sql);
  const { version: latest } = migrations().at(-1)!;
  const standing = schemaStanding(found, latest);
  if (standing === "incompatible") throw tooNew(found, latest, path);
  if (standing !== "older") return;
  const what =
    found.version === 0
      ? "holds no Forge tables yet"
      : `has schema ${found.version}, and this release works on ${latest}`;
  throw new ForgeError(
    "UNAVAILABLE",
    `The database ${path} ${what}; start an engine without \`migrate: false\`, which migrates it.`,
  );
}

function tooNew({ version }: SchemaFound, latest: number, path: string): ForgeError {
  return new ForgeError(
    "UNAVAILABLE",
    `The database ${path} has schema ${version}, newer than ${latest}, which this release knows; install a newer @forge-jobs/core.`,
  );
}

/** Reads what the first migration made. The file's identity tells a copy from the file that it was copied from. */
export function readIdentity(sql: Statements, { file, path }: Connection): StoreIdentity {
  checkSchema(sql, path);
  return { epoch: `${readMeta(sql, "database_id")}:${file}`, secret: readMeta(sql, "secret")! };
}
