import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Runs `work` while no other process of this checkout runs its own.
 *
 * For what writes into shared folders, as the compiler does into every `dist`. The lock is SQLite's on a file of its
 * own: the system lets go of it when a process dies, so none is ever left over.
 */
export async function withTreeLock<T>(work: () => Promise<T>): Promise<T> {
  const file = join(dirname(import.meta.dirname), "node_modules/.cache/tree-lock.db");
  mkdirSync(dirname(file), { recursive: true });
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    await acquire(lock);
    return await work();
  } finally {
    lock.close();
  }
}

async function acquire(lock: DatabaseSync): Promise<void> {
  for (;;) {
    try {
      lock.exec("BEGIN EXCLUSIVE");
      return;
    } catch (error) {
      if (!String(error).includes("database is locked")) throw error;
      await sleep(50);
    }
  }
}
