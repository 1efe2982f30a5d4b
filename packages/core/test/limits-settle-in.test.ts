import { createForge, defineJob } from "@forge-jobs/core";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { expect, inject, test } from "vitest";
import { type Address, openStore, postgresDatabase, sqliteDatabase } from "./support/stores.ts";
import { recordingLogger } from "./support/world.ts";

const DATABASES = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
] as const;

/** Does `work` in a transaction of the application's, and commits it. */
async function transaction(address: Address, work: (tx: unknown) => Promise<void>): Promise<void> {
  if ("sqlite" in address) {
    const db = new DatabaseSync(address.sqlite, { timeout: 5_000 });
    db.exec("BEGIN IMMEDIATE");
    await work(db);
    db.exec("COMMIT");
    db.close();
    return;
  }
  const client = new pg.Client({ connectionString: address.postgres });
  await client.connect();
  await client.query("BEGIN");
  await work(client);
  await client.query("COMMIT");
  await client.end();
}

test.each(DATABASES)(
  "on %s a job that settles in a transaction of its own lets the next of its limit start, without waiting for a poll",
  async (_, open) => {
    await using database = await open();
    const settling = defineJob("settling", {
      concurrencyKey: () => "the only one",
      run: (ctx, n: number) => transaction(database.address, (tx) => ctx.settleIn(tx, n)),
    });
    const forge = createForge({ store: openStore(database.address), jobs: [settling], logger: recordingLogger([]) });
    await forge.start();
    try {
      const ids = await forge.dispatchMany(settling, [1, 2, 3, 4, 5, 6, 7, 8]);
      const began = performance.now();
      for (const id of ids) expect(await forge.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 1 });
      // Seven polls take seven seconds.
      expect(performance.now() - began).toBeLessThan(4_000);
    } finally {
      await forge.stop({ timeout: "0ms" });
    }
  },
);
