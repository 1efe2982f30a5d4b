import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import pg from "pg";
import { expect, test } from "vitest";
import { createDatabase, startPostgres } from "./support/postgres.ts";
import { until } from "./support/until.ts";

async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

test("a server keeps its data and its port over a restart and over a crash", async () => {
  await using server = await startPostgres(18);
  await using database = await createDatabase(server.url);
  await query(database.url, "CREATE TABLE kept AS SELECT 1 AS n");
  await server.restart();
  await server.restart("immediate");
  expect(await query(database.url, "SELECT n FROM kept")).toEqual([{ n: 1 }]);
});

test("a stopped server leaves neither process nor folder", async () => {
  const server = await startPostgres(15);
  const [row] = await query<{ data_directory: string }>(server.url, "SHOW data_directory");
  const pid = server.pid();
  await server.stop();
  expect(existsSync(row!.data_directory)).toBe(false);
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  await server.stop();
});

test("a server ends, with its folder, when the process that started it is killed", async () => {
  const script = `
    import { startPostgres } from "${new URL("./support/postgres.ts", import.meta.url).href}";
    const server = await startPostgres(18);
    console.log(JSON.stringify({ url: server.url, pid: server.pid() }));
    setInterval(() => {}, 1000);`;
  const starter = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const lines = createInterface({ input: starter.stdout });
    const line = await new Promise<string>((resolve) => lines.once("line", resolve));
    const { url, pid } = JSON.parse(line) as { url: string; pid: number };
    const [row] = await query<{ data_directory: string }>(url, "SHOW data_directory");
    starter.kill("SIGKILL");
    await until(() => !isAlive(pid), { what: "the server to end" });
    await until(() => !existsSync(row!.data_directory), { what: "its folder to be removed" });
  } finally {
    starter.kill("SIGKILL");
  }
});

test("a database starts as a copy of its template", async () => {
  await using server = await startPostgres(18);
  await using template = await createDatabase(server.url);
  await query(template.url, "CREATE TABLE copied AS SELECT 1 AS n");
  await using copy = await createDatabase(server.url, { template: template.name });
  expect(await query(copy.url, "SELECT n FROM copied")).toEqual([{ n: 1 }]);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
