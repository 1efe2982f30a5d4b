import type { Logger } from "@forge-jobs/core";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DemoServer, startDemoServer } from "../../src/demo-server.ts";
import type { Settings } from "../../src/settings.ts";
import { type Browser, openBrowser } from "./browser.ts";
import { type DatabaseName, type TestDatabase, testDatabase } from "./databases.ts";

/** A demo server on a database of its own, and a browser at its page. */
export interface World extends AsyncDisposable {
  readonly server: DemoServer;
  readonly database: TestDatabase;
  readonly browser: Browser;
  /** Another browser, with another principal. */
  readonly anotherBrowser: () => Promise<Browser>;
}

export interface WorldOptions {
  /** Default 2,500: three pages. */
  readonly users?: number;
  /** The least that 1,000 rows take. Default 0. */
  readonly paceMs?: number;
}

// Runs that fail here do so on purpose.
export const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export async function startWorld(name: DatabaseName, { users = 2_500, paceMs = 0 }: WorldOptions = {}): Promise<World> {
  const database = await testDatabase(name);
  const server = await startDemoServer(await settingsFor(database, paceMs), { users, logger: silent });
  return {
    server,
    database,
    browser: await openBrowser(server.url),
    anotherBrowser: () => openBrowser(server.url),
    async [Symbol.asyncDispose]() {
      await server.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Settings for a server on that database, with pages that say nothing. */
export async function settingsFor(database: TestDatabase, paceMs = 0): Promise<Settings> {
  const pages = { svelte: join(database.dataDir, "pages/svelte"), react: join(database.dataDir, "pages/react") };
  for (const [framework, folder] of Object.entries(pages)) {
    await mkdir(join(folder, "assets"), { recursive: true });
    await writeFile(join(folder, "index.html"), `<!doctype html><title>${framework}</title>`);
    await writeFile(join(folder, "assets/index-abc.js"), "export {};");
  }
  return {
    host: "127.0.0.1",
    port: 0,
    postgresUrl: database.postgresUrl,
    dataDir: database.dataDir,
    pages,
    paceMs,
  };
}
