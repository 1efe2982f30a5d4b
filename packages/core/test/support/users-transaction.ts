import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import type { Address } from "./stores.ts";

/** A transaction of the application's, which writes into its table `effects`. */
export interface UsersTransaction {
  readonly tx: unknown;
  readonly write: () => Promise<void>;
  readonly commit: () => Promise<void>;
  readonly rollback: () => Promise<void>;
}

/** Begins one, on a connection of its own. */
export async function beginIn(address: Address): Promise<UsersTransaction> {
  if ("sqlite" in address) {
    const handle = new DatabaseSync(address.sqlite, { timeout: 5_000 });
    const run = async (sql: string): Promise<void> => handle.exec(sql);
    const end = (sql: string) => (): Promise<void> => run(sql).finally(() => handle.close());
    await run("BEGIN IMMEDIATE");
    const write = (): Promise<void> => run("INSERT INTO effects VALUES (1)");
    return { tx: handle, write, commit: end("COMMIT"), rollback: end("ROLLBACK") };
  }
  const client = new pg.Client({ connectionString: address.postgres });
  client.on("error", () => {});
  await client.connect();
  const run = async (sql: string): Promise<void> => void (await client.query(sql));
  const end = (sql: string) => async (): Promise<void> => {
    try {
      await run(sql);
    } finally {
      await client.end();
    }
  };
  await run("BEGIN");
  const write = (): Promise<void> => run("INSERT INTO effects VALUES (1)");
  return { tx: client, write, commit: end("COMMIT"), rollback: end("ROLLBACK") };
}
