import type { Forge } from "@forge-jobs/core";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, inject } from "vitest";
import { createDatabase } from "../../../../test/support/database.ts";
import { tempDir } from "../../../../test/support/temp-dir.ts";
import { until } from "../../../../test/support/until.ts";
import { countSettles, settleCount } from "../support/settles.ts";
import { databaseAt, openStore, postgresDatabase, sqliteDatabase, type TestDatabase } from "../support/stores.ts";
import type { LifeSettings, Place } from "./place.ts";

const MAIN = fileURLToPath(new URL("./life-process.ts", import.meta.url));
const AT_ONCE = 3;
/** Far beyond what a life takes: an enumeration that does not end is a failure. */
const MOST_STATEMENTS = 300;

/** A database of which every life gets a copy. */
interface Origin extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly copy: (file: string) => Promise<TestDatabase>;
}

async function sqliteOrigin(): Promise<Origin> {
  const database = await sqliteDatabase();
  const source = "sqlite" in database.address ? database.address.sqlite : "";
  return {
    database,
    copy: async (file) => {
      await copyFile(source, file);
      return databaseAt({ sqlite: file });
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

async function postgresOrigin(): Promise<Origin> {
  const server = inject("postgres")[18];
  const database = await postgresDatabase(server);
  const name = "postgres" in database.address ? new URL(database.address.postgres).pathname.slice(1) : "";
  // Only a database to which nobody is connected can be copied, and only once at a time.
  let copying: Promise<unknown> = Promise.resolve();
  return {
    database,
    copy: async () => {
      const copied = copying.then(() => createDatabase(server, { template: name }));
      copying = copied.catch(() => {});
      const { url, drop } = await copied;
      return { ...databaseAt({ postgres: url }), [Symbol.asyncDispose]: drop };
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** The stores under which lives are ended. */
export const STORES: readonly [string, () => Promise<Origin>][] = [
  ["SQLite", sqliteOrigin],
  ["PostgreSQL 18", postgresOrigin],
];

/** What a life that was ended left behind. */
export interface Remains {
  readonly place: Place;
  readonly database: TestDatabase;
  /** Says where it was ended, for messages. */
  readonly why: string;
  /** Whether it got to its end. */
  readonly ended: boolean;
  /** What everybody has noted by now. */
  readonly lines: () => Promise<string[]>;
}

export interface Lives {
  /** The module that describes the life, seen from this one. */
  readonly life: string;
  /** Brings the database into the state in which each life begins; it leaves no connection open. */
  readonly prepare?: (place: Place, database: TestDatabase) => Promise<void>;
  /** What is looked at, and done, after each. */
  readonly check: (remains: Remains) => Promise<void>;
  readonly smtp?: string;
}

/** Kills one life after each of its statements in turn; answers how many there were. */
export async function killAtEach(open: () => Promise<Origin>, { life, prepare, check, smtp }: Lives): Promise<number> {
  await using dir = await tempDir();
  await using origin = await open();
  const { address } = origin.database;
  const store = openStore(address);
  await store.migrate();
  await store.close();
  await countSettles(origin.database);
  await prepare?.({ address, history: join(dir.path, "history"), smtp }, origin.database);
  await untilAlone(origin.database, "that prepared");
  // What a process that was killed left in the write-ahead log would not be in a copy of the file.
  if ("sqlite" in address) await origin.database.query("PRAGMA wal_checkpoint(TRUNCATE)");
  let statements = Infinity;
  const one = async (killAfter: number): Promise<void> => {
    await using database = await origin.copy(join(dir.path, `forge-${killAfter}.db`));
    const place: Place = { address: database.address, history: join(dir.path, `history-${killAfter}`), smtp };
    const ended = (await lifeOf(life, place, killAfter)) === "ended";
    if (ended) statements = Math.min(statements, killAfter);
    const why = ended ? "after the end" : `after statement ${killAfter}`;
    await untilAlone(database, why);
    await check({ place, database, why, ended, lines: () => linesOf(place.history) });
  };
  let next = 0;
  const series = async (): Promise<void> => {
    while (next < statements) {
      expect(next).toBeLessThan(MOST_STATEMENTS);
      await one(next++);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, series));
  return statements;
}

/** Runs one life in a process of its own: to its end, or until it kills itself. */
export async function lifeOf(life: string, place: Place, killAfter = -1): Promise<"ended" | "killed"> {
  const settings: LifeSettings = { ...place, life: new URL(life, import.meta.url).href, killAfter };
  const child = spawn(process.execPath, ["--conditions=source", MAIN, JSON.stringify(settings)], {
    stdio: ["ignore", "inherit", "inherit"],
    // Compiling the sources would take most of such a short life.
    env: { ...process.env, NODE_COMPILE_CACHE: join(dirname(place.history), "compiled") },
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (signal === "SIGKILL") return "killed";
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  return "ended";
}

/** The server may still be at the last statement of the process that was killed, and commit it. */
async function untilAlone(database: TestDatabase, why: string): Promise<void> {
  if ("sqlite" in database.address) return;
  const isAlone = async (): Promise<boolean> => {
    const [row] = await database.query(`SELECT count(*) AS n FROM pg_stat_activity
      WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`);
    return Number(row?.["n"]) === 0;
  };
  await until(isAlone, { what: `the sessions of the dead process to end ${why}`, within: 30_000 });
}

async function linesOf(history: string): Promise<string[]> {
  return (await readFile(history, "utf8").catch(() => "")).split("\n").filter(Boolean);
}

/** Lets an engine of this process work until so many jobs have ended, and none is left that has not, and stops it. */
export async function workOff(
  forge: Forge,
  { database, why }: Pick<Remains, "database" | "why">,
  least = 0,
): Promise<void> {
  await forge.start();
  try {
    const isQuiet = async (): Promise<boolean> => {
      const [row] = await database.query("SELECT count(*) AS n FROM forge_live");
      return Number(row?.["n"]) === 0 && (least === 0 || (await settleCount(database)) >= least);
    };
    await until(isQuiet, { what: `every job to end ${why}`, within: 30_000 });
  } finally {
    await forge.stop();
  }
}

/** Every job has ended once, by what a trigger saw. */
export async function expectEachSettledOnce({ database, why }: Pick<Remains, "database" | "why">): Promise<void> {
  const jobs = await database.query("SELECT id FROM forge_jobs");
  const settles = await database.query("SELECT job_id FROM test_settles");
  expect(settles.map((row) => String(row["job_id"])).toSorted(), `settles ${why}`).toEqual(
    jobs.map(({ id }) => String(id)).toSorted(),
  );
}
