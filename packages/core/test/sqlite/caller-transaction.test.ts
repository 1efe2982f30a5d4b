import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ForgeError } from "../../src/errors.ts";
import { sqliteStore } from "../../src/sqlite/index.ts";
import type { Store } from "../../src/store.ts";
import { insertJob, keyClaim, known, newJob, sqliteWorld } from "./sqlite-world.ts";

async function refusal(store: Store, tx: unknown): Promise<ForgeError> {
  const error: unknown = await store.jobs.insert({ jobs: [newJob()], tx }).then(
    () => "not refused",
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ForgeError);
  return error as ForgeError;
}

test("a job is written before the promise resolves, so that a synchronous transaction may commit at once", async () => {
  await using world = await sqliteWorld();
  const handle = world.openHandle();
  const job = newJob();
  handle.exec("BEGIN");
  const inserted = world.store.jobs.insert({ jobs: [job], tx: handle });
  handle.exec("COMMIT");
  expect(await inserted).toEqual([{ id: job.id, created: true }]);
  expect(await known(world.store, [job])).toEqual([job.id]);
});

test("a batch that is refused takes back itself and leaves the rest of the transaction", async () => {
  await using world = await sqliteWorld();
  const taken = await insertJob(world.store);
  const handle = world.openHandle();
  handle.exec("CREATE TABLE orders (id INTEGER); BEGIN IMMEDIATE; INSERT INTO orders VALUES (1)");
  const neighbour = newJob({ keys: [keyClaim("k")] });
  await expect(world.store.jobs.insert({ jobs: [neighbour, taken], tx: handle })).rejects.toMatchObject({
    code: "BAD_REQUEST",
  });
  handle.exec("COMMIT");
  expect(handle.prepare("SELECT count(*) AS n FROM orders").get()).toEqual({ n: 1 });
  expect(await known(world.store, [neighbour])).toEqual([]);
  expect(handle.prepare("SELECT count(*) AS n FROM forge_keys").get()).toEqual({ n: 0 });
});

test("a handle with other defaults than ours serves as well", async () => {
  await using world = await sqliteWorld();
  const handle = world.openHandle({ readBigInts: true });
  handle.exec("BEGIN IMMEDIATE");
  const first = newJob({ keys: [keyClaim("k")] });
  await world.store.jobs.insert({ jobs: [first], tx: handle });
  const again = await world.store.jobs.insert({ jobs: [newJob({ keys: [keyClaim("k")] })], tx: handle });
  expect(again).toEqual([{ id: first.id, created: false }]);
  handle.exec("COMMIT");
});

test("what is no handle is refused by its name", async () => {
  await using world = await sqliteWorld();
  for (const [tx, name] of [
    [new Map(), "Map"],
    [world.file, "string"],
    [null, "null"],
    [{}, "Object"],
  ] as const) {
    const error = await refusal(world.store, tx);
    expect(error.code).toBe("BAD_REQUEST");
    expect(error.message).toContain(name);
    expect(error.message).toContain("DatabaseSync");
    expect(error.message).toContain(world.file);
  }
});

test("a handle without a transaction is refused, also where it had one before", async () => {
  await using world = await sqliteWorld();
  const handle = world.openHandle();
  expect((await refusal(world.store, handle)).message).toContain("BEGIN");
  handle.exec("BEGIN IMMEDIATE");
  await world.store.jobs.insert({ jobs: [newJob()], tx: handle });
  handle.exec("COMMIT");
  expect((await refusal(world.store, handle)).code).toBe("BAD_REQUEST");
  handle.close();
  expect((await refusal(world.store, handle)).message).toContain("closed");
});

test("a handle on another database is refused, whatever it has attached", async () => {
  await using world = await sqliteWorld();
  const elsewhere = join(world.folder, "elsewhere.db");
  const foreign = new DatabaseSync(elsewhere);
  foreign.exec("CREATE TABLE t (x)");
  foreign.prepare("ATTACH ? AS forge").run(world.file);
  const memory = new DatabaseSync(":memory:");
  for (const handle of [foreign, memory]) {
    handle.exec("BEGIN");
    const error = await refusal(world.store, handle);
    expect(error).toMatchObject({ code: "BAD_REQUEST" });
    expect(error.message).toContain(world.file);
    handle.close();
  }
  const inMemory = sqliteStore(":memory:");
  await inMemory.migrate();
  const handle = world.openHandle();
  handle.exec("BEGIN");
  expect((await refusal(inMemory, handle)).message).toContain("memory");
  await inMemory.close();
});

test("the same file by another path is the same file", async () => {
  await using world = await sqliteWorld();
  const handle = new DatabaseSync(join(world.folder, "..", world.folder.split("/").at(-1)!, "forge.db"));
  handle.exec("BEGIN IMMEDIATE");
  const job = newJob();
  await world.store.jobs.insert({ jobs: [job], tx: handle });
  handle.exec("COMMIT");
  handle.close();
  expect(await known(world.store, [job])).toEqual([job.id]);
});

test("a transaction that read before another wrote is told to begin otherwise", async () => {
  await using world = await sqliteWorld();
  const handle = world.openHandle();
  handle.exec("BEGIN; SELECT count(*) FROM forge_live");
  handle.prepare("SELECT count(*) FROM forge_live").get();
  await insertJob(world.store);
  const error = await refusal(world.store, handle);
  expect(error.code).toBe("UNAVAILABLE");
  expect(error.message).toContain("BEGIN IMMEDIATE");
  handle.exec("ROLLBACK");
});
