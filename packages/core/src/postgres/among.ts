import type { ClaimLimits } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import type { Bound, ClaimedRow, ClaimTake } from "./claim-statements.ts";
import type { Database } from "./database.ts";
import type { Run } from "./keyed-claim.ts";
import { isOpen, isUnpaused } from "./open-queue.ts";
import type { QueueRoom } from "./queue-room.ts";
import type { Statement } from "./session.ts";
import { taking } from "./taking.ts";
import { unforeseen } from "./unforeseen-limit.ts";

/** A claim that names the jobs it wants. */
export interface AmongClaim extends ClaimTake {
  readonly queue: string;
  readonly types: readonly string[];
  readonly limits?: ClaimLimits;
}

const MS = "interval '1 millisecond'";

/** Takes jobs by their ids, as far as they are due and limits leave them. */
export class Among {
  readonly #database: Database;
  readonly #room: QueueRoom;
  readonly #awaited: Statement;
  readonly #plain: Statement;
  readonly #limited: Statement;

  constructor(database: Database, room: QueueRoom) {
    const { tables } = database;
    const { live, workers, children } = tables;
    this.#database = database;
    this.#room = room;
    const now = `(SELECT statement_timestamp() + $3::float8 * ${MS})`;
    // A row with a key is one for those who count its key, whether it is parked already or not.
    const isDue = `CASE WHEN j.queue <> $1 THEN false
      WHEN j.limit_key IS NULL THEN j.ready_at <= ${now} AND j.job_type = ANY ($2::text[])
      ELSE coalesce(j.parked_at, j.ready_at) <= ${now} AND j.job_type = ANY ($4::text[]) END`;
    // Through the workers, and with OFFSET 0, so that the index over them leads to the runs that wait, however many jobs
    // wait for a worker.
    this.#awaited = {
      text: `SELECT due.id FROM ${workers} AS w, LATERAL (
          SELECT id FROM ${live} WHERE worker_id = w.id AND worker_id IS NOT NULL AND is_waiting OFFSET 0
        ) AS parent, LATERAL (
          SELECT child_id FROM ${children} WHERE parent_id = parent.id OFFSET 0
        ) AS c, LATERAL (
          SELECT j.id FROM ${live} AS j WHERE j.id = c.child_id AND ${isDue} LIMIT ${unforeseen("$5")}
        ) AS due LIMIT $5`,
    };
    const take = { now, workerId: "$5", leaves: "either" } as const;
    this.#plain = {
      text: taking(
        tables,
        `SELECT due.ctid FROM unnest($7::uuid[]) AS said (id), LATERAL (
          SELECT j.ctid FROM ${live} AS j WHERE j.id = said.id AND ${isDue} FOR UPDATE SKIP LOCKED
        ) AS due LIMIT $6`,
        { ...take, isOpen: isOpen(tables, "$1") },
      ),
    };
    // Of the rows with one key only so many are counted for as its limit could leave: a key with a thousand children is
    // looked at a few times, and not a thousand.
    const held = `SELECT count(*) FROM (
        SELECT FROM ${live} AS j WHERE j.lane = ranked.lane AND j.limit_key BETWEEN ranked.limit_key AND ranked.limit_key
          AND j.worker_id IS NOT NULL AND NOT j.is_waiting
          AND CASE WHEN j.queue = $1 THEN j.job_type = ranked.job_type ELSE false END
        ORDER BY j.limit_key LIMIT ${unforeseen("ranked.per_key")}
      ) AS held`;
    const found = `SELECT ranked.place FROM (
        SELECT due.*, k.per_key, row_number() OVER (PARTITION BY due.job_type, due.limit_key ORDER BY due.n) AS nth
        FROM (
          SELECT said.n, j.* FROM unnest($7::uuid[]) WITH ORDINALITY AS said (id, n), LATERAL (
            SELECT j.ctid AS place, j.lane, j.job_type, j.limit_key FROM ${live} AS j
            WHERE j.id = said.id AND ${isDue} LIMIT ${unforeseen("1")}
          ) AS j
        ) AS due LEFT JOIN unnest($4::text[], $8::int4[]) AS k (job_type, per_key) ON k.job_type = due.job_type
      ) AS ranked
      WHERE CASE WHEN ranked.limit_key IS NULL THEN true
        WHEN ranked.nth > ranked.per_key THEN false ELSE ranked.nth <= ranked.per_key - (${held}) END
      ORDER BY ranked.n LIMIT $6`;
    // CASE, as in the claim of the oldest: the planner is to go to these few rows and nowhere else.
    const picked = `SELECT ctid FROM ${live}
      WHERE ctid = ANY (ARRAY(${found})) AND CASE WHEN coalesce(parked_at, ready_at) IS NULL THEN false ELSE true END
      FOR UPDATE SKIP LOCKED`;
    this.#limited = { text: taking(tables, picked, { ...take, isOpen: isUnpaused(tables, "$1") }) };
  }

  /** Takes those of the jobs that may be had, in the order given; or of those that runs wait for. */
  async take(run: Run, claim: AmongClaim, among: readonly string[] | "awaited"): Promise<ClaimedRow[]> {
    const { queue, limits } = claim;
    const found = among === "awaited" ? (await run<[id: string]>(this.#findAwaited(claim))).flat() : among;
    const ids = [...new Set(found)];
    if (ids.length === 0) return [];
    const rows = await (limits === undefined
      ? run<ClaimedRow>(this.#take(this.#plain, claim, ids))
      : this.#room.within(queue, async (session, left) => {
          // One who does not say that the queue is limited as a whole has not heard of it, and takes nothing.
          if (left <= 0 || (left !== Infinity && !limits.global)) return [];
          const { statement, values } = this.#take(
            this.#limited,
            { ...claim, limit: Math.min(claim.limit, left) },
            ids,
            limits.keyed.map(({ perKey }) => perKey),
          );
          return session.run<ClaimedRow>(statement, values);
        }));
    const places = new Map(ids.map((id, n) => [id, n]));
    return rows.toSorted((a, b) => places.get(a[0])! - places.get(b[0])!);
  }

  #findAwaited(claim: AmongClaim): Bound {
    return { statement: this.#awaited, values: [...this.#scope(claim), claim.limit] };
  }

  #take(statement: Statement, claim: AmongClaim, ids: readonly string[], perKey?: readonly number[]): Bound {
    const values = [...this.#scope(claim), claim.workerId, claim.limit, binaryArrays.uuid(ids)];
    return { statement, values: perKey === undefined ? values : [...values, binaryArrays.int4(perKey)] };
  }

  #scope({ queue, types, limits }: AmongClaim): unknown[] {
    const keyed = limits?.keyed.map(({ type }) => type) ?? [];
    return [queue, binaryArrays.text(types), this.#database.offsetMs, binaryArrays.text(keyed)];
  }
}
