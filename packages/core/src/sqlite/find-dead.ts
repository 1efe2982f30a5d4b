import type { EndedVerbs } from "../store.ts";
import type { Statements } from "./statements.ts";

// Each half walks the index by status and id, so the page needs no more rows than it has.
const half = (status: "failed" | "dead_letter"): string => `
  SELECT * FROM (
    SELECT id FROM forge_ended WHERE status = '${status}' AND id > ? ORDER BY id LIMIT ?
  )`;

const PAGE = `${half("failed")} UNION ALL ${half("dead_letter")}`;

const MATCHING = `
  SELECT e.id FROM json_each(?) said CROSS JOIN forge_ended e ON e.id = said.value
  WHERE e.discarded_at IS NULL AND instr(e.job_type, '@') = 0 AND (?2 IS NULL OR e.job_type = ?2) AND (?3 IS NULL OR e.queue = ?3)
    AND (?4 IS NULL OR ?4 = (
      SELECT error_name FROM forge_history h WHERE h.job_id = e.id AND event IN ('error', 'death')
      ORDER BY revision DESC LIMIT 1
    ))`;

/** Finds dead letters within a stretch of `limit` rows, so that a filter which few of them pass keeps nobody waiting. */
export function findDead(
  sql: Statements,
  { type, queue, errorName, after = "", limit }: Parameters<EndedVerbs["findDead"]>[0],
): { ids: string[]; reached: string | null } {
  const page = sql.all<{ id: string }>(PAGE, after, limit, after, limit).map(({ id }) => id);
  const looked = page.toSorted().slice(0, limit);
  const filters = [type ?? null, queue ?? null, errorName ?? null];
  const ids = sql.all<{ id: string }>(MATCHING, JSON.stringify(looked), ...filters).map(({ id }) => id);
  return { ids, reached: looked.length < limit ? null : looked.at(-1)! };
}
