import type { Tables } from "./database.ts";

/** What to read of a row, as a list of columns; both lists answer the same. */
export interface Columns {
  readonly live: string;
  readonly ended: string;
}

/**
 * The SELECT of jobs whose ids are the first parameter, wherever they are.
 *
 * One statement sees one moment, so a job that ends meanwhile is found in one of the tables. LIMIT keeps the planner from
 * reading a whole table for a long list of ids: it looks them up one by one.
 */
export function byId({ live, ended }: Tables, columns: Columns): string {
  return `SELECT job.* FROM unnest($1::uuid[]) AS said (id), LATERAL (
      SELECT ${columns.live} FROM ${live} WHERE id = said.id
      UNION ALL SELECT ${columns.ended} FROM ${ended} WHERE id = said.id
      LIMIT 1
    ) AS job`;
}
