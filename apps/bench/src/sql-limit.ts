import { postgresStore } from "@forge-jobs/core/postgres";
import pg from "pg";
import { createDatabase } from "../../../test/support/database.ts";
import type { Contender } from "./contender.ts";
import { BATCH } from "./settings.ts";

const CLAIM = `WITH picked AS (
    SELECT id FROM forge_live WHERE ready_at <= now() ORDER BY ready_at LIMIT $1 FOR UPDATE SKIP LOCKED
  )
  UPDATE forge_live AS j SET status = 'claimed', ready_at = NULL, worker_id = 'w', claimed_at = now(),
    attempts = attempts + 1, claim_no = claim_no + 1, revision = revision + 1
  FROM picked WHERE j.id = picked.id RETURNING j.id, j.input`;

const KEPT = `id, scheduled_at, created_at, lane, claim_no, max_attempts, budget, priority, job_type, queue, input,
  claimed_at, attempts, owner`;

const SETTLE = `WITH gone AS (DELETE FROM forge_live WHERE id = ANY ($1::uuid[]) RETURNING *)
  INSERT INTO forge_ended (${KEPT}, status, revision, started_at, completed_at, output)
  SELECT ${KEPT}, 'completed', revision + 1, now(), now(), 'null' FROM gone`;

/**
 * What PostgreSQL can do with the same tables and indexes and the barest statements, a thousand rows a time, one connection
 * that claims beside one that settles: no fence, no lease, no lanes, no handlers. The ceiling of a drain, no contender.
 */
export function sqlLimit(serverUrl: string): Contender {
  return {
    name: "set-based SQL limit",
    only: ["drain"],
    open: async () => {
      const database = await createDatabase(serverUrl);
      const store = postgresStore(database.url);
      await store.migrate();
      await store.close();
      const pool = new pg.Pool({ connectionString: database.url, max: 2 });
      pool.on("error", () => {});
      return {
        dispatch: async (jobs) => {
          await pool.query(
            `INSERT INTO forge_live (id, scheduled_at, created_at, lane, max_attempts, budget, priority, job_type, queue, input, ready_at)
            SELECT ('019a0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, now(), now(), 1, 3, 3, 2, 'noop',
              'default', json_build_object('n', n), now() FROM generate_series(1, $1) AS n`,
            [jobs],
          );
        },
        drain: async () => {
          const from = performance.now();
          let settling: Promise<unknown> = Promise.resolve();
          for (;;) {
            const { rows } = await pool.query<{ id: string }>({ name: "claim", text: CLAIM, values: [BATCH] });
            await settling;
            if (rows.length === 0) return performance.now() - from;
            settling = pool.query({ name: "settle", text: SETTLE, values: [rows.map(({ id }) => id)] });
          }
        },
        pickup: () => Promise.reject(new Error("The limit has no worker that could be idle")),
        close: async () => {
          await pool.end();
          await database.drop();
        },
      };
    },
  };
}
