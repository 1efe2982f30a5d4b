import type { Store, StoreClock } from "@forge-jobs/core";
import { postgresStore } from "@forge-jobs/core/postgres";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import pg from "pg";
import { createDatabase } from "../../../../test/support/database.ts";
import { tempDir } from "../../../../test/support/temp-dir.ts";
import { release1 } from "../fixtures/release-1/release-1.ts";

/** A database that several processes can open, by what they must be told of it. */
export type Address = { readonly sqlite: string } | { readonly postgres: string };

/** A fresh database, with what a test needs to look at it from outside the engine. */
export interface TestDatabase {
  readonly address: Address;
  /** Runs SQL of the database's own dialect and answers its rows. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

export function openStore(address: Address, clock: StoreClock = { offsetMs: 0 }): Store {
  return "sqlite" in address ? sqliteStore(address.sqlite, { clock }) : postgresStore({ url: address.postgres, clock });
}

/** A store of the release with schema 1. */
export function openStoreOfRelease1(address: Address): Store {
  return "sqlite" in address ? release1.sqliteStore(address.sqlite) : release1.postgresStore(address.postgres);
}

/** A database that exists, and stays. */
export function databaseAt(address: Address): TestDatabase {
  const query = "sqlite" in address ? querySqlite(address.sqlite) : queryPostgres(address.postgres);
  return { address, query, [Symbol.asyncDispose]: async () => {} };
}

export async function sqliteDatabase(): Promise<TestDatabase> {
  const dir = await tempDir();
  return { ...databaseAt({ sqlite: join(dir.path, "forge.db") }), [Symbol.asyncDispose]: () => dir.remove() };
}

export async function postgresDatabase(serverUrl: string): Promise<TestDatabase> {
  const { url, drop } = await createDatabase(serverUrl);
  return { ...databaseAt({ postgres: url }), [Symbol.asyncDispose]: drop };
}

function querySqlite(file: string): TestDatabase["query"] {
  return async (sql) => {
    const db = new DatabaseSync(file, { timeout: 5_000 });
    try {
      return db.prepare(sql).all();
    } finally {
      db.close();
    }
  };
}

function queryPostgres(url: string): TestDatabase["query"] {
  return async (sql) => {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
}
