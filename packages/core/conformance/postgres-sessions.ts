import pg from "pg";
import { postgresStore } from "../src/postgres/index.ts";
import type { StoreClock } from "../src/store.ts";
import type { Powers, Probe, ProbedTable, Transaction } from "./world.ts";

/** What the suite does to a PostgreSQL database beside the stores: each on a connection of its own. */
export class PostgresSessions {
  readonly #url: string;
  readonly #schema: string;
  readonly #clock: StoreClock;
  readonly #clients: pg.Client[] = [];
  readonly #closings: (() => Promise<void>)[] = [];

  constructor(url: string, schema: string, clock: StoreClock) {
    this.#url = url;
    this.#schema = schema;
    this.#clock = clock;
  }

  /** Whether so many rows were written that emptying the tables takes longer than making new ones. */
  get isCrowded(): boolean {
    return this.#closings.length > 0;
  }

  readonly rows = async (sql: string): Promise<Record<string, unknown>[]> => {
    const client = await this.#connect();
    await client.query(`SET search_path TO ${pg.escapeIdentifier(this.#schema)}`);
    return (await client.query<Record<string, unknown>>(sql)).rows;
  };

  /** With the server's own search path, as an application that does not know the schema has it. */
  readonly begin = async (): Promise<Transaction> => {
    const tx = await this.#connect();
    await tx.query("BEGIN");
    return {
      tx,
      commit: async () => void (await tx.query("COMMIT")),
      rollback: async () => void (await tx.query("ROLLBACK")),
    };
  };

  readonly powers: Omit<Powers, "release1"> = {
    concurrentWriters: true,
    notifications: true,
    lockRow: async (id) => {
      const client = await this.#connect();
      await client.query("BEGIN");
      await client.query(`SELECT 1 FROM ${this.#table("live")} WHERE id = $1 FOR UPDATE`, [id]);
      return async () => void (await client.query("ROLLBACK"));
    },
    cutConnections: async () => {
      const client = await this.#connect();
      const others = "datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
      return async () =>
        void (await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others}`));
    },
    holdSnapshot: async () => {
      const client = await this.#connect();
      await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
      await client.query(`SELECT 1 FROM ${this.#table("live")} LIMIT 1`);
      return async () => void (await client.query("ROLLBACK"));
    },
    probe: async () => {
      // One connection for all statements, since a session's counters reach the others only when it says so.
      const pool = new pg.Pool({ connectionString: this.#url, max: 1 });
      pool.on("error", () => {});
      const store = postgresStore({ pool, schema: this.#schema, clock: this.#clock });
      this.#closings.push(async () => {
        await store.close();
        await pool.end();
      });
      return {
        store,
        reads: (work, table = "live") => this.#reads(pool, work, table),
        vacuum: async (table = "live") => void (await pool.query(`VACUUM ANALYZE ${this.#table(table)}`)),
      };
    },
  };

  async close(): Promise<void> {
    await Promise.all([...this.#clients.map((client) => client.end()), ...this.#closings.map((close) => close())]);
  }

  #table(name: ProbedTable): string {
    return `${pg.escapeIdentifier(this.#schema)}.forge_${name}`;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.#url });
    // `cutConnections` cuts these too; without a listener that would end the process.
    client.on("error", () => {});
    await client.connect();
    this.#clients.push(client);
    return client;
  }

  async #reads(pool: pg.Pool, work: () => Promise<unknown>, table: ProbedTable): ReturnType<Probe["reads"]> {
    const before = await counters(pool, table);
    await work();
    const after = await counters(pool, table);
    return { rows: after.rows - before.rows, pages: after.pages - before.pages };
  }
}

/** Empties all tables but the one that says which migrations were done. Nobody else may be connected. */
export async function emptyTables(url: string, schema: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = $1 AND tablename <> 'forge_meta'",
      [schema],
    );
    // TRUNCATE costs ten times as much while the tables are small.
    for (const { name } of rows) await client.query(`DELETE FROM ${name}`);
  } finally {
    await client.end();
  }
}

async function counters(pool: pg.Pool, table: ProbedTable): ReturnType<Probe["reads"]> {
  // Takes effect when the statement has ended, so what it covers is read by the next one.
  await pool.query("SELECT pg_stat_force_next_flush()");
  const { rows } = await pool.query<{ rows: number; pages: number }>(
    `
    SELECT (t.seq_tup_read + greatest(t.idx_tup_fetch, i.read))::int AS rows,
           (io.heap_blks_read + io.heap_blks_hit + io.idx_blks_read + io.idx_blks_hit)::int AS pages
      FROM pg_stat_all_tables t
      JOIN pg_statio_all_tables io USING (relid)
     CROSS JOIN LATERAL (SELECT sum(idx_tup_read) AS read FROM pg_stat_all_indexes WHERE relid = t.relid) i
     WHERE t.relname = $1`,
    [`forge_${table}`],
  );
  return rows[0]!;
}
