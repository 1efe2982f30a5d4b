import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { v7 as uuidv7 } from "uuid";
import type { KeyClaim, NewJob, Store, StoreClock } from "../../src/store.ts";
import { sqliteStore } from "../../src/sqlite/index.ts";
import { tempDir } from "../../../../test/support/temp-dir.ts";

/** A file of its own with a migrated store on it. */
export interface SqliteWorld {
  readonly folder: string;
  readonly file: string;
  readonly clock: StoreClock;
  readonly store: Store;
  /** Another store object on the same file, as another process has one. */
  readonly openStore: (clock?: StoreClock) => Store;
  /** A handle that is not the store's, as the application has one. */
  readonly openHandle: (options?: { readOnly?: boolean; readBigInts?: boolean }) => DatabaseSync;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function sqliteWorld(): Promise<SqliteWorld> {
  const dir = await tempDir();
  const file = join(dir.path, "forge.db");
  const clock = { offsetMs: 0 };
  const stores: Store[] = [];
  const handles: DatabaseSync[] = [];
  const openStore = (own: StoreClock = clock): Store => {
    const store = sqliteStore(file, { clock: own });
    stores.push(store);
    return store;
  };
  const store = openStore();
  await store.migrate();
  return {
    folder: dir.path,
    file,
    clock,
    store,
    openStore,
    openHandle: (options = {}) => {
      const handle = new DatabaseSync(file, options);
      handles.push(handle);
      return handle;
    },
    [Symbol.asyncDispose]: async () => {
      for (const handle of handles) if (handle.isOpen) handle.close();
      await Promise.all(stores.map((one) => one.close()));
      await dir.remove();
    },
  };
}

export function newJob(overrides: Partial<NewJob> = {}): NewJob {
  return {
    id: uuidv7(),
    type: "t",
    queue: "default",
    priority: "normal",
    input: "{}",
    owner: null,
    maxAttempts: 3,
    due: { delayMs: 0 },
    overrides: null,
    keys: [],
    ...overrides,
  };
}

export function keyClaim(key: string): KeyClaim {
  return { scope: "s", key, hold: { kind: "job", afterCompletionMs: 0 } };
}

export async function insertJob(store: Store, overrides: Partial<NewJob> = {}): Promise<NewJob> {
  const job = newJob(overrides);
  await store.jobs.insert({ jobs: [job] });
  return job;
}

/** The ids among these that the store knows. */
export async function known(store: Store, jobs: readonly NewJob[]): Promise<string[]> {
  const found = await store.jobs.states({ ids: jobs.map(({ id }) => id) });
  return found.map(({ id }) => id).toSorted();
}
