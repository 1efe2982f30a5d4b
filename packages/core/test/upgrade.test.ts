import { createForge, defineJob, type Forge, type Store } from "@forge-jobs/core";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { until } from "../../../test/support/until.ts";
import { release1 } from "./fixtures/release-1/release-1.ts";
import { effectsOf, startWorker, type WorkerSettings } from "./support/processes.ts";
import { countSettles, expectAllOnce, untilSettled } from "./support/settles.ts";
import {
  openStore,
  openStoreOfRelease1,
  postgresDatabase,
  sqliteDatabase,
  type TestDatabase,
} from "./support/stores.ts";
import { silent } from "./support/world.ts";

const PART = 100;

/** Dispatches a part of the work with one of the two engines. */
type Dispatch = () => Promise<string[]>;

async function dispatcher(
  { createForge: create, defineJob: define }: { createForge: typeof createForge; defineJob: typeof defineJob },
  store: Store,
): Promise<{ forge: Forge; dispatch: Dispatch }> {
  const work = define("work", { run: () => {} });
  const forge = create({ store, jobs: [work], worker: false, logger: silent });
  await forge.start();
  const inputs = Array.from({ length: PART }, () => ({}));
  return { forge, dispatch: () => forge.dispatchMany(work, inputs) };
}

const databases: [string, () => Promise<TestDatabase>][] = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 15", () => postgresDatabase(inject("postgres")[15])],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
];

describe.each(databases)("%s", (_, open) => {
  test(
    "a worker of schema 1 works on while the schema is migrated under it, beside a new one, and after a restart",
    { timeout: 120_000 },
    async () => {
      await using database = await open();
      await using dir = await tempDir();
      const effects = join(dir.path, "effects");
      const settings: WorkerSettings = { address: database.address, effects, workMs: 20, lease: "2s", slots: 5 };
      const before = await dispatcher(release1, openStoreOfRelease1(database.address));
      await countSettles(database);
      const ran = async (jobs: number): Promise<void> =>
        void (await until(async () => (await effectsOf(effects)).size >= jobs, {
          what: `${jobs} jobs to have run`,
          every: 5,
          within: 40_000,
        }));
      await using old = await startWorker({ ...settings, release1: true });
      const ids = await before.dispatch();
      await ran(PART / 4);
      const after = await dispatcher({ createForge, defineJob }, openStore(database.address));
      await ran(PART / 2);

      await using young = await startWorker(settings);
      ids.push(...(await after.dispatch()), ...(await before.dispatch()));
      await ran(2 * PART);
      await old.signal("SIGKILL");
      await untilSettled(database, 3 * PART);

      await using again = await startWorker({ ...settings, release1: true });
      ids.push(...(await before.dispatch()), ...(await after.dispatch()));
      await ran(3 * PART + PART / 4);
      await young.signal("SIGKILL");
      await untilSettled(database, 5 * PART);
      await expectAllOnce(database, effects, ids);
      for (const engine of [before, after]) {
        expect((await engine.forge.jobs.list({ status: "completed", limit: 1 })).jobs).toHaveLength(1);
        await engine.forge.stop();
      }
      await again.signal("SIGTERM");
    },
  );
});
