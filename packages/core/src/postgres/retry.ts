import type { StoredJobStatus } from "@forge-jobs/protocol";
import type { JobVerbs, RetryResult } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import { byId } from "./by-id.ts";
import type { Database, Tables } from "./database.ts";
import { remembering } from "./history.ts";
import type { HintSink } from "./hints.ts";
import { storedWants } from "./job-rows.ts";
import { KeyRing } from "./keys.ts";
import type { Session, Statement } from "./session.ts";
import { movedOf, queuesOf, WRITTEN, type WrittenRow } from "./written-row.ts";

type RetryOptions = Omit<Parameters<JobVerbs["retry"]>[0], "ids" | "delaysMs">;

interface Retried {
  readonly answers: ReadonlyMap<string, RetryResult>;
  readonly moved: readonly WrittenRow[];
}

type LockedRow = [id: string, status: StoredJobStatus, keys: string | null, isDiscarded: boolean];

const MS = "interval '1 millisecond'";

/** Makes the verb `retry`. */
export function createRetry(database: Database, hints: HintSink): JobVerbs["retry"] {
  const { lock, find, move } = retryStatements(database.tables);
  const keyRing = new KeyRing(database);

  async function retryIn(
    session: Session,
    ids: readonly string[],
    delays: ReadonlyMap<string, number>,
    { maxAttempts, by }: RetryOptions,
  ): Promise<Retried> {
    const answers = new Map<string, RetryResult>();
    const locked = await session.run<LockedRow>(lock, [binaryArrays.uuid(ids)]);
    for (const [id, , , isDiscarded] of locked) if (isDiscarded) answers.set(id, "discarded");
    const ready = locked.filter(([, status, , isDiscarded]) => status !== "completed" && !isDiscarded);
    const wants = ready.map(([id, , keys]) => storedWants(id, keys));
    const hasKeys = wants.some((list) => list.length > 0);
    const taken = hasKeys ? await keyRing.takeAgain(session, wants, binaryArrays) : wants.map(() => true);
    ready.forEach(([id], n) => answers.set(id, taken[n] === true ? "retried" : "key_held"));

    const free = ready.flatMap(([id], n) => (taken[n] === true ? [id] : []));
    const due = binaryArrays.float8(free.map((id) => delays.get(id) ?? 0));
    const values = [binaryArrays.uuid(free), database.offsetMs, maxAttempts ?? null, by ?? null, due];
    const moved = free.length === 0 ? [] : await session.run<WrittenRow>(move, values);
    const rest = ids.filter((id) => !answers.has(id));
    const found = rest.length === 0 ? [] : await session.run<[id: string]>(find, [binaryArrays.uuid(rest)]);
    for (const [id] of found) answers.set(id, "not_settled");
    return { answers, moved };
  }

  return async ({ ids, delaysMs = [], ...options }) => {
    if (ids.length === 0) return [];
    const sorted = [...new Set(ids)].toSorted();
    const delays = new Map(ids.map((id, n) => [id, delaysMs[n] ?? 0]));
    const { answers, moved } = await database.transaction((session) => retryIn(session, sorted, delays, options));
    hints.available(queuesOf(moved));
    hints.moved(moved.map(movedOf));
    return ids.map((id) => answers.get(id) ?? "not_found");
  };
}

function retryStatements(tables: Tables): { lock: Statement; find: Statement; move: Statement } {
  const { live, ended } = tables;
  return {
    lock: {
      text: `SELECT row.* FROM unnest($1::uuid[]) AS said (id), LATERAL (
          SELECT e.id, e.status, e.keys::text, e.discarded_at IS NOT NULL FROM ${ended} AS e WHERE e.id = said.id FOR UPDATE
        ) AS row`,
    },
    find: { text: byId(tables, { live: "id", ended: "id" }) },
    move: {
      text: `WITH gone AS (
          DELETE FROM ${ended} WHERE ctid = ANY (ARRAY(
            SELECT row.ctid FROM unnest($1::uuid[]) AS said (id), LATERAL (
              SELECT e.ctid FROM ${ended} AS e WHERE e.id = said.id LIMIT 1
            ) AS row
          )) RETURNING *
        ), written AS (INSERT INTO ${live} (
          id, scheduled_at, created_at, lane, claim_no, revision, attempts, max_attempts, budget, priority,
          status, job_type, queue, input, ready_at, claimed_at, started_at, owner, parent_id, overrides, keys, limit_key
        )
        SELECT
          e.id, due, e.created_at, e.lane, e.claim_no, e.revision + 1, e.attempts, e.attempts + coalesce($3::int4, e.budget), e.budget, e.priority,
          'pending', e.job_type, e.queue, e.input, due, e.claimed_at, e.started_at, e.owner, e.parent_id, e.overrides, e.keys, e.limit_key
        FROM gone AS e JOIN (
          SELECT id, statement_timestamp() + ($2::float8 + delay_ms) * ${MS} AS due
          FROM unnest($1::uuid[], $5::float8[]) AS said (id, delay_ms)
        ) AS said ON said.id = e.id
        RETURNING ${WRITTEN}, queue, attempts), ${remembering(tables, {
          from: `written, (SELECT statement_timestamp() + $2::float8 * ${MS} AS now) AS clock`,
          event: "retry",
          id: "written.id",
          revision: "written.revision",
          attempt: "written.attempts",
          by: "$4::text",
        })}
        SELECT ${WRITTEN}, queue FROM written`,
    },
  };
}
