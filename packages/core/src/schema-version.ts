/**
 * The oldest schema whose release works on this release's: statements of releases since then find all that they name,
 * and what was added has defaults. Raised by the release whose migration ends that.
 */
export const COMPATIBLE_FROM = 1;

/** What `forge_meta` says of the tables; both are 0 where there are none. */
export interface SchemaFound {
  /** The newest migration that was done. */
  readonly version: number;
  /** Releases that know this schema, or a later one, work on the tables. */
  readonly compatibleFrom: number;
}

/** How tables stand to a release that knows migrations up to `latest`. */
export type SchemaStanding =
  /** Migrations are missing. */
  | "older"
  | "current"
  /** A later release migrated, and took care that this one goes on working. */
  | "newer"
  /** A later release migrated, and this one would do harm. */
  | "incompatible";

/** Reads the two rows of `forge_meta`, given as text; undefined where a row is absent. */
export function schemaFound(
  rows: Readonly<Partial<Record<"schema_version" | "migrated_to", string | undefined>>>,
): SchemaFound {
  // The first release wrote one number, and refuses tables that say another: it is what stays at the oldest compatible
  // schema, so that its processes may start again while others run a later release.
  const compatibleFrom = Number(rows.schema_version ?? 0);
  return { compatibleFrom, version: Math.max(Number(rows.migrated_to ?? 0), compatibleFrom) };
}

export function schemaStanding({ version, compatibleFrom }: SchemaFound, latest: number): SchemaStanding {
  if (compatibleFrom > latest) return "incompatible";
  if (version > latest) return "newer";
  return version === latest ? "current" : "older";
}
