import { SETTLED_JOB_STATUSES, type StoredJobStatus } from "@forge-jobs/protocol";
import type { ChildCall, ChildResult, ChildVerbs, InsertResult, NewJob } from "../store.ts";
import { binaryArrays } from "./arrays.ts";
import { byId } from "./by-id.ts";
import type { Database, Tables } from "./database.ts";
import type { HintSink } from "./hints.ts";
import { JobRows } from "./job-rows.ts";
import { KeyRing } from "./keys.ts";
import type { Row, Session, Statement } from "./session.ts";
import { unforeseen } from "./unforeseen-limit.ts";

type LockedRow = [id: string, claimNo: number, status: StoredJobStatus];
type FoundRow = [parentId: string, key: string, id: string, status: StoredJobStatus | null];

/** Makes the verbs over children. */
export function createChildren(database: Database, hints: HintSink): ChildVerbs {
  const statements = childStatements(database.tables);
  const rows = new JobRows(database);
  const keyRing = new KeyRing(database);

  /** The parents stay locked until the end, so that nobody cancels one, or takes it over, between the look and the insert. */
  async function lockParents(session: Session, calls: readonly ChildCall[]): Promise<Map<string, StoredJobStatus>> {
    const parents = [...new Map(calls.map(({ parent }) => [runOf(parent), parent])).values()];
    const locked = await session.run<LockedRow & Row>(statements.lock, [
      binaryArrays.uuid(parents.map(({ id }) => id)),
      binaryArrays.int4(parents.map(({ claimNo }) => claimNo)),
    ]);
    return new Map(locked.map(([id, claimNo, status]) => [runOf({ id, claimNo }), status]));
  }

  /** A statement after the locks: its snapshot shows what an earlier send of the same calls has written. */
  async function findChildren(session: Session, calls: readonly ChildCall[]): Promise<Map<string, FoundRow>> {
    const found = await session.run<FoundRow & Row>(statements.find, [
      binaryArrays.uuid(calls.map(({ parent }) => parent.id)),
      binaryArrays.text(calls.map(({ key }) => key)),
    ]);
    return new Map(found.map((row) => [nameOf(row[0], row[1]), row]));
  }

  /** Writes the jobs whose idempotency keys nobody holds, and notes for each call what it led to. */
  async function insert(session: Session, calls: readonly ChildCall[]): Promise<InsertResult[]> {
    if (calls.length === 0) return [];
    const jobs = calls.map(({ job }) => job);
    const hasKeys = jobs.some(({ keys }) => keys.length > 0);
    const holders = hasKeys ? await keyRing.take(session, jobs, binaryArrays) : [];
    const free = calls.filter((_, n) => (holders[n] ?? null) === null);
    await rows.insert(
      session,
      free.map(({ job }) => job),
      binaryArrays,
    );
    await session.run(statements.link, [
      binaryArrays.uuid(calls.map(({ parent }) => parent.id)),
      binaryArrays.text(calls.map(({ key }) => key)),
      binaryArrays.uuid(calls.map(({ job }, n) => holders[n] ?? job.id)),
      binaryArrays.uuid(free.map(({ job }) => job.id)),
      binaryArrays.uuid(free.map(({ parent }) => parent.id)),
    ]);
    return jobs.map(({ id }, n) => ({ id: holders[n] ?? id, created: (holders[n] ?? null) === null }));
  }

  async function dispatchIn(
    session: Session,
    calls: readonly ChildCall[],
  ): Promise<{ results: ChildResult[]; made: NewJob[] }> {
    const locked = await lockParents(session, calls);
    const open = calls.filter(({ parent }) => isOpen(locked.get(runOf(parent))));
    // Two calls of one name make one child.
    const distinct = [...new Map(open.map((call) => [nameOf(call.parent.id, call.key), call])).values()];
    const found = distinct.length === 0 ? new Map<string, FoundRow>() : await findChildren(session, distinct);
    const answers = new Map<string, ChildResult>();
    for (const [name, [, , id, status]] of found) if (isOfUse(status)) answers.set(name, { kind: "found", id });
    const wanted = distinct.filter(({ parent, key }) => !answers.has(nameOf(parent.id, key)));
    const again = wanted.filter(({ parent, key }) => found.has(nameOf(parent.id, key)));
    if (again.length > 0) {
      await session.run(statements.supersede, [
        binaryArrays.uuid(again.map(({ parent }) => parent.id)),
        binaryArrays.text(again.map(({ key }) => key)),
      ]);
    }
    const inserted = await insert(session, wanted);
    for (const [n, { parent, key }] of wanted.entries()) {
      const { id, created } = inserted[n]!;
      answers.set(nameOf(parent.id, key), { kind: created ? "made" : "found", id });
    }
    const results = calls.map(({ parent, key }): ChildResult => {
      const status = locked.get(runOf(parent));
      if (status === undefined) return { kind: "stale" };
      return isOpen(status) ? answers.get(nameOf(parent.id, key))! : { kind: "cancelled" };
    });
    return { results, made: wanted.flatMap(({ job }, n) => (inserted[n]?.created === true ? [job] : [])) };
  }

  return {
    async dispatch({ calls }) {
      if (calls.length === 0) return [];
      const { results, made } = await database.transaction((session) => dispatchIn(session, calls));
      hints.available(new Set(made.map(({ queue }) => queue)));
      return results;
    },

    async progress({ ids }) {
      if (ids.length === 0) return [];
      const found = await database.run<Row & [string, StoredJobStatus, number | null]>(statements.progress, [
        binaryArrays.uuid(ids),
      ]);
      return found.map(([id, status, progress]) => ({ id, status, progress }));
    },

    async setWaiting({ runs }) {
      if (runs.length === 0) return;
      await database.run(statements.setWaiting, [
        binaryArrays.uuid(runs.map(({ id }) => id)),
        binaryArrays.int4(runs.map(({ claimNo }) => claimNo)),
        binaryArrays.int2(runs.map(({ isWaiting }) => (isWaiting ? 1 : 0))),
      ]);
      hints.available(new Set(runs.flatMap(({ frees }) => frees ?? [])));
    },

    async among({ parentId, ids }) {
      if (ids.length === 0) return [];
      const found = await database.run<Row & [string]>(statements.among, [parentId, binaryArrays.uuid(ids)]);
      return found.map(([id]) => id);
    },
  };
}

