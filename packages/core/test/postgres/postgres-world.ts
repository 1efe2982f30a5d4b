import { randomUUID } from "node:crypto";
import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { createDatabase } from "../../../../test/support/database.ts";
import { postgresStore, type PostgresStoreOptions } from "../../src/postgres/index.ts";
import type { ClaimedJob, NewJob, RunUpdate, Store } from "../../src/store.ts";

/** A migrated database that no other test has. */
export interface PostgresWorld {
  readonly url: string;
  readonly store: Store;
  /** Another store on the same database, as another process has one; closed with the world. */
  open(options?: Omit<PostgresStoreOptions, "url">): Store;
  /** A pool of connections to the database; closed with the world. */
  openPool(config?: pg.PoolConfig): pg.Pool;
  sql<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openWorld(
  server: string,
  options: Omit<PostgresStoreOptions, "url"> = {},
): Promise<PostgresWorld> {
  const { url, drop } = await createDatabase(server);
  const stores: Store[] = [];
  const pools: pg.Pool[] = [];
  const openPool = (config: pg.PoolConfig = {}): pg.Pool => {
    const pool = new pg.Pool({ connectionString: url, ...config });
    pool.on("error", () => {});
    pools.push(pool);
    return pool;
  };
  const open = (more: Omit<PostgresStoreOptions, "url"> = {}): Store => {
    const all = { ...options, ...more };
    const store = postgresStore(all.pool === undefined ? { url, ...all } : all);
    stores.push(store);
    return store;
  };
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  const store = open();
  await store.migrate();
  return {
    url,
    store,
    open,
    openPool,
    sql: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
      (await client.query<Row>(text, [...values])).rows,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(stores.map((one) => one.close()));
      await Promise.all([client.end(), ...pools.map((pool) => pool.end())]);
      await drop();
    },
  };
}

export function newJob(overrides: Partial<NewJob> = {}): NewJob {
  return {
    id: uuidv7(),
    type: "t",
    queue: "default",
    priority: "normal",
    input: "{}",
    owner: null,
    maxAttempts: 3,
    due: { delayMs: 0 },
    overrides: null,
    keys: [],
    ...overrides,
  };
}

export const newJobs = (count: number, overrides: Partial<NewJob> = {}): NewJob[] =>
  Array.from({ length: count }, () => newJob(overrides));

export async function registerWorker(store: Store): Promise<string> {
  const workerId = randomUUID();
  const process = { host: "h", bootId: "b", pidNamespace: "p", pid: 1, processStart: "s" };
  await store.workers.register({ workerId, leaseMs: 3_600_000, process });
  return workerId;
}

export async function claim(store: Store, workerId: string, limit = 100): Promise<ClaimedJob[]> {
  return store.jobs.claim({ workerId, queue: "default", types: ["t"], limit, oldestFirst: false });
}

export function runUpdate(run: { id: string; claimNo: number }, says: Partial<RunUpdate> = {}): RunUpdate {
  const nothing = { started: false, progress: undefined, message: undefined, outcome: null };
  return { ...nothing, ...says, id: run.id, claimNo: run.claimNo };
}

export const COMPLETED: Partial<RunUpdate> = { started: true, outcome: { kind: "completed", output: '{"n":1}' } };

/** What listeners hear of one store, in order. */
export interface Heard {
  readonly words: string[];
  readonly unsubscribe: () => void;
}

export function listen(store: Store): Heard {
  const words: string[] = [];
  const unsubscribe = store.changes.subscribe({
    onAvailable: (queues) => void words.push(`available ${queues === "any" ? "any" : queues.join()}`),
    onMoved: (hints, origin) => {
      if (hints === "any") words.push("moved any");
      else for (const { id, revision } of hints) words.push(`${origin} moved ${id} ${revision}`);
    },
    onLive: (live) => void words.push(live ? "live" : "not live"),
  });
  return { words, unsubscribe };
}
