import type { Statements } from "./statements.ts";

const HAS_META = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'forge_meta'";

/** One value of `forge_meta`; undefined where it or the whole schema is absent. */
export function readMeta(sql: Statements, name: string): string | undefined {
  if (sql.get(HAS_META) === undefined) return undefined;
  return sql.get<{ value: string }>("SELECT value FROM forge_meta WHERE name = ?", name)?.value;
}

const WRITE_META =
  "INSERT INTO forge_meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

export function writeMeta(sql: Statements, name: string, value: string): void {
  sql.run(WRITE_META, name, value);
}
