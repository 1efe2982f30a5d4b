import { copyFileSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { ForgeError } from "../../src/errors.ts";
import { sqliteStore } from "../../src/sqlite/index.ts";
import { tempDir } from "../../../../test/support/temp-dir.ts";
import { insertJob, newJob, sqliteWorld } from "./sqlite-world.ts";

async function failure(work: Promise<unknown>): Promise<ForgeError> {
  const error: unknown = await work.then(
    () => "no failure",
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ForgeError);
  return error as ForgeError;
}

test("a folder that is absent is named, and nothing is made", async () => {
  await using dir = await tempDir();
  const folder = join(dir.path, "absent");
  const store = sqliteStore(join(folder, "forge.db"));
  const error = await failure(store.migrate());
  expect(error.code).toBe("UNAVAILABLE");
  expect(error.message).toContain(`The folder ${folder} `);
  expect(existsSync(folder)).toBe(false);
  // The same store object works once the folder is there.
  mkdirSync(folder);
  await store.migrate();
  await insertJob(store);
  await store.close();
});

test("only migrating makes a file", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "forge.db");
  const store = sqliteStore(file);
  for (const work of [() => store.checkSchema(), () => store.ping(), () => store.jobs.insert({ jobs: [newJob()] })]) {
    expect((await failure(work())).message).toContain("does not exist yet");
  }
  expect(existsSync(file)).toBe(false);
  await store.migrate();
  await store.checkSchema();
  await store.close();
});

test("an empty file answers that it lacks the tables, whatever is asked", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "forge.db");
  writeFileSync(file, "");
  const store = sqliteStore(file);
  for (const work of [
    () => store.checkSchema(),
    () => store.identity(),
    () => store.jobs.insert({ jobs: [newJob()] }),
    () => store.jobs.list({ limit: 1 }),
  ]) {
    expect((await failure(work())).message).toContain("without `migrate: false`");
  }
  await store.close();
});

test("a file that is no database is left as it is", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "forge.db");
  writeFileSync(file, "a letter, not a database\n".repeat(100));
  const store = sqliteStore(file);
  const error = await failure(store.migrate());
  expect(error.code).toBe("UNAVAILABLE");
  expect(error.message).toContain("no intact SQLite database");
  await store.close();
});

test("a folder in place of the file is an error", async () => {
  await using dir = await tempDir();
  const store = sqliteStore(dir.path);
  expect((await failure(store.migrate())).message).toContain("cannot be opened");
  await store.close();
});

test.each(["", "file:forge.db", "a\0b"])("%j is refused as a path", (path) => {
  expect(() => sqliteStore(path)).toThrow(ForgeError);
});

test("an option that does not exist is refused by name", () => {
  expect(() => sqliteStore("forge.db", { tiemout: 1 } as object)).toThrow(/tiemout/);
});

test("the application's own database keeps its tables and its pages", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "app.db");
  const app = new DatabaseSync(file);
  app.exec("CREATE TABLE orders (id INTEGER); INSERT INTO orders VALUES (7)");
  const store = sqliteStore(file);
  await store.migrate();
  await insertJob(store);
  expect(app.prepare("SELECT id FROM orders").all()).toEqual([{ id: 7 }]);
  await store.close();
  app.close();
});

test("a new file gives pages back and keeps a write-ahead log", async () => {
  await using world = await sqliteWorld();
  const handle = world.openHandle();
  expect(handle.prepare("PRAGMA auto_vacuum").get()).toEqual({ auto_vacuum: 2 });
  expect(handle.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
});

test("odd characters in a path are just characters", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "a b?c#d%20é.db");
  const store = sqliteStore(file);
  await store.migrate();
  await insertJob(store);
  expect(existsSync(file)).toBe(true);
  expect(store.address).toBe(file);
  await store.close();
});

test("the epoch is another for a copy, and the same after a restart", async () => {
  await using world = await sqliteWorld();
  const { epoch, secret } = await world.store.identity();
  const again = world.openStore();
  expect(await again.identity()).toEqual({ epoch, secret });
  expect(secret).toMatch(/^[0-9a-f]{64}$/);
  await Promise.all([world.store.close(), again.close()]);
  const copy = join(world.folder, "copy.db");
  copyFileSync(world.file, copy);
  const copied = sqliteStore(copy);
  expect((await copied.identity()).epoch).not.toBe(epoch);
  await copied.close();
});

test("a file that is replaced under an open store is an error, not a silent loss", async () => {
  await using world = await sqliteWorld();
  const { store } = world;
  const worker = { host: "h", bootId: "b", pidNamespace: "n", pid: 1, processStart: "s" };
  await store.workers.register({ workerId: "w", leaseMs: 60_000, process: worker });
  renameSync(world.file, `${world.file}.old`);
  const beat = (): Promise<unknown> => store.workers.beat({ workerId: "w", leaseMs: 60_000 });
  expect((await failure(beat())).message).toContain("replaced or removed");
  writeFileSync(world.file, "");
  for (const work of [beat, () => store.ping()]) expect((await failure(work())).code).toBe("UNAVAILABLE");
  renameSync(`${world.file}.old`, world.file);
  expect(await beat()).toMatchObject({ alive: true });
});

test("a database of a newer release is refused and left alone", async () => {
  await using world = await sqliteWorld();
  world.openHandle().exec("UPDATE forge_meta SET value = '9999' WHERE name = 'schema_version'");
  const store = world.openStore();
  for (const work of [() => store.migrate(), () => store.checkSchema()]) {
    const error = await failure(work());
    expect(error.message).toContain("9999");
    expect(error.message).toContain("newer");
  }
});
