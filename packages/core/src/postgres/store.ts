import type { Store } from "../store.ts";
import { createCancel } from "./cancel.ts";
import { createChildren } from "./children.ts";
import { ChangeFeed } from "./changes.ts";
import { createClaim } from "./claim.ts";
import { createCrons } from "./crons.ts";
import { Database } from "./database.ts";
import { createDeadLetters } from "./dead-letters.ts";
import { createHistory } from "./history.ts";
import { readIdentity } from "./identity.ts";
import { createInsert, createInsertClaimed } from "./insert.ts";
import { createLogs } from "./logs.ts";
import { checkSchema, migrate } from "./migrate.ts";
import { checkOptions, type PostgresStoreOptions } from "./options.ts";
import { createQueues } from "./queues.ts";
import { createRateLimits } from "./rate-limits.ts";
import { createRead } from "./read.ts";
import { createDelete } from "./removal.ts";
import { createRetain } from "./retain.ts";
import { createRetry } from "./retry.ts";
import { createSaved } from "./saved.ts";
import { createSettleIn } from "./settle-in.ts";
import { createSweeps } from "./sweeps.ts";
import { createUpdate } from "./update.ts";
import { createWorkers } from "./workers.ts";
import { createWorkflows } from "./workflows.ts";

/**
 * Makes a store on PostgreSQL 15 to 18, for any number of processes on any number of hosts.
 *
 * Takes a connection URL, or options with a URL or a `pg` pool. Nothing is connected yet: the first verb does that, and the
 * first subscriber opens one connection more, which listens. Needs the package `pg`. Works behind a transaction pooler with
 * `preparedStatements: false`; changes that other processes made are then found by polling. Throws `BAD_REQUEST` for
 * options it cannot use; an unreachable database shows as `UNAVAILABLE` at the first verb.
 */
export function postgresStore(options: string | PostgresStoreOptions): Store {
  const database = new Database(checkOptions(options));
  const changes = new ChangeFeed(database);
  return {
    capabilities: { multiHost: true, namedHints: true },
    address: database.address,
    jobs: {
      insert: createInsert(database, changes),
      insertClaimed: createInsertClaimed(database, changes),
      ...createClaim(database, changes),
      update: createUpdate(database, changes),
      settleIn: createSettleIn(database, changes),
      ...createRead(database),
      cancel: createCancel(database, changes),
      retry: createRetry(database, changes),
    },
    workers: createWorkers(database, changes),
    queues: createQueues(database, changes),
    saved: createSaved(database),
    children: createChildren(database, changes),
    sweeps: { ...createSweeps(database, changes), ...createRetain(database) },
    ended: {
      ...createDeadLetters(database, changes),
      delete: createDelete(database),
    },
    history: createHistory(database),
    logs: createLogs(database),
    rateLimits: createRateLimits(database),
    crons: createCrons(database, changes),
    workflows: createWorkflows(database, changes),
    changes,
    migrate: () => migrate(database),
    checkSchema: () => checkSchema(database),
    identity: () => readIdentity(database),
    ping: async () => {
      await database.run({ text: "SELECT 1" }, []);
    },
    close: async () => {
      await changes.close();
      await database.close();
    },
  };
}
