import type { EndedStatus, SweepVerbs } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import type { Database, Tables } from "./database.ts";
import { type DoomedRow, Removal } from "./removal.ts";
import type { Statement } from "./session.ts";
import { isRun } from "./wake.ts";
import { unforeseen } from "./unforeseen-limit.ts";

/** What one process sweeps for all, and how long rows are kept. */
export type RetainVerbs = Pick<SweepVerbs, "lead" | "resign" | "retain" | "expired" | "deletionNotes">;

const MS = "interval '1 millisecond'";
const FIRST_ID = "00000000-0000-0000-0000-000000000000";

/** Which column tells when a job of that status ended. */
const ENDED_AT: Readonly<Record<EndedStatus, string>> = {
  completed: "completed_at",
  cancelled: "cancelled_at",
  failed: "failed_at",
  dead_letter: "failed_at",
};

/** Makes the verbs of the lease, and those that delete what was kept for long enough. */
export function createRetain(database: Database): RetainVerbs {
  const { tables } = database;
  const { lead, resign, page, lock, lockExpired, postpone, notes } = retainStatements(tables);
  const removal = new Removal(database);

  return {
    async lead({ name, holder, leaseMs }) {
      const [row] = await database.run<[leads: boolean, nowMs: number]>(lead, [
        name,
        holder,
        leaseMs,
        database.offsetMs,
      ]);
      const [leads, nowMs] = row as [boolean, number];
      return { leads, nowMs };
    },

    async resign({ name, holder }) {
      await database.run(resign, [name, holder]);
    },

    async retain({ status, olderThanMs, after = FIRST_ID, upTo, limit }) {
      const looked = await database.run<[id: string, isOver: boolean]>(page(ENDED_AT[status]), [
        status,
        after,
        upTo,
        limit,
        olderThanMs,
        database.offsetMs,
      ]);
      const over = looked.flatMap(([id, isOver]) => (isOver ? [id] : []));
      const deleted =
        over.length === 0
          ? 0
          : await database.transaction(async (session) => {
              const values = [binaryArrays.uuid(over), status, olderThanMs, database.offsetMs];
              const rows = await session.run<DoomedRow>(lock(ENDED_AT[status]), values);
              return removal.runWithoutWaiting(session, rows);
            });
      return { deleted, reached: looked.length < limit ? null : (looked.at(-1)?.[0] ?? null) };
    },

    async expired({ limit }) {
      return database.transaction(async (session) => {
        const rows = await session.run<[...DoomedRow, isOver: boolean]>(lockExpired, [limit, database.offsetMs]);
        const over = rows.flatMap(([id, keys, ofRun, isOver]): DoomedRow[] => (isOver ? [[id, keys, ofRun]] : []));
        await removal.runWithoutWaiting(session, over);
        // Out of the way of those behind them; of what was removed nothing is left to postpone.
        if (rows.length > 0) {
          await session.run(postpone, [binaryArrays.uuid(rows.map(([id]) => id)), database.offsetMs]);
        }
        return rows.length;
      });
    },

    async deletionNotes({ olderThanMs, limit }) {
      return (await database.run(notes, [olderThanMs, limit, database.offsetMs])).length;
    },
  };
}

function retainStatements(tables: Tables): Readonly<
  Record<"lead" | "resign" | "lockExpired" | "postpone" | "notes", Statement>
> & {
  readonly page: (endedAt: string) => Statement;
  readonly lock: (endedAt: string) => Statement;
} {
  const { ended, live, leases, history } = tables;
  const now = (offset: string): string => `(statement_timestamp() + ${offset}::float8 * ${MS})`;
  const before = (age: string, offset: string): string => `(${now(offset)} - ${age}::float8 * ${MS})`;
  // A live parent may come again, and read what its children answered.
  const notAwaited = `(e.parent_id IS NULL OR NOT EXISTS (SELECT FROM ${live} AS parent WHERE parent.id = e.parent_id))`;
  return {
    lead: {
      // A lease that ends later than anybody could have taken it for was taken before the clock went back.
      text: `WITH won AS (
          INSERT INTO ${leases} AS l (name, holder, until) VALUES ($1, $2, ${now("$4")} + $3::float8 * ${MS})
          ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
          WHERE l.holder = excluded.holder OR l.until <= ${now("$4")} OR l.until > ${now("$4")} + 2 * $3::float8 * ${MS}
          RETURNING 1
        )
        SELECT EXISTS (SELECT FROM won), round(date_part('epoch', ${now("$4")}) * 1000)`,
    },
    resign: { text: `DELETE FROM ${leases} WHERE name = $1 AND holder = $2` },
    page: (endedAt) => ({
      text: `SELECT e.id, e.expires_at IS NULL AND e.${endedAt} <= ${before("$5", "$6")} AND ${notAwaited}
        FROM ${ended} AS e WHERE e.status = $1 AND e.id > $2::uuid AND e.id <= $3::uuid
        ORDER BY e.id LIMIT ${unforeseen("$4")}`,
    }),
    // Looks at everything again: a row that was retried meanwhile, and has ended once more, is another one.
    lock: (endedAt) => ({
      text: `SELECT row.* FROM unnest($1::uuid[]) AS said (id), LATERAL (
          SELECT e.id, e.keys::text, ${isRun("e")} FROM ${ended} AS e
          WHERE e.id = said.id AND e.status = $2 AND e.expires_at IS NULL AND e.${endedAt} <= ${before("$3", "$4")}
            AND ${notAwaited}
          FOR UPDATE SKIP LOCKED
        ) AS row`,
    }),
    lockExpired: {
      text: `SELECT e.id, e.keys::text, ${isRun("e")}, ${notAwaited} FROM ${ended} AS e
        WHERE e.expires_at IS NOT NULL AND e.expires_at <= ${now("$2")}
        ORDER BY e.expires_at LIMIT ${unforeseen("$1")} FOR UPDATE SKIP LOCKED`,
    },
    postpone: {
      text: `UPDATE ${ended} SET expires_at = ${now("$2")} + interval '1 hour' WHERE ctid = ANY (ARRAY(
          SELECT row.ctid FROM unnest($1::uuid[]) AS said (id), LATERAL (
            SELECT ctid FROM ${ended} WHERE id = said.id LIMIT 1
          ) AS row
        ))`,
    },
    notes: {
      text: `DELETE FROM ${history} WHERE ctid = ANY (ARRAY(
          SELECT ctid FROM ${history} WHERE event = 'delete' AND at <= ${before("$1", "$3")} ORDER BY at LIMIT $2
          FOR UPDATE SKIP LOCKED
        ))
        RETURNING 1`,
    },
  };
}
