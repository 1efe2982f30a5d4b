import { ForgeError } from "../errors.ts";
import { sqlState, storeError } from "./database-error.ts";
import type { Database } from "./database.ts";
import type { Row, Session, Statement } from "./session.ts";
import { type RunText, TRANSACTION_KINDS } from "./transaction-kinds.ts";

/** SQLSTATE of a command that needs a transaction, outside of one. */
const NO_TRANSACTION = "25P01";

/**
 * Lets statements run in a caller's transaction, of any of the libraries in `TRANSACTION_KINDS`.
 *
 * Values travel as text or null, and arrays as array literals: that is what all of them pass on unchanged. Nothing is sent
 * again here, since only the caller can begin the transaction anew. Throws `BAD_REQUEST` for anything else, and where no
 * transaction is open, before anything is written.
 */
export async function callersSession(tx: unknown, { address, tables }: Database): Promise<Session> {
  const run = runnerOf(tx);
  const rows = async (text: string, values: readonly unknown[]): Promise<Row[]> => {
    let answer: unknown;
    try {
      answer = await run(text, values.map(asText));
    } catch (error) {
      throw callersError(error, tx, address);
    }
    return rowsOf(answer, tx).map((row) => Object.values(row));
  };
  // Takes the lock that a write takes anyhow, and is refused outside a transaction: on a library's object that is none, and
  // on one that is over by the time it gets there, as where nobody awaited this.
  await rows(`LOCK TABLE ONLY ${tables.live} IN ROW EXCLUSIVE MODE`, []);
  return {
    run: async <R extends Row>({ text }: Statement, values: readonly unknown[]) => (await rows(text, values)) as R[],
  };
}

function runnerOf(tx: unknown): RunText {
  if ((typeof tx !== "object" && typeof tx !== "function") || tx === null) throw refusal("it is", tx);
  const handle = tx as Readonly<Record<PropertyKey, unknown>>;
  if ("totalCount" in tx && "idleCount" in tx) throw refusal("a pool runs every statement on another connection:", tx);
  for (const { runner } of TRANSACTION_KINDS) {
    const run = runner(handle);
    if (run !== null) return run;
  }
  throw refusal("it is", tx);
}

function asText(value: unknown): string | null {
  return typeof value === "number" ? String(value) : (value as string | null);
}

function rowsOf(answer: unknown, tx: unknown): object[] {
  if (Array.isArray(answer)) return answer as object[];
  if (typeof answer === "object" && answer !== null && "rows" in answer && Array.isArray(answer.rows)) {
    return answer.rows as object[];
  }
  throw refusal("what it answers to a statement has no rows:", tx);
}

function callersError(error: unknown, tx: unknown, address: string): ForgeError {
  const state = sqlState(error);
  if (state === NO_TRANSACTION) return refusal("no transaction is open on", tx, error);
  if (state !== null) return storeError(error, address);
  return new ForgeError(
    "UNAVAILABLE",
    "The transaction passed as tx takes no statements: it is over, or its connection was lost. Begin it anew.",
    { cause: error },
  );
}

function refusal(why: string, tx: unknown, cause?: unknown): ForgeError {
  const accepted = TRANSACTION_KINDS.map(({ accepts }) => accepts).toReversed();
  return new ForgeError(
    "BAD_REQUEST",
    `tx takes an open transaction: ${accepted.slice(0, -1).join(", ")}, or ${accepted.at(-1)}; ${why} ${describe(tx)}.`,
    { details: { tx: describe(tx) }, ...(cause !== undefined && { cause }) },
  );
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "function") return "a function";
  if (typeof value !== "object") return `a ${typeof value}`;
  const name = (value.constructor as { name?: string } | undefined)?.name;
  return name === undefined || name === "" || name === "Object" ? "an object" : `a ${name}`;
}
