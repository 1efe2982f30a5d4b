import { readFile, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { sqliteStore } from "../src/sqlite/index.ts";
import type { Store } from "../src/store.ts";
import { release1 } from "../test/fixtures/release-1/release-1.ts";
import type { World } from "./world.ts";

let template: Promise<Buffer> | undefined;

/** Makes a SQLite file of its own for one case: a copy of one that was migrated once. */
export async function openSqlite({ migrated }: { readonly migrated: boolean }): Promise<World> {
  const copy = migrated ? await (template ??= migrate()) : null;
  const dir = await tempDir("forge-conformance-");
  const file = join(dir.path, "forge.db");
  if (copy !== null) await writeFile(file, copy);
  const clock = { offsetMs: 0 };
  const [store, other] = [sqliteStore(file, { clock }), sqliteStore(file, { clock })];
  const earlier: Store[] = [];
  const handles: DatabaseSync[] = [];
  const open = (): DatabaseSync => {
    const db = new DatabaseSync(file);
    handles.push(db);
    return db;
  };
  return {
    store,
    other,
    clock,
    powers: {
      notifications: true,
      release1: () => {
        const old = release1.sqliteStore(file, { clock });
        earlier.push(old);
        return old;
      },
    },
    begin: async () => {
      const db = open();
      db.exec("BEGIN");
      return { tx: db, commit: async () => db.exec("COMMIT"), rollback: async () => db.exec("ROLLBACK") };
    },
    rows: async (sql) => open().prepare(sql).all(),
    unreachable: () => {
      const folder = join(dir.path, "missing");
      return { store: sqliteStore(join(folder, "forge.db")), names: folder, secrets: [] };
    },
    dispose: async () => {
      try {
        for (const db of handles) db.close();
        await Promise.all([store, other, ...earlier].map((one) => one.close()));
      } finally {
        await dir.remove();
      }
    },
  };
}

async function migrate(): Promise<Buffer> {
  await using dir = await tempDir("forge-conformance-");
  const file = join(dir.path, "forge.db");
  const store = sqliteStore(file);
  await store.migrate();
  await store.close();
  return readFile(file);
}
