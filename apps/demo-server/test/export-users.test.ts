import { parse } from "csv-parse/sync";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { usersBetween } from "../src/data/people.ts";
import { DATABASES } from "./support/databases.ts";
import { startWorld } from "./support/world.ts";

interface ExportOutput {
  count: number;
  downloadUrl: string;
  bytes: number;
}

describe.for(DATABASES)("on %s", (name) => {
  test("an export holds every user, as CSV", async () => {
    await using world = await startWorld(name);
    const id = await world.browser.started("export_users", { format: "csv" });
    const job = await world.server.forge.jobs.wait(id);
    expect(job).toMatchObject({
      status: "completed",
      output: { count: 2_500, downloadUrl: `/downloads/${id}/users.csv` },
    });

    const output = job.output as ExportOutput;
    const response = await world.browser.get(output.downloadUrl);
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="users.csv"');
    expect(Number(response.headers.get("content-length"))).toBe(output.bytes);
    const rows = parse<Record<string, string>>(await response.text(), { columns: true });
    expect(rows).toEqual(usersBetween(1, 2_500).map((user) => ({ ...user, id: String(user.id) })));
  });

  test("an export holds every user, as JSON", async () => {
    await using world = await startWorld(name);
    const id = await world.browser.started("export_users", { format: "json" });
    const job = await world.server.forge.jobs.wait(id);
    const response = await world.browser.get((job.output as ExportOutput).downloadUrl);
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(await response.json()).toEqual(usersBetween(1, 2_500));
  });

  test("a flaky export breaks off twice, says why, and completes with its third run", async () => {
    await using world = await startWorld(name);
    const id = await world.browser.started("export_users", { flaky: true });
    const broken = await until(
      async () => {
        const job = await world.server.forge.jobs.get(id);
        return job?.status === "retry" ? job : null;
      },
      { what: "a run that broke off" },
    );
    expect(broken.publicError).toBe("The connection to the file store broke after 1,000 users.");
    const job = await world.server.forge.jobs.wait(id);
    expect(job).toMatchObject({ status: "completed", attempts: 3, output: { count: 2_500 } });
    expect(await readdir(join(world.database.dataDir, "downloads", id))).toEqual(["users.csv"]);
  });
});

test("an empty table makes a file that can be read", async () => {
  await using world = await startWorld("SQLite", { users: 0 });
  const id = await world.browser.started("export_users", { format: "json" });
  const job = await world.server.forge.jobs.wait(id);
  const response = await world.browser.get((job.output as ExportOutput).downloadUrl);
  expect(await response.json()).toEqual([]);
});

test("asking again for the same export answers the job that is under way, and another one for another browser", async () => {
  await using world = await startWorld("SQLite", { paceMs: 60_000 });
  const id = await world.browser.started("export_users", { format: "csv" });
  expect(await world.browser.started("export_users", { format: "csv" })).toBe(id);
  expect(await world.browser.started("export_users", { format: "json" })).not.toBe(id);
  const other = await world.anotherBrowser();
  expect(await other.started("export_users", { format: "csv" })).not.toBe(id);
});

test("a cancelled export leaves no file behind", async () => {
  await using world = await startWorld("SQLite", { paceMs: 60_000 });
  const id = await world.browser.started("export_users", {});
  const folder = join(world.database.dataDir, "downloads", id);
  await until(async () => (await readdir(folder).catch(() => [])).length === 1, {
    what: "the file that is being written",
  });
  await world.browser.post(`/_api/jobs/${id}/cancel`, {});
  expect(await world.server.forge.jobs.wait(id)).toMatchObject({ status: "cancelled" });
  expect(await readdir(folder)).toEqual([]);
});

test("an export whose disk fails tells its watcher no more than an id, and succeeds when it is retried", async () => {
  await using world = await startWorld("SQLite");
  const downloads = join(world.database.dataDir, "downloads");
  await writeFile(downloads, "in the way");
  const id = await world.browser.started("export_users", {});
  expect(await world.server.forge.jobs.wait(id)).toMatchObject({
    status: "failed",
    attempts: 3,
    publicError: expect.stringMatching(/^The job failed \(….{8}\)$/),
  });
  await rm(downloads);
  await world.browser.post(`/_api/jobs/${id}/retry`, {});
  expect(await world.server.forge.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 4 });
});

test.for([[{ format: "xml" }], [{ format: 7 }], [{ flaky: "yes" }], ["csv"]] as const)(
  "the input %j is refused with a code and starts nothing",
  async ([args]) => {
    await using world = await startWorld("SQLite", { users: 0 });
    const response = await world.browser.post("/_api/rpc/export_users", { args });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ success: false, error: { code: "INVALID_ARGS" } });
    expect(await world.database.count("forge_jobs")).toBe(0);
  },
);
