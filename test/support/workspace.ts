import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export const root: string = dirname(dirname(import.meta.dirname));

export interface Manifest {
  readonly name: string;
  readonly version?: string;
  readonly private?: boolean;
  readonly license?: string;
  readonly type?: string;
  readonly description?: string;
  readonly files?: readonly string[];
  readonly engines?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly publishConfig?: {
    readonly access?: string;
    readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Reads every manifest below `packages` or `apps`, by folder name. */
export async function manifestsIn(folder: "packages" | "apps"): Promise<Record<string, Manifest>> {
  const manifests: Record<string, Manifest> = {};
  for (const name of await readdir(join(root, folder))) {
    const file = join(root, folder, name, "package.json");
    // A folder may be left over from a branch that had a package there.
    if (existsSync(file)) manifests[name] = JSON.parse(await readFile(file, "utf8")) as Manifest;
  }
  return manifests;
}

/** The commands in README.md's code blocks that begin with `npx`, by the script they run. */
export async function readmeCommands(): Promise<Record<string, string>> {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/^```\w*\n(.*?)^```/gms)].map(([, block]) => block ?? "");
  const lines = blocks.flatMap((block) => block.split("\n")).filter((line) => line.startsWith("npx "));
  return Object.fromEntries(lines.map((line) => [line.split(" ").at(-1) ?? "", line]));
}
