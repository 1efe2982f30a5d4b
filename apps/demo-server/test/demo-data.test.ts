import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Contact, DEMO_USERS, type DemoData } from "../src/data/demo-data.ts";
import { openPostgresData } from "../src/data/postgres.ts";
import { openSqliteData } from "../src/data/sqlite.ts";
import { DATABASES, type TestDatabase, testDatabase } from "./support/databases.ts";

const open = (database: TestDatabase, users = 10): Promise<DemoData> =>
  database.postgresUrl === null
    ? openSqliteData(join(database.dataDir, "demo.db"), { users })
    : openPostgresData(database.postgresUrl, { users });

const newRun = (jobId = randomUUID()) => ({ jobId, runId: randomUUID() });

function contacts(from: number, to: number, name = "Zoë 𠮷"): Contact[] {
  return Array.from({ length: to - from + 1 }, (_, index) => {
    const line = from + index;
    return { line, name, email: `person${line}@example.com`, company: "", city: "Łódź" };
  });
}

describe.for(DATABASES)("on %s", (name) => {
  test("an empty database is seeded with 100,000 users, who are read in the order of their ids", async () => {
    await using database = await testDatabase(name);
    const data = await open(database, DEMO_USERS);
    let last = 0;
    for await (const page of data.userPages()) {
      expect(page.length).toBeLessThanOrEqual(1_000);
      expect(page.every(({ id }, index) => id === last + 1 + index)).toBe(true);
      last += page.length;
    }
    expect(last).toBe(100_000);
    expect(await data.countUsers()).toBe(100_000);
    await data.close();
  });

  test("seeding again changes nothing, and two that open at once seed once", async () => {
    await using database = await testDatabase(name);
    const both = await Promise.all([open(database, 1_500), open(database, 1_500)]);
    for (const data of both) {
      expect(await data.countUsers()).toBe(1_500);
      await data.close();
    }
    const again = await open(database, 3_000);
    expect(await again.countUsers()).toBe(1_500);
    await again.close();
  });

  test("users keep every script, and a database on another machine holds the same ones", async () => {
    await using database = await testDatabase(name);
    await using other = await testDatabase("SQLite");
    const read = async (where: TestDatabase) => {
      const data = await open(where, 500);
      const users = [];
      for await (const page of data.userPages()) users.push(...page);
      await data.close();
      return users;
    };
    const users = await read(database);
    expect(users).toEqual(await read(other));
    const names = users.map((user) => user.name).join("");
    for (const script of [/\p{Script=Han}/u, /\p{Script=Arabic}/u, /\p{Script=Cyrillic}/u, /\p{Script=Devanagari}/u]) {
      expect(names).toMatch(script);
    }
  });

  test("what is staged is moved as a whole, with the result, and nothing stays behind", async () => {
    await using database = await testDatabase(name);
    const data = await open(database);
    const run = newRun();
    await data.stageContacts(run, contacts(2, 1_001));
    await data.stageContacts(run, contacts(1_002, 2_500));
    expect(await database.count("demo_contacts")).toBe(0);
    expect(await data.stagedJobs()).toEqual([run.jobId]);
    expect(await data.importResult(run.jobId)).toBeNull();

    await data.finishImport(run, "ann", 2_499, '{"imported":2499}');
    expect(await database.count("demo_contacts")).toBe(2_499);
    expect(await database.count("demo_contacts_stage")).toBe(0);
    expect(await data.importResult(run.jobId)).toBe('{"imported":2499}');
    await data.close();
  });

  test("a contact that the owner has already is overwritten, and another owner's is left alone", async () => {
    await using database = await testDatabase(name);
    const data = await open(database);
    for (const [owner, called] of [
      ["ann", "old"],
      ["bob", "bob's"],
      ["ann", "new"],
    ] as const) {
      const run = newRun();
      await data.stageContacts(run, contacts(2, 3, called));
      await data.finishImport(run, owner, 2, "{}");
    }
    const rows = await database.query("SELECT owner, name FROM demo_contacts ORDER BY owner, email");
    expect(rows.map((row) => [row["owner"], row["name"]])).toEqual([
      ["ann", "new"],
      ["ann", "new"],
      ["bob", "bob's"],
      ["bob", "bob's"],
    ]);
    await data.close();
  });

  test("of two runs of a job one moves its stage, and the other fails without a trace", async () => {
    await using database = await testDatabase(name);
    const data = await open(database);
    const first = newRun();
    const second = newRun(first.jobId);
    await data.stageContacts(first, contacts(2, 4));
    await data.stageContacts(second, contacts(2, 6));
    await data.finishImport(second, "ann", 5, "second");
    await expect(data.finishImport(first, "ann", 3, "first")).rejects.toThrow(/unique/i);
    expect(await data.importResult(first.jobId)).toBe("second");
    expect(await database.count("demo_contacts")).toBe(5);

    await data.clearStage(first.jobId, first.runId);
    expect(await data.stagedJobs()).toEqual([]);
    await data.close();
  });

  test("a stage that lost rows is not moved", async () => {
    await using database = await testDatabase(name);
    const data = await open(database);
    const run = newRun();
    await data.stageContacts(run, contacts(2, 1_500));
    await expect(data.finishImport(run, "ann", 1_500, "{}")).rejects.toThrow(/holds 1499 rows instead of 1500/);
    expect(await database.count("demo_contacts")).toBe(0);
    expect(await data.importResult(run.jobId)).toBeNull();
    expect(await database.count("demo_contacts_stage")).toBe(1_499);
    await data.close();
  });

  test("clearing a job empties the stages of all its runs and of no other job", async () => {
    await using database = await testDatabase(name);
    const data = await open(database);
    const job = newRun();
    const other = newRun();
    await data.stageContacts(job, contacts(2, 3_000));
    await data.stageContacts(newRun(job.jobId), contacts(2, 9));
    await data.stageContacts(other, contacts(2, 5));
    await data.clearStage(job.jobId);
    expect(await data.stagedJobs()).toEqual([other.jobId]);
    expect(await database.count("demo_contacts_stage")).toBe(4);
    await data.close();
  });
});
