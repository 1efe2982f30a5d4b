import { createForge, defineJob, type Forge, ForgeError } from "@forge-jobs/core";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { describe, expect, inject, test } from "vitest";
import { startPostgres } from "../../../test/support/postgres.ts";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { until } from "../../../test/support/until.ts";
import { Random } from "../conformance/random.ts";
import { effectsOf, startWorker, type WorkerSettings, type WorkInput } from "./support/processes.ts";
import { countSettles, expectAllOnce, untilSettled } from "./support/settles.ts";
import { openStore, postgresDatabase, sqliteDatabase, type TestDatabase } from "./support/stores.ts";
import { silent } from "./support/world.ts";

const LEASE_MS = 2_000;
const SEED = Number(process.env["CHAOS_SEED"] ?? Date.now() % 1_000_000);
/** More for a long soak. */
const ROUNDS = Number(process.env["CHAOS_ROUNDS"] ?? 5);

const work = defineJob("work", { run: (ctx, input: WorkInput) => void [ctx, input] });

interface Chaos extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly forge: Forge;
  readonly settings: WorkerSettings;
  /** Waits until so many jobs have begun, by what handlers wrote outside the database. */
  readonly begun: (jobs: number) => Promise<void>;
  readonly dispatch: (jobs: number, input?: WorkInput) => Promise<string[]>;
}

async function openChaos(database: TestDatabase): Promise<Chaos> {
  const dir = await tempDir();
  const effects = join(dir.path, "effects");
  const forge = createForge({ store: openStore(database.address), jobs: [work], worker: false, logger: silent });
  await forge.start();
  await countSettles(database);
  return {
    database,
    forge,
    settings: { address: database.address, effects, workMs: 20, lease: `${LEASE_MS}ms`, slots: 10 },
    begun: async (jobs) => {
      const enough = async (): Promise<boolean> => (await effectsOf(effects)).size >= jobs;
      await until(enough, { what: `${jobs} jobs to begin`, every: 5, within: 40_000 });
    },
    dispatch: (jobs, input = {}) =>
      forge.dispatchMany(
        work,
        Array.from({ length: jobs }, () => input),
      ),
    [Symbol.asyncDispose]: async () => {
      await forge.stop();
      await database[Symbol.asyncDispose]();
      await dir.remove();
    },
  };
}

const databases: [string, () => Promise<TestDatabase>][] = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
];

describe.each(databases)("%s", (_, open) => {
  test(
    `workers are killed at random (seed ${SEED}), again and again`,
    { timeout: 60_000 + ROUNDS * 20_000 },
    async () => {
      const random = new Random(SEED);
      await using chaos = await openChaos(await open());
      const { settings, database } = chaos;
      const workers = [await startWorker(settings), await startWorker(settings)];
      try {
        const ids: string[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          ids.push(...(await chaos.dispatch(60)));
          // Real time is meant: the kill falls anywhere into the work.
          await sleep(random.next() * 200);
          const at = random.pick([0, 1]);
          await workers[at]!.signal("SIGKILL");
          workers[at] = await startWorker(settings);
          // The same job is hit once, or it would be taken for the cause.
          await untilSettled(database, ids.length);
        }
        await expectAllOnce(database, settings.effects, ids);
      } finally {
        await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
      }
    },
  );

  test("a handler blocks its process for longer than the lease", { timeout: 60_000 }, async () => {
    await using chaos = await openChaos(await open());
    const { settings, database } = chaos;
    await using first = await startWorker(settings);
    await using second = await startWorker(settings);
    const ids = await chaos.dispatch(100);
    await chaos.begun(20);
    ids.push(...(await chaos.dispatch(1, { blocksMs: 1.5 * LEASE_MS })), ...(await chaos.dispatch(100)));
    await untilSettled(database, ids.length);
    await chaos.begun(ids.length);
    // Long enough for the one that was blocked to say what it has to say, and be refused.
    ids.push(...(await chaos.dispatch(50)));
    await untilSettled(database, ids.length);
    for (const worker of [first, second]) await worker.signal("SIGTERM");
    await expectAllOnce(database, settings.effects, ids);
  });
});

test("PostgreSQL's connections are terminated in a storm, under dispatches and work", { timeout: 90_000 }, async () => {
  await using chaos = await openChaos(await postgresDatabase(inject("postgres")[18]));
  const { settings, database, forge } = chaos;
  const storm = await openStorm(inject("postgres")[18], database);
  await using first = await startWorker(settings);
  await using second = await startWorker(settings);
  const ids = await chaos.dispatch(200);
  await chaos.begun(20);
  const deadline = performance.now() + ROUNDS * 800;
  const blowing = (async (): Promise<number> => {
    let gusts = 0;
    for (; performance.now() < deadline; gusts++) {
      await storm.gust();
      // Real time is meant: connections live for as long as this, and no longer.
      await sleep(80);
    }
    return gusts;
  })();
  // A dispatch whose answer was lost is repeated with its key, and finds its own job or makes it.
  for (let n = 0; performance.now() < deadline; n++) {
    const dispatch = (): Promise<string> => forge.dispatch(work, {}, { idempotencyKey: `storm ${n}` });
    const id = await until(
      () =>
        dispatch().catch((error: unknown) => {
          if (error instanceof ForgeError && error.code === "UNAVAILABLE") return null;
          throw error;
        }),
      { what: "a dispatch to be answered", within: 20_000 },
    );
    ids.push(id);
  }
  expect(await blowing).toBeGreaterThan(5);
  await storm.close();
  // The key of a job that has ended is free: a repeated dispatch may have made another one, of which nobody knows.
  const all = await database.query("SELECT id FROM forge_jobs");
  const known = new Set(all.map(({ id }) => String(id)));
  for (const id of ids) expect(known).toContain(id);
  await untilSettled(database, known.size);
  for (const worker of [first, second]) await worker.signal("SIGTERM");
  await expectAllOnce(database, settings.effects, [...known]);
});

interface Storm {
  /** Ends every connection of the database. */
  readonly gust: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Blows from another database, so as not to end itself. */
async function openStorm(server: string, { address }: TestDatabase): Promise<Storm> {
  const name = "postgres" in address ? new URL(address.postgres).pathname.slice(1) : "";
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  return {
    gust: async () => {
      await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
    },
    close: () => client.end(),
  };
}

test("PostgreSQL crashes under load and stays away for longer than the lease", { timeout: 90_000 }, async () => {
  await using server = await startPostgres(18);
  await using chaos = await openChaos(await postgresDatabase(server.url));
  const { settings, database } = chaos;
  await using first = await startWorker(settings);
  await using second = await startWorker(settings);
  const ids = await chaos.dispatch(200);
  await chaos.begun(60);
  await server.shutdown("immediate");
  // Real time is meant: the lease runs out while nobody can renew it.
  await sleep(1.5 * LEASE_MS);
  await server.start();
  await untilSettled(database, ids.length);
  for (const worker of [first, second]) await worker.signal("SIGTERM");
  await expectAllOnce(database, settings.effects, ids);
});
