import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { sampleContacts } from "../src/data/sample-contacts.ts";
import { DATABASES, type TestDatabase } from "./support/databases.ts";
import { startWorld } from "./support/world.ts";

interface ImportOutput {
  imported: number;
  rejected: number;
  rejectedRows: { line: number; reason: string; text: string }[];
  rejectedUrl: string | null;
}

const csv = (rows: Iterable<readonly string[]>): string => stringify([...rows]);

async function expectNothingHalfWritten(database: TestDatabase, jobId: string): Promise<void> {
  expect(await database.count("demo_contacts")).toBe(0);
  expect(await database.count("demo_contacts_stage")).toBe(0);
  expect(await database.count("demo_imports")).toBe(0);
  expect(await readdir(join(database.dataDir, "downloads", jobId))).toEqual([]);
}

describe.for(DATABASES)("on %s", (name) => {
  test("good rows are imported, and bad ones reported with their lines", async () => {
    await using world = await startWorld(name, { users: 0 });
    const uploadId = await world.browser.uploaded(csv(sampleContacts(3_000)));
    const id = await world.browser.started("import_contacts", { uploadId });
    const job = await world.server.forge.jobs.wait(id);
    expect(job).toMatchObject({ status: "completed", output: { imported: 2_970, rejected: 30 } });

    const output = job.output as ImportOutput;
    expect(output.rejectedRows.slice(0, 5).map(({ line, reason }) => [line, reason])).toEqual([
      [98, "The e-mail address is not valid"],
      [195, "The e-mail address is missing"],
      [292, "The row has 5 columns instead of 4"],
      [389, "An earlier row has the same e-mail address"],
      [486, "The name is missing"],
    ]);
    expect(await world.database.count("demo_contacts")).toBe(2_970);
    expect(await world.database.count("demo_contacts_stage")).toBe(0);

    const rejected = await world.browser.get(output.rejectedUrl!);
    const rows = parse<Record<string, string>>(await rejected.text(), { columns: true });
    expect(rows).toEqual(output.rejectedRows.map((row) => ({ ...row, line: String(row.line) })));
    // The file is of no more use.
    expect(await readdir(join(world.database.dataDir, "uploads"), { recursive: true })).toHaveLength(1);
  });

  test("of more than 1,000 bad rows the output has the first 1,000 and the file all", async () => {
    await using world = await startWorld(name, { users: 0 });
    const uploadId = await world.browser.uploaded(`name,email\n${"nobody,\n".repeat(2_345)}`);
    const id = await world.browser.started("import_contacts", { uploadId });
    const output = (await world.server.forge.jobs.wait(id)).output as ImportOutput;
    expect(output).toMatchObject({ imported: 0, rejected: 2_345 });
    expect(output.rejectedRows).toHaveLength(1_000);
    expect(output.rejectedRows.at(-1)).toEqual({
      line: 1_001,
      reason: "The e-mail address is missing",
      text: "nobody,",
    });
    const file = await (await world.browser.get(output.rejectedUrl!)).text();
    expect(parse(file, { columns: true })).toHaveLength(2_345);
  });

  test("an import that is cancelled half way leaves nothing", async () => {
    await using world = await startWorld(name, { users: 0, paceMs: 60_000 });
    const uploadId = await world.browser.uploaded(csv(sampleContacts(3_000)));
    const id = await world.browser.started("import_contacts", { uploadId });
    await until(async () => (await world.database.count("demo_contacts_stage")) > 0, { what: "rows on the stage" });
    await world.browser.post(`/_api/jobs/${id}/cancel`, {});
    expect(await world.server.forge.jobs.wait(id)).toMatchObject({ status: "cancelled" });
    await expectNothingHalfWritten(world.database, id);
  });

  test("a file that breaks off in its middle is given up with a sentence, and leaves nothing", async () => {
    await using world = await startWorld(name, { users: 0 });
    const uploadId = await world.browser.uploaded(`${csv(sampleContacts(5_000))}"never closed,a@example.com\n`);
    const id = await world.browser.started("import_contacts", { uploadId });
    expect(await world.server.forge.jobs.wait(id)).toMatchObject({
      status: "dead_letter",
      attempts: 1,
      publicError:
        "The row that begins in line 5002 cannot be read: a quote is opened and never closed. Nothing was imported.",
    });
    await expectNothingHalfWritten(world.database, id);
  });
});

test("a file without bad rows has no file of rejected ones", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  const uploadId = await world.browser.uploaded("name,email\nAnn,ann@example.com\n");
  const id = await world.browser.started("import_contacts", { uploadId });
  expect((await world.server.forge.jobs.wait(id)).output).toEqual({
    imported: 1,
    rejected: 0,
    rejectedRows: [],
    rejectedUrl: null,
  });
  expect((await world.browser.get(`/downloads/${id}/rejected.csv`)).status).toBe(404);
});

test("importing the same file again changes nothing", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  for (let turn = 0; turn < 2; turn++) {
    const uploadId = await world.browser.uploaded(csv(sampleContacts(200)));
    const id = await world.browser.started("import_contacts", { uploadId });
    expect((await world.server.forge.jobs.wait(id)).output).toMatchObject({ imported: 198 });
    expect(await world.database.count("demo_contacts")).toBe(198);
  }
});

test("one browser's contacts are not another's, and nobody imports another's upload", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  const other = await world.anotherBrowser();
  const file = "name,email\nAnn,ann@example.com\n";
  const uploadId = await world.browser.uploaded(file);

  const stolen = await other.started("import_contacts", { uploadId });
  expect(await world.server.forge.jobs.wait(stolen)).toMatchObject({
    status: "dead_letter",
    publicError: "The uploaded file is not there any more. Please upload it again.",
  });
  for (const [browser, id] of [
    [world.browser, uploadId],
    [other, await other.uploaded(file)],
  ] as const) {
    await world.server.forge.jobs.wait(await browser.started("import_contacts", { uploadId: id }));
  }
  expect(await world.database.count("demo_contacts")).toBe(2);
});

test("an upload's id that would leave the folder is refused before a job exists", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  const response = await world.browser.post("/_api/rpc/import_contacts", { args: { uploadId: "../../demo" } });
  expect(response.status).toBe(400);
  expect(await world.database.count("forge_jobs")).toBe(0);
});
