import { SETTLED_JOB_STATUSES } from "@forge-jobs/protocol";
import type { ChildCall, ChildProgress, ChildResult, ParentRun, WaitingRun } from "../store.ts";
import { insert } from "./insert.ts";
import type { Statements } from "./statements.ts";
import type { WriteTx } from "./write-queue.ts";

const PARENT = `
  SELECT status FROM forge_live
  WHERE id = ? AND claim_no = ? AND status IN ('claimed', 'running', 'cancel_requested')`;

const FIND = "SELECT child_id AS id FROM forge_children WHERE parent_id = ? AND child_key = ?";

// A name that no call makes: keys hold no tilde.
const SUPERSEDE = `
  UPDATE forge_children SET child_key = child_key || '~' || child_id WHERE parent_id = ? AND child_key = ?`;

const LINK = "INSERT INTO forge_children (parent_id, child_key, child_id, is_stand_in) VALUES (?, ?, ?, ?)";

/** Inserts children one after the other, so that a call that repeats one of the batch finds it. */
export function dispatchChildren(tx: WriteTx, calls: readonly ChildCall[]): ChildResult[] {
  return calls.map(({ parent, key, job }): ChildResult => {
    const refusal = whyRefused(tx.sql, parent);
    if (refusal !== null) return { kind: refusal };
    const before = tx.sql.get<{ id: string }>(FIND, parent.id, key)?.id;
    if (before !== undefined) {
      if (isOfUse(tx.sql, before)) return { kind: "found", id: before };
      tx.sql.run(SUPERSEDE, parent.id, key);
    }
    const { id, created } = insert(tx, [job])[0]!;
    if (created) tx.sql.run("UPDATE forge_live SET parent_id = ? WHERE id = ?", parent.id, id);
    tx.sql.run(LINK, parent.id, key, id, created ? 0 : 1);
    return { kind: created ? "made" : "found", id };
  });
}

function whyRefused(sql: Statements, { id, claimNo }: ParentRun): "stale" | "cancelled" | null {
  const row = sql.get<{ status: string }>(PARENT, id, claimNo);
  if (row === undefined) return "stale";
  return row.status === "cancel_requested" ? "cancelled" : null;
}

/** Whether a child of before is under way or has completed. */
function isOfUse(sql: Statements, id: string): boolean {
  const [child] = readProgress(sql, [id]);
  return child !== undefined && (child.status === "completed" || !SETTLED_JOB_STATUSES.includes(child.status));
}

const PROGRESS = `
  SELECT id, status, progress FROM forge_live WHERE id IN (SELECT value FROM json_each(?))
  UNION ALL
  SELECT id, status, progress FROM forge_ended WHERE id IN (SELECT value FROM json_each(?))`;

export function readProgress(sql: Statements, ids: readonly string[]): ChildProgress[] {
  const wanted = JSON.stringify(ids);
  return sql.all<ChildProgress>(PROGRESS, wanted, wanted).map((row) => ({ ...row }));
}

const SET_WAITING = `
  UPDATE forge_live SET is_waiting = ?
  WHERE id = ? AND claim_no = ? AND status IN ('claimed', 'running', 'cancel_requested')`;

export function setWaiting({ sql, available }: WriteTx, runs: readonly WaitingRun[]): void {
  for (const { id, claimNo, isWaiting, frees } of runs) {
    sql.run(SET_WAITING, isWaiting ? 1 : 0, id, claimNo);
    if (frees !== undefined) available.add(frees);
  }
}

const AMONG = `
  SELECT child_id AS id FROM forge_children WHERE parent_id = ? AND child_id IN (SELECT value FROM json_each(?))`;

export function childrenAmong(sql: Statements, parentId: string, ids: readonly string[]): string[] {
  return [...new Set(sql.all<{ id: string }>(AMONG, parentId, JSON.stringify(ids)).map(({ id }) => id))];
}
