import type { InsertResult, JobVerbs, NewJob } from "../store.ts";
import { type Arrays, binaryArrays, literalArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { JobRows } from "./job-rows.ts";
import { KeyRing } from "./keys.ts";
import type { Session } from "./session.ts";
import { callersSession } from "./transaction.ts";

/** Makes the verb `insert`. */
export function createInsert(database: Database, hints: HintSink): JobVerbs["insert"] {
  const rows = new JobRows(database);
  const keyRing = new KeyRing(database);

  /** Takes the keys and writes the jobs that got theirs. Runs inside a transaction, unless no job has keys. */
  async function insertAll(session: Session, jobs: readonly NewJob[], arrays: Arrays): Promise<InsertResult[]> {
    const hasKeys = jobs.some(({ keys }) => keys.length > 0);
    const holders = hasKeys ? await keyRing.take(session, jobs, arrays) : [];
    await rows.insert(
      session,
      jobs.filter((_, n) => (holders[n] ?? null) === null),
      arrays,
    );
    return jobs.map(({ id }, n) => ({ id: holders[n] ?? id, created: (holders[n] ?? null) === null }));
  }

  /** The same for an attempt whose answer may have been lost: jobs that exist by now are its doing, their keys too. */
  async function insertRest(session: Session, jobs: readonly NewJob[]): Promise<InsertResult[]> {
    const known = await rows.known(session, jobs);
    const rest = await insertAll(
      session,
      jobs.filter(({ id }) => !known.has(id)),
      binaryArrays,
    );
    return jobs.map(({ id }) => (known.has(id) ? { id, created: true } : (rest.shift() as InsertResult)));
  }

  async function insertOwn(jobs: readonly NewJob[]): Promise<InsertResult[]> {
    if (jobs.every(({ keys }) => keys.length === 0)) {
      return database.retrying((again) =>
        database.connected((session) => (again ? insertRest(session, jobs) : insertAll(session, jobs, binaryArrays))),
      );
    }
    const [only] = jobs;
    const [key] = only?.keys ?? [];
    let unsure = false;
    if (
      only?.limitKey === undefined &&
      only !== undefined &&
      key !== undefined &&
      jobs.length === 1 &&
      only.keys.length === 1
    ) {
      // Mostly the key is new, and then this is one round trip where the transaction below takes four. After a lost answer
      // that transaction finds out what became of it.
      const isNew = await database.retrying(async (again) => {
        unsure = again;
        return !again && database.connected((session) => rows.insertWithKey(session, only, key));
      });
      if (isNew) return [{ id: only.id, created: true }];
    }
    return database.transaction((session, again) =>
      again || unsure ? insertRest(session, jobs) : insertAll(session, jobs, binaryArrays),
    );
  }

  return async ({ jobs, tx }) => {
    if (jobs.length === 0) return [];
    if (tx === undefined) {
      const results = await insertOwn(jobs);
      hints.available(queuesOf(jobs, results));
      return results;
    }
    const session = await callersSession(tx, database);
    const results = await insertAll(session, jobs, literalArrays);
    await hints.insideTransaction(
      session,
      jobs.filter((_, n) => results[n]?.created === true),
    );
    return results;
  };
}

/** Makes the verb `insertClaimed`. */
export function createInsertClaimed(database: Database, hints: HintSink): JobVerbs["insertClaimed"] {
  const rows = new JobRows(database);
  return async ({ job, workerId }) => {
    const claimed = await database.retrying((again) =>
      database.connected(async (session) => {
        // After a lost answer the row may be there, claimed or not. Whoever finds it so lets the claim path take it: a
        // claim that nobody knows of goes back with the worker's next beats.
        if (again && (await rows.known(session, [job])).size > 0) return false;
        if (job.limitKey === undefined) return rows.insertClaimed(session, job, workerId);
        // Whether its key has room, a claim must find out.
        await rows.insert(session, [job], binaryArrays);
        return false;
      }),
    );
    if (claimed) hints.moved([{ id: job.id, revision: 1, status: "claimed", progress: null }]);
    else hints.available([job.queue]);
    return claimed;
  };
}

function queuesOf(jobs: readonly NewJob[], results: readonly InsertResult[]): Set<string> {
  return new Set(jobs.filter((_, n) => results[n]?.created === true).map(({ queue }) => queue));
}
