import pg from "pg";
import { randomBytes, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { ForgeError } from "../errors.ts";
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
  for (let tries = 1; ; tries++) {
    try {
      return await database.transaction((session) => migrateIn(session, database));
    } catch (error) {
      if (!(error instanceof ForgeError) || !isLockTimeout(error.cause) || tries === TRIES) throw error;
    }
  }
}

/** Refuses a schema that is not that of this release. */
export async function checkSchema(database: Database): Promise<void> {
  const latest = (await migrations()).at(-1)?.version ?? 0;
  const version = await database.retrying(() => database.connected((session) => versionIn(session, database)));
  if (version > latest) throw tooNew(database, version, latest);
  if (version < latest) {
    throw new ForgeError(
      "CONFLICT",
      `Schema "${database.schema}" at ${database.address} is at version ${version}, and this release needs ${latest}; run migrate().`,
      { details: { version, latest } },
    );
  }
}

async function migrateIn(session: Session, database: Database): Promise<void> {
  const schema = pg.escapeIdentifier(database.schema);
  // For this transaction only: behind a transaction pooler the connection is somebody else's next.
  await session.run({ text: `SET LOCAL lock_timeout = ${LOCK_MS}` }, []);
  await session.run({ text: "SELECT pg_advisory_xact_lock($1::int8)" }, [LOCK]);
  const files = await migrations();
  const latest = files.at(-1)?.version ?? 0;
  const version = await versionIn(session, database);
  if (version > latest) throw tooNew(database, version, latest);
  if (version === latest) return;
  // Even with IF NOT EXISTS, creating a schema needs a right that a role may lack once the schema is there.
  const [found] = await session.run({ text: "SELECT 1 FROM pg_namespace WHERE nspname = $1" }, [database.schema]);
  if (found === undefined) await session.run({ text: `CREATE SCHEMA ${schema}` }, []);
  await session.run({ text: `SET LOCAL search_path = ${schema}` }, []);
  for (const { version: number, file } of files) {
    if (number > version) await session.run({ text: await readFile(new URL(file, FOLDER), "utf8") }, []);
  }
  const facts = [
    ["id", randomUUID()],
    ["secret", randomBytes(32).toString("hex")],
  ];
  for (const fact of facts) {
    await session.run({ text: "INSERT INTO forge_meta (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING" }, fact);
  }
  await session.run(
    {
      text: `INSERT INTO forge_meta (name, value) VALUES ('schema_version', $1)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    },
    [String(latest)],
  );
}

async function versionIn(session: Session, { tables }: Database): Promise<number> {
  const [table] = await session.run<[string | null]>({ text: "SELECT to_regclass($1)" }, [tables.meta]);
  if ((table?.[0] ?? null) === null) return 0;
  const [row] = await session.run<[string]>(
    { text: `SELECT value FROM ${tables.meta} WHERE name = 'schema_version'` },
    [],
  );
  return Number(row?.[0] ?? 0);
}

async function migrations(): Promise<Migration[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(".sql")).toSorted();
  return files.map((file) => ({ file, version: Number.parseInt(file, 10) }));
}

function tooNew({ schema, address }: Database, version: number, latest: number): ForgeError {
  return new ForgeError(
    "CONFLICT",
    `Schema "${schema}" at ${address} is at version ${version}, and this release knows ${latest}; run a newer release.`,
    { details: { version, latest } },
  );
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "55P03";
}
