/**
 * Writes a LIMIT so that the planner cannot foresee it.
 *
 * A planner that knows the limit, and takes what matches for fewer rows than that (without statistics it takes everything for
 * few), reads all that matches and sorts it. Of a limit that it cannot foresee it expects a tenth of the rows, for which
 * walking an index in its order is always the cheaper way.
 */
export function unforeseen(limit: string): string {
  return `(SELECT ${limit}::int8)`;
}
