import { ForgeError } from "../errors.ts";
import type { StoreIdentity } from "../store.ts";
import type { Database } from "./database.ts";

/**
 * Reads who the database is. The epoch is made of what a copy of the data directory keeps (the stored id), what another
 * cluster has not (its system identifier) and what a failover or a recovery in time changes (the timeline).
 */
export async function readIdentity(database: Database): Promise<StoreIdentity> {
  const facts = await database.run<[name: string, value: string]>(
    { text: `SELECT name, value FROM ${database.tables.meta} WHERE name IN ('id', 'secret')` },
    [],
  );
  const { id, secret } = Object.fromEntries(facts) as { id?: string; secret?: string };
  if (id === undefined || secret === undefined) {
    throw new ForgeError(
      "UNAVAILABLE",
      `The tables at ${database.address} hold no identity; start an engine without \`migrate: false\`, which migrates them.`,
    );
  }
  const cluster = await readCluster(database);
  return { epoch: [...cluster, id].join("."), secret };
}

/** Hosted databases may keep these functions to themselves; the stored id has to do then. */
async function readCluster(database: Database): Promise<string[]> {
  const [allowed] = await database.run<[boolean, boolean]>(
    {
      text: `SELECT has_function_privilege('pg_control_system()', 'execute'),
        has_function_privilege('pg_walfile_name(pg_lsn)', 'execute') AND NOT pg_is_in_recovery()`,
    },
    [],
  );
  const parts: string[] = [];
  for (const [isAllowed, text] of [
    [allowed?.[0], "SELECT system_identifier::text FROM pg_control_system()"],
    [allowed?.[1], "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)"],
  ] as const) {
    const [row] = isAllowed === true ? await database.run<[string]>({ text }, []) : [];
    if (row !== undefined) parts.push(row[0]);
  }
  return parts;
}
