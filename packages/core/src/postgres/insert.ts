import type { InsertResult, JobVerbs, NewJob } from "../store.ts";
import { type Arrays, binaryArrays, literalArrays } from "./arrays.ts";
import type { Database } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { JobRows } from "./job-rows.ts";
import { KeyRing } from "./keys.ts";
import { Replacement } from "./replace.ts";
import type { Session } from "./session.ts";
import { callersSession } from "./transaction.ts";
import { movedOf, queuesOf, type WrittenRow } from "./written-row.ts";

/** What an insert did. */
interface Inserted {
  readonly results: InsertResult[];
  /** The jobs as they were written. */
  readonly made: readonly NewJob[];
  /** The rows that were there, and got the content of another job. */
  readonly replaced: readonly WrittenRow[];
}

const NOTHING: ReadonlyMap<string, NewJob> = new Map();

/** Makes the verb `insert`. */
export function createInsert(database: Database, hints: HintSink): JobVerbs["insert"] {
  const rows = new JobRows(database);
  const keyRing = new KeyRing(database);
  const replacement = new Replacement(database);

  /** Takes the keys and writes the jobs that got theirs. Runs inside a transaction, unless no job has keys. */
  async function insertAll(session: Session, jobs: readonly NewJob[], arrays: Arrays): Promise<Inserted> {
    const hasKeys = jobs.some(({ keys }) => keys.length > 0);
    const holders = hasKeys ? await keyRing.take(session, jobs, arrays) : [];
    const { made, over } = hasKeys ? sorted(jobs, holders) : { made: jobs, over: NOTHING };
    await rows.insert(session, made, arrays);
    const replaced = over.size === 0 ? [] : await replacement.run(session, over, arrays);
    const results = jobs.map(({ id }, n) => ({ id: holders[n] ?? id, created: (holders[n] ?? null) === null }));
    return { results, made, replaced };
  }

  /** The same for an attempt whose answer may have been lost: jobs that exist by now are its doing, their keys too. */
  async function insertRest(session: Session, jobs: readonly NewJob[]): Promise<Inserted> {
    const known = await rows.known(session, jobs);
    const rest = await insertAll(
      session,
      jobs.filter(({ id }) => !known.has(id)),
      binaryArrays,
    );
    const results = jobs.map(({ id }) =>
      known.has(id) ? { id, created: true } : (rest.results.shift() as InsertResult),
    );
    return { ...rest, results, made: [...rest.made, ...jobs.filter(({ id }) => known.has(id))] };
  }

  async function insertOwn(jobs: readonly NewJob[]): Promise<Inserted> {
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
      only?.run === undefined &&
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
      if (isNew) return { results: [{ id: only.id, created: true }], made: jobs, replaced: [] };
    }
    return database.transaction((session, again) =>
      again || unsure ? insertRest(session, jobs) : insertAll(session, jobs, binaryArrays),
    );
  }

  return async ({ jobs, tx }) => {
    if (jobs.length === 0) return [];
    if (tx === undefined) {
      const { results, made, replaced } = await insertOwn(jobs);
      hints.available(new Set([...made.map(({ queue }) => queue), ...queuesOf(replaced)]));
      hints.moved(replaced.map(movedOf));
      return results;
    }
    const session = await callersSession(tx, database);
    const { results, made, replaced } = await insertAll(session, jobs, literalArrays);
    await hints.insideTransaction(session, made, replaced);
    return results;
  };
}

/**
 * Which jobs are to be inserted, and which holders that exist are to get the content of which job. Of several for one holder
 * the last counts, also for one that comes into being with the same batch.
 */
function sorted(
  jobs: readonly NewJob[],
  holders: readonly (string | null)[],
): { made: readonly NewJob[]; over: ReadonlyMap<string, NewJob> } {
  const made = new Map<string, NewJob>();
  const over = new Map<string, NewJob>();
  for (const [n, job] of jobs.entries()) {
    const holder = holders[n] ?? null;
    if (holder === null) made.set(job.id, job);
    else if (job.replace === true && job.run === undefined) {
      const before = made.get(holder);
      if (before === undefined) over.set(holder, job);
      else made.set(holder, { ...job, id: holder, keys: before.keys });
    }
  }
  return { made: [...made.values()], over };
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
        if (job.limitKey === undefined && job.run === undefined) return rows.insertClaimed(session, job, workerId);
        // Whether its key has room, a claim must find out; of a run there is more to write.
        await rows.insert(session, [job], binaryArrays);
        return false;
      }),
    );
    if (claimed) hints.moved([{ id: job.id, revision: 1, status: "claimed", progress: null }]);
    else hints.available([job.queue]);
    return claimed;
  };
}
