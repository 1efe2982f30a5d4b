import type { Store, StoreCapabilities, StoreClock } from "@forge-jobs/core";

/** A transaction on the tested database that does not belong to the store, as a user of the library holds one. */
export interface Transaction {
  /** The handle that a verb takes as `tx`. */
  readonly tx: unknown;
  readonly commit: () => Promise<void>;
  readonly rollback: () => Promise<void>;
}

/** The tables that a probe looks at, without what their names begin with. */
export type ProbedTable = "live" | "steps" | "signals";

/** A store on the database, with what its statements cost a table: that of live rows, where the case does not say another. */
export interface Probe {
  readonly store: Store;
  /** Counts rows (or index entries, if those are more) and pages that this store alone touches while the work is done. */
  readonly reads: (work: () => Promise<unknown>, table?: ProbedTable) => Promise<{ rows: number; pages: number }>;
  /** Cleans the table and counts its rows for the planner, as the server does at times of its own. */
  readonly vacuum: (table?: ProbedTable) => Promise<void>;
}

/** What only some databases can do, and the wiring shows the suite how. */
export interface Powers {
  /** Locks a live row as another session would; the answer lets it go. */
  readonly lockRow: (id: string) => Promise<() => Promise<void>>;
  /** Gets ready to cut every connection that the stores have, as a restart of the server does; the answer does it. */
  readonly cutConnections: () => Promise<() => Promise<void>>;
  /** Opens one more store, whose statements are counted. */
  readonly probe: () => Promise<Probe>;
  /** Opens a transaction that keeps its view of the database, so nothing that ends later can be vacuumed away. */
  readonly holdSnapshot: () => Promise<() => Promise<void>>;
  /** Opens a store of the release with schema 1 on the same database and clock. */
  readonly release1: () => Store;
  /** Whether a store hears what other processes changed. */
  readonly notifications: true;
  /** Whether the database lets several transactions write at the same time. */
  readonly concurrentWriters: true;
}

/** What a case may need besides the seam: a power of the wiring, or a capability that the store declares. */
export type Need = keyof Powers | keyof StoreCapabilities;

/** One database with nothing in it, and everything a case may do to it. */
export interface World {
  readonly store: Store;
  /** A second store object on the same database, as another process has one; both run on the same clock. */
  readonly other: Store;
  readonly clock: StoreClock;
  readonly powers: Partial<Powers>;
  readonly begin: () => Promise<Transaction>;
  /** Runs plain SQL, as an operator does; `forge_jobs` is found without a schema before it. */
  readonly rows: (sql: string) => Promise<Record<string, unknown>[]>;
  /** A store whose database does not answer, what its messages must say of it, and what they may never show. */
  readonly unreachable: () => { readonly store: Store; readonly names: string; readonly secrets: readonly string[] };
  /** Closes both stores and removes the database. */
  readonly dispose: () => Promise<void>;
}

/** Makes a world of its own for one case: migrated, unless the case is about migrating. */
export type OpenWorld = (options: { readonly migrated: boolean }) => Promise<World>;

/** Gives a power that the case named in its `needs`. */
export function power<Name extends keyof Powers>(world: World, name: Name): Powers[Name] {
  const found = world.powers[name];
  if (found === undefined) throw new Error(`The wiring lacks "${name}"; a case that uses it names it in "needs"`);
  return found;
}

/** Moves the clock of both stores forward. */
export function advance(world: World, ms: number): void {
  world.clock.offsetMs += ms;
}
