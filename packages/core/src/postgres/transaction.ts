import pg from "pg";
import { ForgeError } from "../errors.ts";
import { storeError } from "./database-error.ts";
import type { Row, Session, Statement } from "./session.ts";

interface ForeignClient {
  query(text: string, values: readonly unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
}

/**
 * Lets statements run in a caller's transaction: on a `pg` client, or on anything with its `query(text, values)`.
 *
 * Nothing is sent again here, since only the caller can begin the transaction anew. Throws `BAD_REQUEST` for anything else.
 */
export function callersSession(tx: unknown, address: string): Session {
  const client = checkTransaction(tx);
  return {
    async run<R extends Row>({ text }: Statement, values: readonly unknown[]): Promise<R[]> {
      try {
        const { rows } = await client.query(text, values);
        return rows.map((row) => Object.values(row) as Row as R);
      } catch (error) {
        throw storeError(error, address);
      }
    },
  };
}

function checkTransaction(tx: unknown): ForeignClient {
  if (tx instanceof pg.Pool || isPoolLike(tx)) {
    throw refusal("a pool runs every statement on another connection", tx);
  }
  if (typeof tx !== "object" || tx === null || !("query" in tx) || typeof tx.query !== "function") {
    throw refusal(`it has no query(text, values): ${describe(tx)}`, tx);
  }
  if (
    "getTransactionStatus" in tx &&
    typeof tx.getTransactionStatus === "function" &&
    tx.getTransactionStatus() === "I"
  ) {
    throw refusal("no transaction is open on this client", tx);
  }
  return tx as ForeignClient;
}

function isPoolLike(tx: unknown): boolean {
  return typeof tx === "object" && tx !== null && "totalCount" in tx && "idleCount" in tx;
}

function refusal(why: string, tx: unknown): ForgeError {
  return new ForgeError("BAD_REQUEST", `tx takes a pg Client or PoolClient after BEGIN; ${why}.`, {
    details: { tx: describe(tx) },
  });
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return (value.constructor as { name?: string } | undefined)?.name ?? "an object";
}
