import { createForge, type Forge, type ForgeOptions, type Store } from "@forge-jobs/core";
import { inject } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { expectSameReplays } from "./replays.ts";
import { openStore, postgresDatabase, sqliteDatabase, type TestDatabase } from "./stores.ts";
import { type LogLine, recordingLogger } from "./world.ts";

/** Where runs of workflows are tested: one database, and one process after the other on it. */
export interface RunsWorld extends AsyncDisposable {
  /** The process that works now. */
  readonly forge: Forge;
  readonly database: TestDatabase;
  readonly logs: LogLine[];
  /** Moves the store's clock ahead. */
  readonly clock: { offsetMs: number };
  /** Ends the process that works now and starts one with these definitions in its place. */
  readonly restart: (options?: Partial<RunsOptions>) => Promise<void>;
  /** Waits until a run sleeps. */
  readonly untilWaiting: (id: string, waitingFor?: string) => Promise<void>;
}

interface RunsOptions extends Omit<ForgeOptions, "store" | "logger"> {
  /** Looks at every verb that the engine asks of its store. */
  watch: (store: Store) => Store;
  /** Whether every run that ended is replayed in the end, which must give the same history. Default true. */
  replays: boolean;
}

export const DATABASES: Readonly<Record<string, () => Promise<TestDatabase>>> = {
  SQLite: sqliteDatabase,
  PostgreSQL: () => postgresDatabase(inject("postgres")[18]),
};

export async function openRuns(opened: Promise<TestDatabase>, options: Partial<RunsOptions> = {}): Promise<RunsWorld> {
  const database = await opened;
  const logs: LogLine[] = [];
  const clock = { offsetMs: 0 };
  let workflows = options.workflows ?? [];
  const begin = async (more: Partial<RunsOptions>): Promise<Forge> => {
    const { watch = (store: Store) => store, replays: _, ...others } = { ...options, ...more };
    workflows = others.workflows ?? [];
    const store = watch(openStore(database.address, clock));
    const forge = createForge({ jobs: [], ...others, store, logger: recordingLogger(logs) });
    await forge.start();
    return forge;
  };
  let forge = await begin({});
  return {
    get forge() {
      return forge;
    },
    database,
    logs,
    clock,
    restart: async (more = {}) => {
      await forge.stop({ timeout: "0ms" });
      forge = await begin(more);
    },
    untilWaiting: async (id, waitingFor) => {
      const waits = async (): Promise<boolean> => {
        const run = await forge.workflows.get(id);
        return run?.status === "waiting" && (waitingFor === undefined || run.waitingFor === waitingFor);
      };
      await until(waits, { what: `the run to wait for ${waitingFor ?? "something"}` });
    },
    [Symbol.asyncDispose]: async () => {
      await forge.stop({ timeout: "0ms" });
      if (options.replays !== false) {
        const runs = await database.query("SELECT id FROM forge_jobs WHERE kind = 'workflow'");
        const store = openStore(database.address, clock);
        const ids = runs.map(({ id }) => String(id));
        try {
          await expectSameReplays(store, ids, workflows);
        } finally {
          await store.close();
        }
      }
      await database[Symbol.asyncDispose]();
    },
  };
}
