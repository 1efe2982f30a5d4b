import type { TestProject } from "vitest/node";
import { startPostgres, type Postgres } from "./postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** URL of the run's server of each PostgreSQL version. Make a database on it, and leave the rest alone. */
    postgres: Record<15 | 18, string>;
  }
}

interface Shared {
  users: number;
  readonly servers: Promise<Record<15 | 18, Postgres>>;
}

// Every project that names this file loads a copy of it; the servers belong to the run, so they hang on the process.
const slot = Symbol.for("forge.test.postgres");
const registry = globalThis as { [slot]?: Shared };

/** Starts one server per PostgreSQL version for the whole run and gives tests their URLs as `inject("postgres")`. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = (registry[slot] ??= { users: 0, servers: startServers() });
  shared.users++;
  const servers = await shared.servers;
  project.provide("postgres", { 15: servers[15].url, 18: servers[18].url });
  return async () => {
    shared.users--;
    if (shared.users > 0) return;
    delete registry[slot];
    await Promise.all([servers[15].stop(), servers[18].stop()]);
  };
}

async function startServers(): Promise<Record<15 | 18, Postgres>> {
  // A killed server loses nothing without fsync, only a killed machine does.
  const settings = { fsync: "off", full_page_writes: "off", max_connections: 300 };
  const [fifteen, eighteen] = await Promise.all([startPostgres(15, { settings }), startPostgres(18, { settings })]);
  return { 15: fifteen, 18: eighteen };
}
