import pg from "pg";
import { accounts, ACCOUNTS_TABLE } from "./accounts.ts";
import { bookings, BOOKINGS_TABLE } from "./bookings.ts";
import type { DemoData, DemoDataOptions } from "./demo-data.ts";
import { type User, usersBetween } from "./people.ts";
import type { Query } from "./query.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS demo_users (
    id integer PRIMARY KEY, name text NOT NULL, email text NOT NULL, city text NOT NULL, country text NOT NULL,
    plan text NOT NULL, created_at timestamptz NOT NULL
  );
  CREATE TABLE IF NOT EXISTS demo_contacts (
    owner text NOT NULL, email text NOT NULL, name text NOT NULL, company text NOT NULL, city text NOT NULL,
    PRIMARY KEY (owner, email)
  );
  CREATE TABLE IF NOT EXISTS demo_contacts_stage (
    job_id uuid NOT NULL, run_id uuid NOT NULL, line integer NOT NULL, email text NOT NULL, name text NOT NULL,
    company text NOT NULL, city text NOT NULL,
    PRIMARY KEY (job_id, run_id, line)
  );
  CREATE TABLE IF NOT EXISTS demo_imports (
    job_id uuid PRIMARY KEY, owner text NOT NULL, result text NOT NULL
  );
  ${ACCOUNTS_TABLE};
  ${BOOKINGS_TABLE};
`;

const PAGE_ROWS = 1_000;
const SEED_ROWS = 5_000;
// Any constant will do; whoever starts second waits here until the first has committed tables and users.
const SEED_LOCK = 7_361_001;

/** Opens the demo's tables in the PostgreSQL database that Forge keeps its own in; makes and seeds them where they are missing. */
export async function openPostgresData(url: string, { users }: DemoDataOptions): Promise<DemoData> {
  const pool = new pg.Pool({ connectionString: url, max: 5 });
  // An idle connection that the server closes must not end the process; the next query opens another.
  pool.on("error", () => undefined);

  async function transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      const result = await work(client);
      await client.query("COMMIT");
      client.release();
      return result;
    } catch (error) {
      // The connection may be in any state, or gone; closing it rolls back.
      client.release(true);
      throw error;
    }
  }

  await transaction(async (client) => {
    await client.query("SELECT pg_advisory_xact_lock($1)", [SEED_LOCK]);
    await client.query(SCHEMA);
    await seed(client, users);
  });

  const query: Query = async (text, values) => (await pool.query<Record<string, unknown>>(text, [...values])).rows;

  return {
    accounts: accounts(query),
    bookings: bookings(query),
    async countUsers() {
      const { rows } = await pool.query<{ count: number }>("SELECT count(*)::int AS count FROM demo_users");
      return rows[0]!.count;
    },
    async *userPages() {
      for (let last = 0; ;) {
        const { rows } = await pool.query<User & { createdAt: Date }>({
          name: "demo_user_page",
          text: `SELECT id, name, email, city, country, plan, created_at AS "createdAt" FROM demo_users WHERE id > $1 ORDER BY id LIMIT ${PAGE_ROWS}`,
          values: [last],
        });
        if (rows.length === 0) return;
        last = rows.at(-1)!.id;
        yield rows.map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }));
      }
    },
    async stageContacts(run, contacts) {
      await pool.query({
        name: "demo_stage_contacts",
        text: `INSERT INTO demo_contacts_stage (job_id, run_id, line, email, name, company, city)
               SELECT $1, $2, * FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[])`,
        values: [run.jobId, run.runId, ...columns(contacts, ["line", "email", "name", "company", "city"])],
      });
    },
    finishImport: (run, owner, rows, result) =>
      transaction(async (client) => {
        await client.query("INSERT INTO demo_imports (job_id, owner, result) VALUES ($1, $2, $3)", [
          run.jobId,
          owner,
          result,
        ]);
        const { rowCount } = await client.query(
          `WITH staged AS (DELETE FROM demo_contacts_stage WHERE job_id = $2 AND run_id = $3 RETURNING email, name, company, city)
           INSERT INTO demo_contacts (owner, email, name, company, city)
           SELECT $1, email, name, company, city FROM staged
           ORDER BY email -- two imports of one owner lock their rows in the same order
           ON CONFLICT (owner, email) DO UPDATE SET name = excluded.name, company = excluded.company, city = excluded.city`,
          [owner, run.jobId, run.runId],
        );
        if (rowCount !== rows)
          throw new Error(`The stage of job ${run.jobId} holds ${rowCount} rows instead of ${rows}`);
      }),
    async importResult(jobId) {
      const { rows } = await pool.query<{ result: string }>("SELECT result FROM demo_imports WHERE job_id = $1", [
        jobId,
      ]);
      return rows[0]?.result ?? null;
    },
    async clearStage(jobId, runId) {
      await pool.query("DELETE FROM demo_contacts_stage WHERE job_id = $1 AND ($2::uuid IS NULL OR run_id = $2)", [
        jobId,
        runId ?? null,
      ]);
    },
    async stagedJobs() {
      const { rows } = await pool.query<{ job_id: string }>("SELECT DISTINCT job_id FROM demo_contacts_stage");
      return rows.map((row) => row.job_id);
    },
    close: () => pool.end(),
  };
}

async function seed(client: pg.PoolClient, users: number): Promise<void> {
  const { rowCount } = await client.query("SELECT 1 FROM demo_users LIMIT 1");
  if (rowCount !== 0) return;
  for (let first = 1; first <= users; first += SEED_ROWS) {
    const batch = usersBetween(first, Math.min(users, first + SEED_ROWS - 1));
    await client.query(
      `INSERT INTO demo_users (id, name, email, city, country, plan, created_at)
       SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])`,
      columns(batch, ["id", "name", "email", "city", "country", "plan", "createdAt"]),
    );
  }
}

/** One array per column: a statement then has the same few parameters for any number of rows. */
function columns<Row>(rows: readonly Row[], names: readonly (keyof Row)[]): unknown[][] {
  return names.map((name) => rows.map((row) => row[name]));
}
