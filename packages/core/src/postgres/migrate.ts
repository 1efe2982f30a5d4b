import pg from "pg";
import { randomBytes, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { ForgeError } from "../errors.ts";
import { COMPATIBLE_FROM, schemaFound, type SchemaFound, schemaStanding } from "../schema-version.ts";
import type { Database } from "./database.ts";
import type { Session } from "./session.ts";

interface Migration {
  readonly version: number;
  readonly file: string;
}

/** The same from `src` and from `dist`. */
const FOLDER = new URL("../../migrations/postgres/", import.meta.url);
const LOCK_MS = 5_000;
const TRIES = 12;
/** Any number that other users of advisory locks are unlikely to take: "forge" in ASCII. */
const LOCK = 0x666f726765;

/**
 * Brings the schema up to date in one transaction.
 *
 * Processes that start together take turns by an advisory lock. A statement that waits for another's lock on a table for
 * longer than 5 s gives up, lets those pass that queued behind it, and the whole is tried again.
 */
export async function migrate(database: Database): Promise<void> {
  // Mostly nothing is to be done, and then those that start together need not wait for each other.
  const latest = (await migrations()).at(-1)?.version ?? 0;
  if (schemaStanding(await foundSchema(database), latest) === "current") return;
  for (let tries = 1; ; tries++) {
    try {
      return await database.transaction((session) => migrateIn(session, database));
    } catch (error) {
      if (!(error instanceof ForgeError) || !isLockTimeout(error.cause) || tries === TRIES) throw error;
    }
  }
}

/** Refuses a schema that this release cannot work on. */
export async function checkSchema(database: Database): Promise<void> {
  const latest = (await migrations()).at(-1)?.version ?? 0;
  const found = await foundSchema(database);
  const standing = schemaStanding(found, latest);
  if (standing === "incompatible") throw tooNew(database, found, latest);
  if (standing !== "older") return;
  const { version } = found;
  throw new ForgeError(
    "UNAVAILABLE",
    `Schema "${database.schema}" at ${database.address} is at version ${version}, and this release needs ${latest}; start an engine without \`migrate: false\`, which migrates it.`,
    { details: { version, latest } },
  );
}

async function migrateIn(session: Session, database: Database): Promise<void> {
  const schema = pg.escapeIdentifier(database.schema);
  // For this transaction only: behind a transaction pooler the connection is somebody else's next.
  await session.run({ text: `SET LOCAL lock_timeout = ${LOCK_MS}` }, []);
  await session.run({ text: "SELECT pg_advisory_xact_lock($1::int8)" }, [LOCK]);
  const files = await migrations();
  const latest = files.at(-1)?.version ?? 0;
  const found = await readSchema(session, database);
  const standing = schemaStanding(found, latest);
  if (standing === "incompatible") throw tooNew(database, found, latest);
  if (standing !== "older") return;
  // Even with IF NOT EXISTS, creating a schema needs a right that a role may lack once the schema is there.
  const [existing] = await session.run({ text: "SELECT 1 FROM pg_namespace WHERE nspname = $1" }, [database.schema]);
  if (existing === undefined) await session.run({ text: `CREATE SCHEMA ${schema}` }, []);
  await session.run({ text: `SET LOCAL search_path = ${schema}` }, []);
  for (const { version: number, file } of files) {
    if (number > found.version) await session.run({ text: await readFile(new URL(file, FOLDER), "utf8") }, []);
  }
  const facts = [
    ["id", randomUUID()],
    ["secret", randomBytes(32).toString("hex")],
  ];
  for (const fact of facts) {
    await session.run({ text: "INSERT INTO forge_meta (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING" }, fact);
  }
  const versions = [
    ["schema_version", String(COMPATIBLE_FROM)],
    ["migrated_to", String(latest)],
  ];
  for (const version of versions) {
    await session.run(
      {
        text: `INSERT INTO forge_meta (name, value) VALUES ($1, $2)
          ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      },
      version,
    );
  }
}

function foundSchema(database: Database): Promise<SchemaFound> {
  return database.retrying(() => database.connected((session) => readSchema(session, database)));
}

async function readSchema(session: Session, { schema, tables }: Database): Promise<SchemaFound> {
  // Not to_regclass: a connection that looked before goes by what it remembers, also once it has waited for the lock.
  const table = await session.run(
    {
      text: `SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = 'forge_meta'`,
    },
    [schema],
  );
  if (table.length === 0) return schemaFound({});
  const rows = await session.run<[name: string, value: string]>(
    { text: `SELECT name, value FROM ${tables.meta} WHERE name IN ('schema_version', 'migrated_to')` },
    [],
  );
  return schemaFound(Object.fromEntries(rows));
}

async function migrations(): Promise<Migration[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(".sql")).toSorted();
  return files.map((file) => ({ file, version: Number.parseInt(file, 10) }));
}

function tooNew({ schema, address }: Database, { version }: SchemaFound, latest: number): ForgeError {
  return new ForgeError(
    "UNAVAILABLE",
    `Schema "${schema}" at ${address} is at version ${version}, and this release knows ${latest}; run a newer release.`,
    { details: { version, latest } },
  );
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "55P03";
}
