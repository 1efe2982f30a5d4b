import { stringify } from "csv-stringify/sync";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { sampleContacts } from "../src/data/sample-contacts.ts";
import { startDemoServer } from "../src/demo-server.ts";
import { type Browser, openBrowser } from "./support/browser.ts";
import { DATABASES, testDatabase } from "./support/databases.ts";
import { startDemoProcess, startProgram } from "./support/demo-process.ts";
import { settingsFor } from "./support/world.ts";

const USERS = 100_000;

async function statusOf(browser: Browser, id: string): Promise<string> {
  const { data } = (await (await browser.get(`/_api/jobs/${id}`)).json()) as { data: { status: string } };
  return data.status;
}

describe.for(DATABASES)("on %s", (name) => {
  test("an import whose process is killed is imported once, by the next one", { timeout: 60_000 }, async () => {
    await using database = await testDatabase(name);
    const killed = await startDemoProcess(database, 5_000);
    const browser = await openBrowser(killed.url);
    const uploadId = await browser.uploaded(stringify([...sampleContacts(3_000)]));
    const id = await browser.started("import_contacts", { uploadId });
    await until(async () => (await database.count("demo_contacts_stage")) > 0, { what: "rows on the stage" });
    expect(await killed.end("SIGKILL")).toBe("SIGKILL");

    const server = await startDemoServer(await settingsFor(database));
    try {
      const job = await server.forge.jobs.wait(id);
      expect(job).toMatchObject({ status: "completed", attempts: 1, output: { imported: 2_970, rejected: 30 } });
      expect(await database.count("demo_contacts")).toBe(2_970);
      expect(await database.count("demo_contacts_stage")).toBe(0);
      expect(await database.count("demo_users")).toBe(USERS);
    } finally {
      await server.close();
    }
  });
});

test("a server that is asked to stop gives its job to the next one, and ends well", { timeout: 60_000 }, async () => {
  await using database = await testDatabase("SQLite");
  const stopped = await startDemoProcess(database, 1_000);
  const browser = await openBrowser(stopped.url);
  const id = await browser.started("export_users", {});
  await until(async () => (await statusOf(browser, id)) === "running", { what: "the export to run" });
  expect(await stopped.end("SIGTERM")).toBe(0);
  expect(await readdir(join(database.dataDir, "downloads", id))).toEqual([]);

  const server = await startDemoServer(await settingsFor(database));
  try {
    expect(await server.forge.jobs.wait(id)).toMatchObject({
      status: "completed",
      attempts: 1,
      output: { count: USERS },
    });
  } finally {
    await server.close();
  }
});

test("two servers that start at once on one new file seed it once", { timeout: 60_000 }, async () => {
  await using database = await testDatabase("SQLite");
  const both = await Promise.all([startDemoProcess(database, 0), startDemoProcess(database, 0)]);
  expect(await database.count("demo_users")).toBe(USERS);
  expect(await Promise.all(both.map((one) => one.end("SIGINT")))).toEqual([0, 0]);
});

test("what killed processes left of jobs that are gone is removed at the start", async () => {
  await using database = await testDatabase("SQLite");
  const settings = await settingsFor(database);
  const gone = "01900000-0000-7000-8000-000000000000";
  await (await startDemoServer(settings, { users: 0 })).close();
  await database.query(
    `INSERT INTO demo_contacts_stage VALUES ('${gone}', '${gone}', 2, 'a@example.com', 'A', '', '') RETURNING line`,
  );
  await mkdir(join(database.dataDir, "downloads", gone), { recursive: true });
  await writeFile(join(database.dataDir, "downloads", gone, "users.csv.x.part"), "");

  await (await startDemoServer(settings, { users: 0 })).close();
  expect(await database.count("demo_contacts_stage")).toBe(0);
  expect(await readdir(join(database.dataDir, "downloads", gone))).toEqual([]);
});

test.for([
  ["a port that is none", { PORT: "70000" }, 'PORT must be a whole number from 0 to 65535; it is "70000".'],
  ["a database of another kind", { DATABASE_URL: "mysql://x" }, "DATABASE_URL must begin with postgres://."],
] as const)("%s ends the server with a sentence", async ([, env, sentence]) => {
  await expect(startProgram("src/main.ts", env)).rejects.toThrow(`ended with 1: ${sentence}`);
});

test("a database that does not answer is named without its password", async () => {
  const env = { DATABASE_URL: "postgres://ann:secret@127.0.0.1:1/shop" };
  const failure = await startProgram("src/main.ts", env).catch(String);
  expect(failure).toMatch(/ended with 1: .*127\.0\.0\.1:1/);
  expect(failure).not.toContain("secret");
});

test("pages that are not built are named with the command that builds them", async () => {
  await using database = await testDatabase("SQLite");
  const settings = { ...(await settingsFor(database)), pages: { svelte: "/nowhere", react: "/nowhere" } };
  await expect(startDemoServer(settings, { users: 0 })).rejects.toThrow(
    "/nowhere holds no page. Build it: npx -y pnpm@12 --filter ./apps/demo-svelte build",
  );
});
