import type { Query } from "./query.ts";

/** The accounts that `account_verification` asks people to confirm, one a run. Every verb may be repeated. */
export interface Accounts {
  /** Adds an account that is to be confirmed by a token, of which only the hash is kept. */
  add(account: { readonly runId: string; readonly email: string; readonly tokenHash: string }): Promise<void>;
  /** The hash of the token that confirms an account; null if there is none, or none any more. */
  tokenHash(runId: string): Promise<string | null>;
  /** Notes that the address is its owner's. */
  confirm(runId: string): Promise<void>;
  /** Removes an account that nobody has confirmed. */
  remove(runId: string): Promise<void>;
}

export const ACCOUNTS_TABLE = `
  CREATE TABLE IF NOT EXISTS demo_accounts (
    run_id text PRIMARY KEY, email text NOT NULL, token_hash text NOT NULL, confirmed integer NOT NULL DEFAULT 0
  )`;

export function accounts(query: Query): Accounts {
  return {
    async add({ runId, email, tokenHash }) {
      await query(
        `INSERT INTO demo_accounts (run_id, email, token_hash) VALUES ($1, $2, $3) ON CONFLICT (run_id) DO NOTHING`,
        [runId, email, tokenHash],
      );
    },
    async tokenHash(runId) {
      const [row] = await query("SELECT token_hash FROM demo_accounts WHERE run_id = $1", [runId]);
      return (row?.["token_hash"] as string | undefined) ?? null;
    },
    async confirm(runId) {
      await query("UPDATE demo_accounts SET confirmed = 1 WHERE run_id = $1", [runId]);
    },
    async remove(runId) {
      await query("DELETE FROM demo_accounts WHERE run_id = $1 AND confirmed = 0", [runId]);
    },
  };
}
