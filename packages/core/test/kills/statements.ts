import { DatabaseSync, StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

const CALM_MS = 25;

/** Ends its own process after so many statements. */
export interface Countdown {
  /** Counts from now on. */
  readonly begin: () => void;
  /** Counts from when nothing has been asked of the database for a moment, so that an engine's start is over. */
  readonly beginWhenCalm: () => Promise<void>;
}

/** Ends this process right after so many statements; after none, where they begin to count. */
export function killAfterStatements(killAfter: number): Countdown {
  let seen = 0;
  let statements = 0;
  let isCounting = false;
  // Called when the database has done a statement, before anybody here sees its answer.
  const done = (sql: string): void => {
    // How often this process looks for its own end is not part of its life, nor for changes of others.
    if (sql.includes("test_settles") || sql.includes("data_version")) return;
    seen++;
    if (isCounting && ++statements === killAfter) process.kill(process.pid, "SIGKILL");
  };
  watchSqlite(done);
  watchPostgres(done);
  const begin = (): void => {
    isCounting = true;
    if (killAfter === 0) process.kill(process.pid, "SIGKILL");
  };
  const beginWhenCalm = async (): Promise<void> => {
    for (let before = -1; before !== seen;) {
      before = seen;
      await sleep(CALM_MS);
    }
    begin();
  };
  return { begin, beginWhenCalm };
}

function methodOf(prototype: object, name: string): (...args: unknown[]) => unknown {
  return Reflect.get(prototype, name) as (...args: unknown[]) => unknown;
}

/**
 * Inside a transaction its first statement stands for all that follow until its end: whichever of them is the last, nothing
 * of the transaction is there afterwards.
 */
function watchSqlite(done: (sql: string) => void): void {
  const databases = new WeakMap<StatementSync, DatabaseSync>();
  const after = (database: DatabaseSync | undefined, sql: string): void => {
    if (database?.isTransaction !== true || sql.startsWith("BEGIN")) done(sql);
  };
  const prepare = methodOf(DatabaseSync.prototype, "prepare");
  DatabaseSync.prototype.prepare = function (sql) {
    const statement = prepare.call(this, sql) as StatementSync;
    databases.set(statement, this);
    return statement;
  };
  for (const name of ["run", "get", "all"] as const) {
    const original = methodOf(StatementSync.prototype, name);
    const watched = function (this: StatementSync, ...args: unknown[]): unknown {
      const answer = original.apply(this, args);
      after(databases.get(this), this.sourceSQL);
      return answer;
    };
    Object.assign(StatementSync.prototype, { [name]: watched });
  }
  const exec = methodOf(DatabaseSync.prototype, "exec");
  DatabaseSync.prototype.exec = function (sql) {
    exec.call(this, sql);
    after(this, sql);
  };
}

function watchPostgres(done: (sql: string) => void): void {
  const query = methodOf(pg.Client.prototype, "query");
  const watched = async function (this: pg.Client, ...args: unknown[]): Promise<unknown> {
    const answer = await query.apply(this, args);
    const [first] = args;
    done(typeof first === "string" ? first : (first as { text: string }).text);
    return answer;
  };
  Object.assign(pg.Client.prototype, { query: watched });
}
