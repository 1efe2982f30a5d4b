import { createForge, type CronContext, type CronDefinition, type CronOptions, defineCron } from "@forge-jobs/core";
import type { Forge, ForgeOptions, Store } from "@forge-jobs/core";
import { inject } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { postgresStore } from "../../src/postgres/index.ts";
import { sqliteStore } from "../../src/sqlite/index.ts";
import { postgresDatabase, sqliteDatabase, type TestDatabase } from "../support/stores.ts";
import { type LogLine, recordingLogger } from "../support/world.ts";

export const HOUR_MS = 3_600_000;

/** The databases on which crons are shown. */
export const DATABASES: readonly [string, () => Promise<TestDatabase>][] = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
];

export interface CronWorld {
  readonly database: TestDatabase;
  /** What the engines' own stores see too. */
  readonly clock: { offsetMs: number };
  readonly logs: LogLine[];
  /** A store beside the engines, to look at rows. */
  readonly store: Store;
  readonly openStore: () => Store;
  /** Makes an engine of its own on the database, as another process has one, and starts it. */
  readonly start: (options?: Partial<Omit<ForgeOptions, "store">>) => Promise<Forge>;
  /** Moves the clock to so many milliseconds after the begin of the next hour; answers that begin. */
  readonly toNextHour: (andMs?: number) => number;
  /** Waits until all ticks of the cron up to an instant are decided. */
  readonly decided: (until: number, name?: string) => Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function cronWorld(open: () => Promise<TestDatabase>): Promise<CronWorld> {
  const database = await open();
  const clock = { offsetMs: 0 };
  const logs: LogLine[] = [];
  const forges: Forge[] = [];
  const stores: Store[] = [];
  const make = (): Store =>
    "sqlite" in database.address
      ? sqliteStore(database.address.sqlite, { clock })
      : postgresStore({ url: database.address.postgres, clock });
  const openStore = (): Store => {
    const store = make();
    stores.push(store);
    return store;
  };
  const store = openStore();
  await store.migrate();
  return {
    database,
    clock,
    logs,
    store,
    openStore,
    start: async (options = {}) => {
      const forge = createForge({ jobs: [], logger: recordingLogger(logs), ...options, store: make() });
      forges.push(forge);
      await forge.start();
      return forge;
    },
    toNextHour: (andMs = 0) => {
      const now = Date.now() + clock.offsetMs;
      const hour = now - (now % HOUR_MS) + HOUR_MS;
      clock.offsetMs += hour - now + andMs;
      return hour;
    },
    decided: async (instant, name = "hourly") => {
      const isDecided = async (): Promise<boolean> => {
        const [row] = (await store.crons.read({ names: [name] })).crons;
        return row !== undefined && row.lastTick >= instant;
      };
      await until(isDecided, { what: `the ticks of ${name} to be decided` });
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(forges.map((forge) => forge.stop({ timeout: "0ms" })));
      await Promise.all(stores.map((one) => one.close()));
      await database[Symbol.asyncDispose]();
    },
  };
}

export interface SeenRun {
  readonly scheduledTime: number;
  readonly isCatchUp: boolean;
  readonly runId: string;
  readonly jobId: string;
  readonly attempt: number;
}

/** An hourly cron that writes its runs down. */
export function hourly({
  expression = "0 * * * *",
  run,
  ...options
}: Partial<CronOptions> & { expression?: string } = {}): {
  cron: CronDefinition;
  runs: SeenRun[];
} {
  const runs: SeenRun[] = [];
  const cron = defineCron(expression, {
    name: "hourly",
    ...options,
    run: (ctx: CronContext) => {
      const { scheduledTime, isCatchUp, runId, jobId, attempt } = ctx;
      runs.push({ scheduledTime: scheduledTime.getTime(), isCatchUp, runId, jobId, attempt });
      return run?.(ctx);
    },
  });
  return { cron, runs };
}
