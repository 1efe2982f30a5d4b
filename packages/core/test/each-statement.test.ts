import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, inject, test } from "vitest";
import { createDatabase } from "../../../test/support/database.ts";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { until } from "../../../test/support/until.ts";
import { lifeJobs, type LifeSettings, lifeWorker } from "./support/life.ts";
import { countSettles, settleCount } from "./support/settles.ts";
import { databaseAt, openStore, postgresDatabase, sqliteDatabase, type TestDatabase } from "./support/stores.ts";

const MAIN = fileURLToPath(new URL("./support/life-process.ts", import.meta.url));
const AT_ONCE = 3;
/** Far beyond what a life takes: an enumeration that does not end is a failure. */
const MOST_STATEMENTS = 300;

/** Makes copies of a migrated database, in which a trigger counts settles. */
async function template(database: TestDatabase): Promise<void> {
  const store = openStore(database.address);
  await store.migrate();
  await store.close();
  await countSettles(database);
}

async function live(settings: LifeSettings, cache: string): Promise<"killed" | "ended"> {
  const child = spawn(process.execPath, ["--conditions=source", MAIN, JSON.stringify(settings)], {
    stdio: ["ignore", "inherit", "inherit"],
    // Compiling the sources would take most of such a short life.
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (signal === "SIGKILL") return "killed";
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  return "ended";
}

/** Lets another process take over, and looks whether anything was lost, done twice, or charged. */
async function expectMended(database: TestDatabase, history: string, killAfter: number): Promise<void> {
  const why = `after statement ${killAfter}`;
  // The server may still be at the last statement of the process that was killed, and commit it.
  if ("postgres" in database.address) {
    const isAlone = async (): Promise<boolean> => {
      const [row] = await database.query(`SELECT count(*) AS n FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`);
      return Number(row?.["n"]) === 0;
    };
    await until(isAlone, { what: `the sessions of the dead process to end ${why}`, within: 30_000 });
  }
  const survivor = lifeWorker(database.address, lifeJobs(history));
  await survivor.start();
  try {
    const isQuiet = async (): Promise<boolean> => {
      const [row] = await database.query("SELECT count(*) AS n FROM forge_live");
      return Number(row?.["n"]) === 0;
    };
    await until(isQuiet, { what: `every job to end ${why}`, within: 30_000 });
  } finally {
    await survivor.stop();
  }
  const lines = (await readFile(history, "utf8").catch(() => "")).split("\n").filter(Boolean);
  const dispatched = lines.flatMap((line) => (line.startsWith("dispatched ") ? [line.split(" ")[1]!] : []));
  const jobs = await database.query("SELECT id, job_type, status, attempts FROM forge_jobs");
  expect(
    jobs.map(({ id }) => String(id)),
    `jobs that were dispatched ${why}`,
  ).toEqual(expect.arrayContaining(dispatched));
  const settles = await database.query("SELECT job_id FROM test_settles");
  expect(settles.map((row) => String(row["job_id"])).toSorted(), `settles ${why}`).toEqual(
    jobs.map(({ id }) => String(id)).toSorted(),
  );
  for (const { id, job_type: type, status, attempts } of jobs) {
    const expected = { status: "completed", attempts: type === "failing" ? 2 : 1 };
    expect({ status, attempts }, `${String(type)} ${why}`).toEqual(expected);
    const runs = lines.filter((line) => line.startsWith(`ran ${String(id)} `)).length;
    expect(runs, `runs of ${String(type)} ${why}`).toBeGreaterThanOrEqual(expected.attempts);
    expect(runs, `runs of ${String(type)} ${why}`).toBeLessThanOrEqual(expected.attempts + 1);
  }
}

/** Kills one life after each of its statements in turn; answers how many there were. */
async function enumerate(folder: string, fresh: (n: number) => Promise<TestDatabase>): Promise<number> {
  let ended = Infinity;
  for (let from = 0; from < ended; from += AT_ONCE) {
    expect(from).toBeLessThan(MOST_STATEMENTS);
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, n) => {
        const killAfter = from + n;
        await using database = await fresh(killAfter);
        const history = join(folder, `history-${killAfter}`);
        const came = await live({ address: database.address, history, killAfter }, join(folder, "compiled"));
        if (came === "ended") ended = Math.min(ended, killAfter);
        await expectMended(database, history, killAfter);
        if (came === "ended") expect(await settleCount(database)).toBe(2);
      }),
    );
  }
  return ended;
}

test("SQLite: a process is killed after each statement of two jobs' lives", { timeout: 240_000 }, async () => {
  await using dir = await tempDir();
  await using origin = await sqliteDatabase();
  await template(origin);
  const source = "sqlite" in origin.address ? origin.address.sqlite : "";
  const statements = await enumerate(dir.path, async (n) => {
    const file = join(dir.path, `forge-${n}.db`);
    await copyFile(source, file);
    return databaseAt({ sqlite: file });
  });
  // A life of fewer would mean that it was not looked at.
  expect(statements).toBeGreaterThan(30);
});

test("PostgreSQL 18: a process is killed after each statement of two jobs' lives", { timeout: 240_000 }, async () => {
  await using dir = await tempDir();
  const server = inject("postgres")[18];
  await using origin = await postgresDatabase(server);
  await template(origin);
  const name = "postgres" in origin.address ? new URL(origin.address.postgres).pathname.slice(1) : "";
  // Only a database to which nobody is connected can be copied, and only once at a time.
  let copying: Promise<unknown> = Promise.resolve();
  const statements = await enumerate(dir.path, async () => {
    const copied = copying.then(() => createDatabase(server, { template: name }));
    copying = copied.catch(() => {});
    const { url, drop } = await copied;
    return { ...databaseAt({ postgres: url }), [Symbol.asyncDispose]: drop };
  });
  expect(statements).toBeGreaterThan(15);
});
