import { randomUUID } from "node:crypto";
import pg from "pg";

export interface Database {
  readonly name: string;
  readonly url: string;
  /** Removes the database; connections that are still open are cut. A second call does nothing. */
  readonly drop: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

export interface CreateDatabaseOptions {
  /** Name of a database to copy, which nobody may be connected to. Default: empty. */
  readonly template?: string;
}

/** Makes a database that no other test has, on the server behind `serverUrl`. Takes about 35 ms. */
export async function createDatabase(serverUrl: string, { template }: CreateDatabaseOptions = {}): Promise<Database> {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const source = template === undefined ? "template0" : template;
  await run(serverUrl, `CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE ${pg.escapeIdentifier(source)}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const drop = (): Promise<void> => run(serverUrl, `DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
  return { name, url: url.href, drop, [Symbol.asyncDispose]: drop };
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  // Without a listener a server that goes away meanwhile would end the process.
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
