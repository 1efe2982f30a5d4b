import type { Store, StoreClock } from "@forge-jobs/core";
import { postgresStore } from "@forge-jobs/core/postgres";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { join } from "node:path";
import type { DemoData, DemoDataOptions } from "./data/demo-data.ts";
import { openPostgresData } from "./data/postgres.ts";
import { openSqliteData } from "./data/sqlite.ts";
import type { Settings } from "./settings.ts";

/** One database, for Forge and for the demo's own tables. */
export interface DemoDatabase {
  /** Names it for people, without its password. */
  readonly label: string;
  readonly store: Store;
  openData(options: DemoDataOptions): Promise<DemoData>;
}

/** Chooses the database by the settings; nothing is opened yet. Forge goes by `clock`. */
export function demoDatabase(
  { postgresUrl, dataDir }: Pick<Settings, "postgresUrl" | "dataDir">,
  clock: StoreClock,
): DemoDatabase {
  if (postgresUrl === null) {
    const file = join(dataDir, "demo.db");
    return {
      label: `SQLite, ${file}`,
      store: sqliteStore(file, { clock }),
      openData: (options) => openSqliteData(file, options),
    };
  }
  const { hostname, port, pathname } = new URL(postgresUrl);
  return {
    label: `PostgreSQL, ${hostname}:${port || 5432}${pathname}`,
    store: postgresStore({ url: postgresUrl, clock }),
    openData: (options) => openPostgresData(postgresUrl, options),
  };
}
