/** Runs a statement with `$1`, `$2`, … and its values in a caller's transaction; answers what the library answers. */
export type RunText = (text: string, values: readonly (string | null)[]) => Promise<unknown>;

/** How a library's transactions are told from other things, and how a statement runs in one. */
export interface TransactionKind {
  /** What to pass, as it stands in the sentence of a refusal. */
  readonly accepts: string;
  /** Answers how to run statements, or null for an object that is not of this library. */
  readonly runner: (tx: Handle) => RunText | null;
}

/** An object or a function of which nothing is known. */
type Handle = Readonly<Record<PropertyKey, unknown>>;

type Method = (...args: unknown[]) => unknown;

/** Calls a method of the handle; the handles of some libraries are proxies, whose methods must not be taken off them. */
async function call(tx: Handle, method: string, ...args: readonly unknown[]): Promise<unknown> {
  return (tx[method] as Method).call(tx, ...args);
}

function has(tx: Handle, ...methods: readonly string[]): boolean {
  return methods.every((method) => typeof tx[method] === "function");
}

/**
 * The libraries that `tx` may come from, the most peculiar first, since `query` is a common name. By shape and not by class:
 * none of them is a dependency, and an application may have a copy of its own. Whether a transaction is open is not asked
 * here; one statement tells that for all of them.
 */
export const TRANSACTION_KINDS: readonly TransactionKind[] = [
  {
    accepts: "the tx of Prisma's $transaction",
    runner: (tx) =>
      has(tx, "$queryRawUnsafe") ? (text, values) => call(tx, "$queryRawUnsafe", text, ...values) : null,
  },
  {
    accepts: "the sql of postgres.js's sql.begin()",
    // No options: named statements of a foreign text would stay on the connection.
    runner: (tx) => (has(tx, "unsafe", "array") ? (text, values) => call(tx, "unsafe", text, values) : null),
  },
  {
    accepts: "Knex's trx",
    runner: (tx) =>
      has(tx, "raw", "commit", "isCompleted")
        ? (text, values) => {
            const { sql, bindings } = withQuestionMarks(text, values);
            return call(tx, "raw", sql, bindings);
          }
        : null,
  },
  {
    accepts: "the trx of Kysely",
    runner: (tx) =>
      has(tx, "executeQuery", "getExecutor")
        ? (text, values) => call(tx, "executeQuery", compiledForKysely(text, values))
        : null,
  },
  {
    accepts: "the tx of Drizzle's db.transaction()",
    // What `execute` takes is anything that can be turned into a query by the dialect.
    runner: (tx) =>
      has(tx, "execute") && isOfDrizzle(tx)
        ? (text, values) => call(tx, "execute", { getSQL: () => ({ toQuery: () => ({ sql: text, params: values }) }) })
        : null,
  },
  {
    accepts: "a pg Client or PoolClient after BEGIN",
    runner: (tx) => (has(tx, "query") ? (text, values) => call(tx, "query", text, values) : null),
  },
];

/** Knex numbers the parameters itself. */
function withQuestionMarks(
  text: string,
  values: readonly (string | null)[],
): { sql: string; bindings: (string | null)[] } {
  const bindings: (string | null)[] = [];
  const sql = text.replaceAll(/\$(\d+)/g, (_, n: string) => {
    bindings.push(values[Number(n) - 1] ?? null);
    return "?";
  });
  return { sql, bindings };
}

/** What `CompiledQuery.raw` of Kysely makes. */
function compiledForKysely(sql: string, parameters: readonly (string | null)[]): object {
  return {
    sql,
    parameters,
    query: { kind: "RawNode", sqlFragments: [sql], parameters: [] },
    // Plugins keep notes under it, so it is another object each time.
    queryId: { queryId: "forge" },
  };
}

function isOfDrizzle(tx: Handle): boolean {
  const kind = Symbol.for("drizzle:entityKind");
  // Its classes carry their names under this symbol, so that copies of the package know each other's.
  for (let made: unknown = tx["constructor"]; typeof made === "function"; made = Object.getPrototypeOf(made)) {
    const name: unknown = Reflect.get(made, kind);
    if (typeof name === "string" && name.startsWith("Pg")) return true;
  }
  return false;
}