interface ChildStatements {
  readonly lock: Statement;
  readonly find: Statement;
  readonly supersede: Statement;
  readonly link: Statement;
  readonly progress: Statement;
  readonly setWaiting: Statement;
  readonly among: Statement;
}

function childStatements(tables: Tables): ChildStatements {
  const { live, ended, children } = tables;
  return {
    lock: {
      text: `SELECT row.* FROM (
          SELECT id, claim_no FROM unnest($1::uuid[], $2::int4[]) AS said (id, claim_no) ORDER BY id
        ) AS run, LATERAL (
          SELECT l.id, l.claim_no, l.status FROM ${live} AS l
          WHERE l.id = run.id AND l.claim_no = run.claim_no AND l.status IN ('claimed', 'running', 'cancel_requested')
          FOR NO KEY UPDATE
        ) AS row`,
    },
    find: {
      text: `SELECT c.parent_id, c.child_key, c.child_id, coalesce(
            (SELECT l.status FROM ${live} AS l WHERE l.id = c.child_id),
            (SELECT e.status FROM ${ended} AS e WHERE e.id = c.child_id)
          )
        FROM unnest($1::uuid[], $2::text[]) AS said (parent_id, child_key), LATERAL (
          SELECT * FROM ${children} WHERE parent_id = said.parent_id AND child_key = said.child_key LIMIT ${unforeseen("1")}
        ) AS c`,
    },
    // A name that no call makes: keys hold no tilde.
    supersede: {
      text: `UPDATE ${children} AS c SET child_key = c.child_key || '~' || c.child_id
        FROM unnest($1::uuid[], $2::text[]) AS said (parent_id, child_key)
        WHERE c.parent_id = said.parent_id AND c.child_key = said.child_key`,
    },
    // The job that holds an idempotency key of a child is somebody else's, and stays so: only what was inserted gets a
    // parent. Here and not by the insert, whose statements every job without a parent shares.
    link: {
      text: `WITH linked AS (
          INSERT INTO ${children} (parent_id, child_key, child_id, is_stand_in)
          SELECT parent_id, child_key, child_id, child_id <> ALL ($4::uuid[])
          FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS call (parent_id, child_key, child_id)
        ), said AS (SELECT * FROM unnest($4::uuid[], $5::uuid[]) AS said (id, parent_id))
        UPDATE ${live} AS l SET parent_id = said.parent_id FROM said
        WHERE l.id = said.id AND l.ctid = ANY (ARRAY(
          SELECT row.ctid FROM said, LATERAL (SELECT l.ctid FROM ${live} AS l WHERE l.id = said.id LIMIT 1) AS row
        ))`,
    },
    progress: { text: byId(tables, { live: "id, status, progress", ended: "id, status, progress" }) },
    setWaiting: {
      text: `WITH said AS (SELECT * FROM unnest($1::uuid[], $2::int4[], $3::int2[]) AS said (id, claim_no, is_waiting))
        UPDATE ${live} AS l SET is_waiting = said.is_waiting = 1 FROM said
        WHERE l.id = said.id AND l.claim_no = said.claim_no AND l.ctid = ANY (ARRAY(
          SELECT row.ctid FROM (SELECT id, claim_no FROM said ORDER BY id) AS run, LATERAL (
            SELECT l.ctid FROM ${live} AS l
            WHERE l.id = run.id AND l.claim_no = run.claim_no AND l.status IN ('claimed', 'running', 'cancel_requested')
            FOR NO KEY UPDATE
          ) AS row
        ))`,
    },
    among: { text: `SELECT DISTINCT child_id FROM ${children} WHERE parent_id = $1 AND child_id = ANY ($2::uuid[])` },
  };
}

function isOpen(status: StoredJobStatus | undefined): boolean {
  return status === "claimed" || status === "running";
}

/** Whether a child of before is under way or has completed. */
function isOfUse(status: StoredJobStatus | null): boolean {
  return status !== null && (status === "completed" || !SETTLED_JOB_STATUSES.includes(status));
}

function runOf({ id, claimNo }: { readonly id: string; readonly claimNo: number }): string {
  return `${id} ${claimNo}`;
}

function nameOf(parentId: string, key: string): string {
  return `${parentId} ${key}`;
}
