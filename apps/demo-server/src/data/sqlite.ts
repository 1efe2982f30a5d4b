import { DatabaseSync } from "node:sqlite";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { accounts, ACCOUNTS_TABLE } from "./accounts.ts";
import { bookings, BOOKINGS_TABLE } from "./bookings.ts";
import type { DemoData, DemoDataOptions, ImportRun } from "./demo-data.ts";
import { type User, usersBetween } from "./people.ts";
import type { Query } from "./query.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS demo_users (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, city TEXT NOT NULL, country TEXT NOT NULL,
    plan TEXT NOT NULL, created_at TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS demo_contacts (
    owner TEXT NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL, company TEXT NOT NULL, city TEXT NOT NULL,
    PRIMARY KEY (owner, email)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS demo_contacts_stage (
    job_id TEXT NOT NULL, run_id TEXT NOT NULL, line INTEGER NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL,
    company TEXT NOT NULL, city TEXT NOT NULL,
    PRIMARY KEY (job_id, run_id, line)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS demo_imports (
    job_id TEXT PRIMARY KEY, owner TEXT NOT NULL, result TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  ${ACCOUNTS_TABLE} STRICT, WITHOUT ROWID;
  ${BOOKINGS_TABLE} STRICT, WITHOUT ROWID;
`;

const PAGE_ROWS = 1_000;
// About 5 ms of work: statements here block the event loop, which streams other jobs' progress meanwhile.
const SLICE_ROWS = 1_000;
const SQLITE_BUSY = 5;
const BUSY_FOR_MS = 60_000;

/** Opens the demo's tables in the SQLite file that Forge keeps its own in; makes and seeds them where they are missing. */
export async function openSqliteData(file: string, { users }: DemoDataOptions): Promise<DemoData> {
  // Two connections: what a transaction has not committed yet stays unseen by exports that run meanwhile.
  const writer = new DatabaseSync(file);
  const reader = new DatabaseSync(file);
  let lastWrite: Promise<unknown> = Promise.resolve();

  /** Runs `work` in a transaction, after the writes before it. It may wait between statements; Forge's writes then wait too. */
  function write<T>(work: () => T | Promise<T>): Promise<T> {
    const result = lastWrite.then(() => transaction(writer, work));
    // Whoever writes batch after batch lets others have the event loop in between.
    lastWrite = result.catch(() => undefined).then(() => setImmediate());
    return result;
  }

  await unlessBusy(() => writer.exec("PRAGMA journal_mode = WAL"));
  // 32 MB: with the default of 2 MB the transaction that moves a large import writes the same pages over and over.
  writer.exec("PRAGMA cache_size = -32768");
  await write(async () => {
    writer.exec(SCHEMA);
    await seed(writer, users);
  });

  const count = reader.prepare("SELECT count(*) AS count FROM demo_users");
  const page = reader.prepare(
    `SELECT id, name, email, city, country, plan, created_at AS "createdAt" FROM demo_users WHERE id > ? ORDER BY id LIMIT ${PAGE_ROWS}`,
  );
  const imported = reader.prepare("SELECT result FROM demo_imports WHERE job_id = ?");
  const nextJob = reader.prepare("SELECT min(job_id) AS next FROM demo_contacts_stage WHERE job_id > ?");
  const nextRun = reader.prepare("SELECT min(run_id) AS next FROM demo_contacts_stage WHERE job_id = ? AND run_id > ?");
  const stage = writer.prepare(
    "INSERT INTO demo_contacts_stage (job_id, run_id, line, email, name, company, city) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const record = writer.prepare("INSERT INTO demo_imports (job_id, owner, result) VALUES (?, ?, ?)");
  const sliceEnd = writer.prepare(
    `SELECT line FROM demo_contacts_stage WHERE job_id = ? AND run_id = ? ORDER BY line LIMIT 1 OFFSET ${SLICE_ROWS - 1}`,
  );
  const move = writer.prepare(
    `INSERT INTO demo_contacts (owner, email, name, company, city)
     SELECT ?, email, name, company, city FROM demo_contacts_stage WHERE job_id = ? AND run_id = ? AND line <= ?
     ON CONFLICT (owner, email) DO UPDATE SET name = excluded.name, company = excluded.company, city = excluded.city`,
  );
  const drop = writer.prepare("DELETE FROM demo_contacts_stage WHERE job_id = ? AND run_id = ? AND line <= ?");

  /** The line that ends the stage's first slice; the last slice has no end. */
  const endOfSlice = (run: ImportRun): number =>
    (sliceEnd.get(run.jobId, run.runId) as { line: number } | undefined)?.line ?? Number.MAX_SAFE_INTEGER;

  async function clearRun(run: ImportRun): Promise<void> {
    let dropped: number;
    do {
      dropped = await write(() => Number(drop.run(run.jobId, run.runId, endOfSlice(run)).changes));
    } while (dropped === SLICE_ROWS);
  }

  const query: Query = (text, values) =>
    write(() => writer.prepare(text.replaceAll("$", "?")).all(...values) as Record<string, unknown>[]);

  return {
    accounts: accounts(query),
    bookings: bookings(query),
    countUsers: async () => (count.get() as { count: number }).count,
    async *userPages() {
      for (let last = 0; ; await setImmediate()) {
        const rows = page.all(last) as unknown as User[];
        if (rows.length === 0) return;
        last = rows.at(-1)!.id;
        yield rows;
      }
    },
    stageContacts: ({ jobId, runId }, contacts) =>
      write(() => {
        for (const { line, email, name, company, city } of contacts) {
          stage.run(jobId, runId, line, email, name, company, city);
        }
      }),
    finishImport: (run, owner, rows, result) =>
      write(async () => {
        record.run(run.jobId, owner, result);
        let moved = 0;
        let slice: number;
        do {
          const end = endOfSlice(run);
          move.run(owner, run.jobId, run.runId, end);
          slice = Number(drop.run(run.jobId, run.runId, end).changes);
          moved += slice;
          await setImmediate();
        } while (slice === SLICE_ROWS);
        if (moved !== rows) throw new Error(`The stage of job ${run.jobId} holds ${moved} rows instead of ${rows}`);
      }),
    importResult: async (jobId) => (imported.get(jobId) as { result: string } | undefined)?.result ?? null,
    async clearStage(jobId, runId) {
      const runs = runId === undefined ? each((last) => nextRun.get(jobId, last)) : [runId];
      for (const run of runs) await clearRun({ jobId, runId: run });
    },
    stagedJobs: async () => each((last) => nextJob.get(last)),
    async close() {
      await lastWrite;
      reader.close();
      writer.close();
    },
  };
}

/** Walks an index from one value to the next greater one, so that a stage of any size costs one look per value. */
function each(nextAfter: (last: string) => unknown): string[] {
  const values: string[] = [];
  for (let last = ""; ;) {
    const { next } = nextAfter(last) as { next: string | null };
    if (next === null) return values;
    values.push(next);
    last = next;
  }
}

async function seed(db: DatabaseSync, users: number): Promise<void> {
  if (db.prepare("SELECT 1 FROM demo_users LIMIT 1").get() !== undefined) return;
  const insert = db.prepare(
    "INSERT INTO demo_users (id, name, email, city, country, plan, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  for (let first = 1; first <= users; first += SLICE_ROWS, await setImmediate()) {
    for (const user of usersBetween(first, Math.min(users, first + SLICE_ROWS - 1))) {
      insert.run(user.id, user.name, user.email, user.city, user.country, user.plan, user.createdAt);
    }
  }
}

async function transaction<T>(db: DatabaseSync, work: () => T | Promise<T>): Promise<T> {
  await unlessBusy(() => db.exec("BEGIN IMMEDIATE"));
  try {
    const result = await work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

/** Tries again while another connection writes. SQLite's own busy timeout would block the event loop for as long. */
async function unlessBusy(statement: () => void): Promise<void> {
  for (const deadline = performance.now() + BUSY_FOR_MS; ; await sleep(5)) {
    try {
      statement();
      return;
    } catch (error) {
      const code = (error as { errcode?: number }).errcode;
      if (code === undefined || (code & 0xff) !== SQLITE_BUSY || performance.now() > deadline) throw error;
    }
  }
}
