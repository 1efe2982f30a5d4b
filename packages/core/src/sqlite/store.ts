import { ForgeError } from "../errors.ts";
import { refuseUnknownOptions } from "../options.ts";
import type { Store, StoreClock } from "../store.ts";
import { patiently } from "./back-off.ts";
import { CallerTransactions } from "./caller-transaction.ts";
import { cancel } from "./cancel.ts";
import { SqliteChanges } from "./changes.ts";
import { childrenAmong, dispatchChildren, readProgress, setWaiting } from "./children.ts";
import { claim, nextDue } from "./claim.ts";
import { KeyTurns } from "./keyed-claim.ts";
import { Connection } from "./connection.ts";
import { deleteJobs } from "./delete.ts";
import { discard } from "./discard.ts";
import { findDead } from "./find-dead.ts";
import { readHistory } from "./history.ts";
import { pause, readCrons, register as registerCrons, resume, seen } from "./crons.ts";
import { insert, insertClaimed } from "./insert.ts";
import { readLogs, writeLogs } from "./logs.ts";
import { listRuns } from "./list-runs.ts";
import { listDeadLetters, listJobs, type Read } from "./list.ts";
import { checkSchema, migrate, readIdentity } from "./migrate.ts";
import { queueSettings, readOrders } from "./orders.ts";
import { changeQueue, queueDepths, waitingLanes } from "./queues.ts";
import { readJobs, readStates } from "./read.ts";
import { acquireTokens, configureRateLimit, drainRateLimit, listRateLimits } from "./rate-limits.ts";
import { rescue } from "./rescue.ts";
import { deletionNotes, expired, lead, resign, retain } from "./retain.ts";
import { retry } from "./retry.ts";
import { skip, turn } from "./run-acts.ts";
import { readSaved, writeSaved } from "./saved.ts";
import { signal } from "./signals.ts";
import { toForgeError } from "./sqlite-error.ts";
import type { Statements } from "./statements.ts";
import { settleIn } from "./settle-in.ts";
import { record } from "./steps.ts";
import { StoreTime } from "./store-time.ts";
import { deadLetter, expiredKeys, ratePlaces, unkeyed } from "./sweeps.ts";
import { advance, trigger } from "./ticks.ts";
import { update } from "./update.ts";
import { Upkeep } from "./upkeep.ts";
import { beat, drain, heed, listWorkers, register, retire, runningCounts } from "./workers.ts";
import { block, load, readRunRecords, readRunStates, undo } from "./workflows.ts";
import { WriteQueue, type WriteTx, type WriteVerb } from "./write-queue.ts";

/** Options of `sqliteStore`. */
export interface SqliteStoreOptions {
  /** Moves the store's time, for tests. Default: the host's clock as it is. */
  clock?: StoreClock;
}

/**
 * A store in one SQLite file, on `node:sqlite`, for any number of processes of one host.
 *
 * `path` names a file whose folder exists; `migrate()` makes the file if it is absent. It may be the application's own
 * database, which then keeps a write-ahead log. `":memory:"` keeps everything in this process for as long as the store is
 * open. Nothing is opened before the first verb. Throws `BAD_REQUEST` for a path or an option that it cannot use.
 *
 * A verb that changes something is answered once it is on the disk (`synchronous = FULL`). While another transaction is
 * open on the file, verbs wait without blocking the event loop, up to 5 s, and then throw `UNAVAILABLE`.
 *
 * `insert({ jobs, tx })` takes a `DatabaseSync` that is open on the same file with a transaction begun. It writes at
 * once, before it returns its promise.
 */
