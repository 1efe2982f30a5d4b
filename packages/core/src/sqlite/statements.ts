import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

/** A statement, and which of the values that are handed in stands at each of its places; null where that is their order. */
interface Prepared {
  readonly statement: StatementSync;
  readonly places: readonly number[] | null;
}

/**
 * The prepared statements of one connection: each SQL text is prepared once, at its first use.
 *
 * A text may number its values (`?1`), so that one value can stand at several places.
 */
export class Statements {
  readonly #db: DatabaseSync;
  readonly #objects = new Map<string, Prepared>();
  readonly #arrays = new Map<string, Prepared>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Runs a statement and answers how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    const { statement, places } = this.#object(sql);
    return Number(statement.run(...placed(values, places)).changes);
  }

  /** The same with values by name, for a text that uses them often, and others in the order of its marks. */
  runNamed(sql: string, named: Record<string, SQLInputValue>, values: readonly SQLInputValue[]): void {
    this.#object(sql).statement.run(named, ...values);
  }

  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    const { statement, places } = this.#object(sql);
    return statement.get(...placed(values, places)) as Row | undefined;
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    const { statement, places } = this.#object(sql);
    return statement.all(...placed(values, places)) as Row[];
  }

  /** Rows as arrays: a third of the cost of objects, for the statements that every job passes. */
  tuples<Row extends readonly unknown[]>(sql: string, ...values: SQLInputValue[]): Row[] {
    const { statement, places } = prepared(this.#db, this.#arrays, sql, true);
    return statement.all(...placed(values, places)) as unknown as Row[];
  }

  #object(sql: string): Prepared {
    return prepared(this.#db, this.#objects, sql, false);
  }
}

function prepared(db: DatabaseSync, cache: Map<string, Prepared>, sql: string, arrays: boolean): Prepared {
  let found = cache.get(sql);
  if (found === undefined) {
    const { text, places } = withoutNumbers(sql);
    const statement = db.prepare(text);
    // A caller's handle may have other defaults.
    statement.setReturnArrays(arrays);
    statement.setReadBigInts(false);
    found = { statement, places };
    cache.set(sql, found);
  }
  return found;
}

/** Node 22 takes `?1` for a name, and then has no place for the values that are handed in one by one. */
function withoutNumbers(sql: string): { text: string; places: number[] | null } {
  if (!/\?\d/.test(sql)) return { text: sql, places: null };
  const places: number[] = [];
  let largest = 0;
  const text = sql.replaceAll(/\?(\d*)/g, (_, number: string) => {
    // By SQLite's own rule a mark without a number comes after the largest so far.
    const place = number === "" ? largest + 1 : Number(number);
    largest = Math.max(largest, place);
    places.push(place - 1);
    return "?";
  });
  return { text, places };
}

function placed(values: SQLInputValue[], places: readonly number[] | null): SQLInputValue[] {
  return places === null ? values : places.map((place) => values[place] as SQLInputValue);
}
