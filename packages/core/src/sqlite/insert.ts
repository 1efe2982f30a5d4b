import type { SQLInputValue } from "node:sqlite";
import { keyedLane, lane } from "../lane.ts";
import { PRIORITIES, type InsertResult, type NewJob } from "../store.ts";
import { ALIKE_ROWS, endOfAlike, insertAlike } from "./insert-alike.ts";
import { keyHolder, storedKeys, takeKey } from "./keys.ts";
import { isOpen } from "./queues.ts";
import { replace } from "./replace.ts";
import { takerNo } from "./workers.ts";
import { startRun } from "./workflows.ts";
import type { WriteTx } from "./write-queue.ts";

const INSERT = `
  INSERT INTO forge_live (id, lane, priority, ready_at, max_attempts, budget, scheduled_at, created_at,
    job_type, queue, owner, overrides, keys, input)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** Inserts jobs one after the other, so that one that wants a key taken earlier in the batch meets its holder. */
export function insert(tx: WriteTx, jobs: readonly NewJob[]): InsertResult[] {
  const results: InsertResult[] = [];
  let alikeUntil = 0;
  while (results.length < jobs.length) {
    const at = results.length;
    if (at >= alikeUntil) alikeUntil = endOfAlike(jobs, at);
    if (alikeUntil - at < ALIKE_ROWS) {
      results.push(insertOne(tx, jobs[at]!));
      continue;
    }
    const alike = jobs.slice(at, at + ALIKE_ROWS);
    insertAlike(tx, alike, dueAtOf(tx, alike[0]!));
    for (const job of alike) results.push(made(tx, job));
  }
  return results;
}

function insertOne(tx: WriteTx, job: NewJob): InsertResult {
  const holder = takeKeys(tx, job);
  const dueAt = dueAtOf(tx, job);
  if (holder !== null) {
    if (job.replace === true && job.run === undefined) replace(tx, holder, job, dueAt);
    return { id: holder, created: false };
  }
  const { id, type, queue, priority, maxAttempts, owner, overrides, input } = job;
  const place = [lane(queue, type), PRIORITIES.indexOf(priority), dueAt];
  const counts = [maxAttempts, maxAttempts, dueAt, tx.now];
  const texts = [type, queue, owner, overrides, storedKeys(job), input];
  if (job.limitKey === undefined) tx.sql.run(INSERT, id, ...place, ...counts, ...texts);
  else insertKeyed(tx, job.limitKey, dueAt, [id, keyedLane(queue, type), ...place.slice(1, 2), ...counts, ...texts]);
  if (job.run !== undefined) startRun(tx, id, job.run);
  return made(tx, job);
}

function dueAtOf({ now }: WriteTx, { due }: NewJob): number {
  return "atMs" in due ? due.atMs : now + due.delayMs;
}

function made({ moved, available }: WriteTx, { id, queue }: NewJob): InsertResult {
  moved.push({ id, revision: 1 });
  available.add(queue);
  return { id, created: true };
}

const INSERT_KEYED = `
  INSERT INTO forge_live (limit_key, ready_at, parked_at, id, lane, priority, max_attempts, budget, scheduled_at, created_at,
    job_type, queue, owner, overrides, keys, input)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** A row with a concurrency key that is due waits parked. */
function insertKeyed({ sql, now }: WriteTx, limitKey: string, dueAt: number, rest: readonly SQLInputValue[]): void {
  const isDue = dueAt <= now;
  sql.run(INSERT_KEYED, limitKey, isDue ? null : dueAt, isDue ? dueAt : null, ...rest);
}

const INSERT_CLAIMED = `
  INSERT INTO forge_live (id, lane, priority, max_attempts, budget, scheduled_at, created_at, claimed_at,
    job_type, queue, owner, overrides, input, status, worker_no, attempts, claim_no)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'claimed', ?, 1, 1)`;

/** Inserts a job that its worker has claimed already, if it might claim it: nobody would rescue what a retired worker holds. */
export function insertClaimed(tx: WriteTx, job: NewJob, workerId: string): boolean {
  const no = takerNo(tx.sql, workerId);
  // Whether a concurrency key has room, a claim must find out. Runs of workflows take that way too, as in the other store.
  if (no === undefined || job.limitKey !== undefined || job.run !== undefined || !isOpen(tx.sql, job.queue)) {
    insert(tx, [job]);
    return false;
  }
  const { id, type, queue, priority, maxAttempts, owner, overrides, input } = job;
  const place = [lane(queue, type), PRIORITIES.indexOf(priority), maxAttempts, maxAttempts];
  tx.sql.run(INSERT_CLAIMED, id, ...place, tx.now, tx.now, tx.now, type, queue, owner, overrides, input, no);
  tx.moved.push({ id, revision: 1 });
  return true;
}

/**
 * Takes the keys of a new job, or, where one is held, gives the windows among them that are free to the holder of the first;
 * answers that holder. A key that goes by its job's end is taken by a job that was dispatched with it and by no other.
 */
function takeKeys({ sql, now }: WriteTx, { id, keys }: NewJob): string | null {
  if (keys.length === 0) return null;
  const holders = keys.map((key) => keyHolder(sql, key, now));
  const holder = holders.find((held) => held !== null) ?? null;
  for (const [n, key] of keys.entries()) {
    if (holders[n] === null && (holder === null || key.hold.kind === "window")) takeKey(sql, key, holder ?? id, now);
  }
  return holder;
}