export function sqliteStore(path: string, options: SqliteStoreOptions = {}): Store {
  const connection = new Connection(checkPath(path));
  refuseUnknownOptions("The option object of sqliteStore", options, ["clock"]);
  const time = new StoreTime(options.clock ?? { offsetMs: 0 });
  const changes = new SqliteChanges(connection);
  const upkeep = new Upkeep(connection);
  const queue = new WriteQueue(connection, time, {
    onCommitted: (moved, available) => changes.committed(moved, available),
    onIdle: () => upkeep.soon(),
  });
  const callers = new CallerTransactions(connection);
  let claims = 0;
  const keyTurns = new KeyTurns();

  const write = <T>(verb: WriteVerb<T>): Promise<T> => queue.write(verb);
  const order = async <T>(verb: WriteVerb<T>): Promise<T> => {
    const answer = await write(verb);
    changes.ordered();
    return answer;
  };
  const read: Read = async (work) => {
    try {
      return await patiently(() => work(connection.reader.sql));
    } catch (error) {
      throw toForgeError(error, connection.path);
    }
  };

  return {
    capabilities: { multiHost: false, namedHints: false },
    address: connection.path,
    changes,
    jobs: {
      async insert({ jobs, tx }) {
        if (tx === undefined) return write((own) => insert(own, jobs));
        return callers.run(tx, (sql) => insert(quietly(sql, time.now()), jobs));
      },
      insertClaimed: ({ job, workerId }) => write((tx) => insertClaimed(tx, job, workerId)),
      claim: (args) => write((tx) => claim(tx, args, claims++, keyTurns)),
      nextDue: (args) => read((sql) => nextDue(sql, args, time.now(), keyTurns)),
      update: ({ updates }) => write((tx) => update(tx, updates)),
      async settleIn({ tx, ...run }) {
        return callers.run(tx, (sql) => settleIn(quietly(sql, time.now()), run));
      },
      states: ({ ids }) => read((sql) => readStates(sql, ids)),
      get: ({ ids }) => read((sql) => readJobs(sql, ids)),
      list: (query) => listJobs(read, query),
      cancel: (args) => write((tx) => cancel(tx, args)),
      retry: (args) => write((tx) => retry(tx, args)),
    },
    workers: {
      register: (args) => write((tx) => register(tx, args)),
      beat: ({ workerId, leaseMs }) =>
        write((tx) => {
          connection.checkFile();
          time.remember(tx.sql);
          return beat(tx, workerId, leaseMs);
        }),
      list: () => read((sql) => listWorkers(sql, time.now())),
      orders: ({ workerId }) => read((sql) => readOrders(sql, workerId)),
      heed: ({ workerId, version }) => write((tx) => heed(tx, workerId, version)),
      drain: ({ workerId, by = null }) => order((tx) => drain(tx, workerId, by)),
      running: () => read(runningCounts),
      retire: ({ workerId }) => write((tx) => retire(tx, workerId)),
      rescue: (args) => write((tx) => rescue(tx, args)),
    },
    queues: {
      change: (args) => order((tx) => changeQueue(tx, args)),
      settings: () => read(queueSettings),
      lanes: () => read((sql) => waitingLanes(sql, time.now())),
      depths: (args) => read((sql) => queueDepths(sql, time.now(), args)),
    },
    saved: {
      write: ({ values }) => write((tx) => writeSaved(tx, values)),
      read: ({ ids }) => read((sql) => readSaved(sql, ids)),
    },
    children: {
      dispatch: ({ calls }) => write((tx) => dispatchChildren(tx, calls)),
      progress: ({ ids }) => read((sql) => readProgress(sql, ids)),
      setWaiting: ({ runs }) => write((tx) => setWaiting(tx, runs)),
      among: ({ parentId, ids }) => read((sql) => childrenAmong(sql, parentId, ids)),
    },
    sweeps: {
      lead: (args) => write((tx) => lead(tx, args)),
      resign: (args) => write((tx) => resign(tx, args)),
      retain: (args) => write((tx) => retain(tx, args)),
      expired: ({ limit }) => write((tx) => expired(tx, limit)),
      deletionNotes: ({ olderThanMs, limit }) => write((tx) => deletionNotes(tx, olderThanMs, limit)),
      deadLetter: ({ afterMs, limit }) => write((tx) => deadLetter(tx, afterMs, limit)),
      expiredKeys: ({ limit }) => write((tx) => expiredKeys(tx, limit)),
      ratePlaces: ({ limit }) => write((tx) => ratePlaces(tx, limit)),
      unkeyed: (args) => write((tx) => unkeyed(tx, args)),
    },
    rateLimits: {
      configure: (config) => write((tx) => configureRateLimit(tx, config)),
      list: ({ scope }) => read((sql) => listRateLimits(sql, time.now(), scope)),
      acquire: ({ scope, jobIds }) => write((tx) => acquireTokens(tx, scope, jobIds)),
      drain: ({ scope, retryAfterMs }) => write((tx) => drainRateLimit(tx, scope, retryAfterMs)),
    },
    ended: {
      deadLetters: (query) => listDeadLetters(read, query),
      findDead: (query) => read((sql) => findDead(sql, query)),
      discard: (args) => write((tx) => discard(tx, args)),
      delete: (args) => write((tx) => deleteJobs(tx, args)),
    },
    history: {
      read: ({ jobIds }) => read((sql) => readHistory(sql, jobIds)),
    },
    logs: {
      write: ({ lines }) => write((tx) => writeLogs(tx, lines)),
      read: ({ jobIds }) => read((sql) => readLogs(sql, jobIds)),
    },
    crons: {
      register: ({ crons, takeOver }) => write((tx) => registerCrons(tx, crons, takeOver)),
      seen: ({ crons }) => write((tx) => seen(tx, crons)),
      read: ({ names }) => read((sql) => ({ now: time.now(), crons: readCrons(sql, names) })),
      advance: (args) => write((tx) => advance(tx, args)),
      trigger: ({ name, job, scheduledAt }) => write((tx) => trigger(tx, name, job, scheduledAt)),
      pause: ({ name, by }) => write((tx) => pause(tx, name, by)),
      resume: ({ name, by }) => write((tx) => resume(tx, name, by)),
    },
    workflows: {
      record: ({ writes }) => write((tx) => record(tx, writes)),
      async recordIn({ write: said, tx }) {
        return callers.run(tx, (sql) => record(quietly(sql, time.now()), [said])[0]!);
      },
      load: ({ ids }) => read((sql) => load(sql, ids, time.now())),
      undo: ({ runs }) => write((tx) => undo(tx, runs)),
      block: ({ run, why }) => write((tx) => block(tx, run, why)),
      list: (query) => listRuns(read, query, () => time.now()),
      turn: (args) => write((tx) => turn(tx, args)),
      skip: (args) => write((tx) => skip(tx, args)),
      signal: ({ signals }) => write((tx) => signal(tx, signals)),
      states: ({ ids }) => read((sql) => readRunStates(sql, ids)),
      get: ({ ids }) => read((sql) => readRunRecords(sql, ids)),
    },
    migrate: () => {
      connection.mayCreate = true;
      return write((tx) => {
        migrate(tx.sql, connection);
        time.recall(tx.sql);
      });
    },
    checkSchema: () =>
      read((sql) => {
        checkSchema(sql, connection.path);
        time.recall(sql);
      }),
    identity: () => read((sql) => readIdentity(sql, connection)),
    ping: () =>
      read((sql) => {
        connection.checkFile();
        sql.get("SELECT 1 FROM sqlite_schema");
      }),
    async close() {
      await queue.drained();
      changes.close();
      upkeep.stop();
      connection.close();
    },
  };
}

function checkPath(path: string): string {
  if (typeof path !== "string" || path === "" || path.includes("\0") || path.startsWith("file:")) {
    throw new ForgeError(
      "BAD_REQUEST",
      `sqliteStore takes the path of a file, or ":memory:"; got ${JSON.stringify(path)}.`,
    );
  }
  return path;
}

/** The caller's transaction is not ours to tell about: others learn of it as of any other writer's, once it committed. */
function quietly(sql: Statements, now: number): WriteTx {
  return { sql, now, moved: [], available: new Set() };
}
