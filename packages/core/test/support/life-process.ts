// Lives through two jobs, from dispatch to stop, and kills itself after a given statement. Its argument is the JSON of
// LifeSettings; it exits with 0 where it got to the end.
import { appendFileSync } from "node:fs";
import { DatabaseSync, StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { lifeJobs, type LifeSettings, lifeWorker } from "./life.ts";

const { address, history, killAfter } = JSON.parse(process.argv[2] ?? "") as LifeSettings;

let statements = 0;

/** Called when the database has done a statement, before anybody here sees its answer. */
function done(sql: string): void {
  // How often this process looks for its own end is not part of a job's life, nor for changes of others.
  if (sql.includes("test_settles") || sql.includes("data_version")) return;
  if (++statements === killAfter) process.kill(process.pid, "SIGKILL");
}

if (killAfter === 0) process.kill(process.pid, "SIGKILL");
countSqlite();
countPostgres();

const { single, failing } = lifeJobs(history);
const forge = lifeWorker(address, { single, failing });
const note = (line: string): void => appendFileSync(history, `${line}\n`);
await forge.start();
note(`dispatched ${await forge.dispatch(single, {})}`);
for (const id of await forge.dispatchMany(failing, [{}], { idempotencyKey: "once" })) note(`dispatched ${id}`);
while ((await settles()) < 2) await sleep(5);
await forge.stop();
process.exit(0);

function methodOf(prototype: object, name: string): (...args: unknown[]) => unknown {
  return Reflect.get(prototype, name) as (...args: unknown[]) => unknown;
}

function countSqlite(): void {
  for (const name of ["run", "get", "all"] as const) {
    const original = methodOf(StatementSync.prototype, name);
    const counted = function (this: StatementSync, ...args: unknown[]): unknown {
      const answer = original.apply(this, args);
      done(this.sourceSQL);
      return answer;
    };
    Object.assign(StatementSync.prototype, { [name]: counted });
  }
  const exec = methodOf(DatabaseSync.prototype, "exec");
  DatabaseSync.prototype.exec = function (sql) {
    exec.call(this, sql);
    done(sql);
  };
}

function countPostgres(): void {
  const query = methodOf(pg.Client.prototype, "query");
  const counted = async function (this: pg.Client, ...args: unknown[]): Promise<unknown> {
    const answer = await query.apply(this, args);
    const [first] = args;
    done(typeof first === "string" ? first : (first as { text: string }).text);
    return answer;
  };
  Object.assign(pg.Client.prototype, { query: counted });
}

async function settles(): Promise<number> {
  const sql = "SELECT count(*) AS n FROM test_settles";
  if ("sqlite" in address) {
    const db = new DatabaseSync(address.sqlite, { timeout: 5_000 });
    const row = db.prepare(sql).get();
    db.close();
    return Number(row?.["n"]);
  }
  const client = new pg.Client({ connectionString: address.postgres });
  await client.connect();
  const { rows } = await client.query<{ n: string }>(sql);
  await client.end();
  return Number(rows[0]?.n);
}
