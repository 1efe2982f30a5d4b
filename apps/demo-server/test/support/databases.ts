import { inject } from "vitest";
import pg from "pg";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { createDatabase } from "../../../../test/support/postgres.ts";
import { tempDir } from "../../../../test/support/temp-dir.ts";

/** Every database that the demo runs on. */
export const DATABASES = ["SQLite", "PostgreSQL 15", "PostgreSQL 18"] as const;
export type DatabaseName = (typeof DATABASES)[number];

/** An empty database and a data folder that no other test has. */
export interface TestDatabase extends AsyncDisposable {
  readonly dataDir: string;
  /** Null for SQLite. */
  readonly postgresUrl: string | null;
  /** Runs a query beside the demo, on a connection of its own. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** How many rows a table has. */
  count(table: string): Promise<number>;
}

export async function testDatabase(name: DatabaseName): Promise<TestDatabase> {
  const folder = await tempDir("forge-demo-");
  const database =
    name === "SQLite" ? null : await createDatabase(inject("postgres")[name === "PostgreSQL 15" ? 15 : 18]);
  const query = database === null ? sqliteQuery(join(folder.path, "demo.db")) : postgresQuery(database.url);
  return {
    dataDir: folder.path,
    postgresUrl: database?.url ?? null,
    query,
    count: async (table) => Number((await query(`SELECT count(*) AS count FROM ${table}`))[0]!["count"]),
    async [Symbol.asyncDispose]() {
      await database?.drop();
      await folder.remove();
    },
  };
}

function sqliteQuery(file: string): TestDatabase["query"] {
  return async (sql) => {
    const db = new DatabaseSync(file, { timeout: 5_000 });
    try {
      return db.prepare(sql).all();
    } finally {
      db.close();
    }
  };
}

function postgresQuery(url: string): TestDatabase["query"] {
  return async (sql) => {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
}
