import { createForge, defineJob, type Forge, type Store } from "@forge-jobs/core";
import { postgresStore } from "@forge-jobs/core/postgres";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { createDatabase } from "../../../test/support/database.ts";
import { type Contender, inputs, type Session, StartCount } from "./contender.ts";
import { POOL_SIZE } from "./settings.ts";

/** Forge on PostgreSQL, over a pool of the size that its peers get. */
export function forgeOnPostgres(serverUrl: string): ForgeContender {
  return {
    name: "forge (PostgreSQL)",
    open: async ({ url } = {}) => {
      const database = url === undefined ? await createDatabase(serverUrl) : { url, drop: async () => {} };
      const pools: pg.Pool[] = [];
      const openStore = (): Store => {
        const pool = new pg.Pool({ connectionString: database.url, max: POOL_SIZE });
        // The database goes before the last connections have said goodbye.
        pool.on("error", () => {});
        pools.push(pool);
        return postgresStore({ pool });
      };
      return session(openStore, async () => {
        await Promise.all(pools.map((pool) => pool.end()));
        await database.drop();
      });
    },
  };
}

/** Forge on a SQLite file, with the defaults of its store: WAL and synchronous=FULL. */
export function forgeOnSqlite(): ForgeContender {
  return {
    name: "forge (SQLite)",
    open: async () => {
      const dir = await mkdtemp(join(tmpdir(), "forge-bench-"));
      return session(
        () => sqliteStore(join(dir, "forge.db")),
        () => rm(dir, { recursive: true, force: true }),
      );
    },
  };
}

/** A session of Forge's, in which a worker may also stay. */
interface ForgeSession extends Session {
  /** Starts a worker; the answer dispatches jobs and resolves with the milliseconds until the last of them has started. */
  stay(concurrency: number): Promise<(jobs: number, batch: number) => Promise<number>>;
}

/** Forge as a contender. */
interface ForgeContender extends Contender {
  open(options?: { readonly url?: string }): Promise<ForgeSession>;
}

async function session(openStore: () => Store, dispose: () => Promise<void>): Promise<ForgeSession> {
  let onStart: (n: number) => void = () => {};
  const noop = defineJob("noop", { run: (_ctx, input: { n: number }) => onStart(input.n) });
  const open = async (concurrency: number | null): Promise<Forge> => {
    const worker = concurrency === null ? (false as const) : { queues: { default: concurrency } };
    const forge = createForge({ store: openStore(), jobs: [noop], worker });
    await forge.start();
    return forge;
  };
  const dispatcher = await open(null);
  const workers: Forge[] = [];
  return {
    dispatch: async (jobs, batch, inputBytes = 0) => {
      for (let from = 0; from < jobs; from += batch)
        await dispatcher.dispatchMany(noop, inputs(from, batch, inputBytes));
    },
    drain: async (jobs, concurrency) => {
      const count = new StartCount(jobs);
      onStart = count.onStart;
      const forge = await open(concurrency);
      await count.done;
      await forge.stop();
      return performance.now() - count.from;
    },
    stay: async (concurrency) => {
      workers.push(await open(concurrency));
      return async (jobs, batch) => {
        const count = new StartCount(jobs);
        onStart = count.onStart;
        const from = performance.now();
        for (let sent = 0; sent < jobs; sent += batch) await dispatcher.dispatchMany(noop, inputs(sent, batch, 0));
        await count.done;
        return performance.now() - from;
      };
    },
    pickup: async () => {
      const forge = await open(1);
      workers.push(forge);
      return async () => {
        const started = Promise.withResolvers<number>();
        onStart = () => started.resolve(performance.now());
        const from = performance.now();
        await forge.dispatch(noop, { n: 0 });
        return (await started.promise) - from;
      };
    },
    close: async () => {
      await Promise.all(workers.map((forge) => forge.stop()));
      await dispatcher.stop();
      await dispose();
    },
  };
}
