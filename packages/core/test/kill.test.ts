import { createForge, defineJob, type Forge } from "@forge-jobs/core";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { startPostgres } from "../../../test/support/postgres.ts";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { until } from "../../../test/support/until.ts";
import { effectsOf, startWorker, type WorkerSettings } from "./support/processes.ts";
import { countSettles, expectAllOnce, settleCount } from "./support/settles.ts";
import { type Address, openStore, postgresDatabase, sqliteDatabase, type TestDatabase } from "./support/stores.ts";

const JOBS = 200;
const LEASE_MS = 2_000;
const SWEEP_MS = LEASE_MS / 3;
const work = defineJob("work", { run: () => {} });

/** A dispatcher in this process, which runs nothing itself. */
async function dispatcher(address: Address): Promise<Forge & AsyncDisposable> {
  const forge = createForge({
    store: openStore(address),
    jobs: [work],
    worker: false,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  });
  await forge.start();
  return { ...forge, [Symbol.asyncDispose]: () => forge.stop() };
}

const dispatchAll = (forge: Forge): Promise<string[]> =>
  forge.dispatchMany(
    work,
    Array.from({ length: JOBS }, (_, n) => ({ n })),
  );

const settled = (database: TestDatabase) => async (): Promise<boolean> => (await settleCount(database)) >= JOBS;

const databases: [string, () => Promise<TestDatabase>][] = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 15", () => postgresDatabase(inject("postgres")[15])],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
];

describe.each(databases)("%s", (_, open) => {
  async function world() {
    const database = await open();
    const dir = await tempDir();
    const settings: WorkerSettings = {
      address: database.address,
      effects: join(dir.path, "effects"),
      workMs: 25,
      lease: `${LEASE_MS}ms`,
      slots: 10,
    };
    const forge = await dispatcher(database.address);
    await countSettles(database);
    return {
      database,
      forge,
      settings,
      [Symbol.asyncDispose]: async () => {
        await forge[Symbol.asyncDispose]();
        await database[Symbol.asyncDispose]();
        await dir.remove();
      },
    };
  }
  const someRan = (settings: WorkerSettings, jobs: number) => async (): Promise<boolean> =>
    (await effectsOf(settings.effects)).size >= jobs;

  test(
    "a worker is killed in the middle of 200 jobs: another finishes all of them within a lease and a sweep",
    { timeout: 60_000 },
    async () => {
      await using here = await world();
      await using victim = await startWorker(here.settings);
      const ids = await dispatchAll(here.forge);
      await until(someRan(here.settings, 40), { what: "the victim to be in the middle", every: 5 });
      await victim.signal("SIGKILL");
      const killedAt = performance.now();
      await using survivor = await startWorker(here.settings);
      const startedAt = performance.now();
      await until(settled(here.database), { what: "all jobs to settle", within: 30_000 });
      const workMs = (JOBS / here.settings.slots) * here.settings.workMs;
      // The bound is a promise about the product, not about this machine: the work itself and the process's start are
      // added, and a second for a busy neighbour.
      expect(performance.now() - Math.max(killedAt, startedAt)).toBeLessThan(LEASE_MS + SWEEP_MS + workMs * 2 + 1_000);
      await expectAllOnce(here.database, here.settings.effects, ids);
      await survivor.signal("SIGTERM");
    },
  );

  test(
    "a worker that is stopped past its lease changes nothing when it wakes: each job settles once",
    { timeout: 60_000 },
    async () => {
      await using here = await world();
      await using sleeper = await startWorker(here.settings);
      await using survivor = await startWorker(here.settings);
      const ids = await dispatchAll(here.forge);
      await until(someRan(here.settings, 40), { what: "both to be in the middle", every: 5 });
      await sleeper.signal("SIGSTOP");
      await until(settled(here.database), { what: "the other to finish everything", within: 30_000 });
      await sleeper.signal("SIGCONT");
      const more = await dispatchAll(here.forge);
      await until(async () => (await effectsOf(here.settings.effects)).size >= 2 * JOBS, {
        what: "the new jobs to run",
        within: 30_000,
      });
      await until(async () => (await here.database.query("SELECT 1 FROM test_settles")).length >= 2 * JOBS, {
        what: "the new jobs to settle",
        within: 30_000,
      });
      await expectAllOnce(here.database, here.settings.effects, [...ids, ...more]);
      await survivor.signal("SIGTERM");
      await sleeper.signal("SIGTERM");
    },
  );
});

test("PostgreSQL is restarted under load, twice: every job runs, and settles once", { timeout: 90_000 }, async () => {
  const server = await startPostgres(18);
  try {
    await using database = await postgresDatabase(server.url);
    await using dir = await tempDir();
    const settings: WorkerSettings = {
      address: database.address,
      effects: join(dir.path, "effects"),
      workMs: 25,
      lease: `${LEASE_MS}ms`,
      slots: 10,
    };
    await using forge = await dispatcher(database.address);
    await countSettles(database);
    await using first = await startWorker(settings);
    await using second = await startWorker(settings);
    const ids = await dispatchAll(forge);
    for (const part of [30, 90]) {
      await until(async () => (await effectsOf(settings.effects)).size >= part, {
        what: `${part} jobs to have run`,
        every: 5,
        within: 30_000,
      });
      await server.restart();
    }
    await until(settled(database), { what: "all jobs to settle", within: 40_000 });
    await expectAllOnce(database, settings.effects, ids);
    await first.signal("SIGTERM");
    await second.signal("SIGTERM");
  } finally {
    await server.stop();
  }
});
