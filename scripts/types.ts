import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { withTreeLock } from "./tree-lock.ts";

const root = dirname(import.meta.dirname);

/** Checks the types of everything and emits the packages; gives the compiler's exit code. */
export function compile(): Promise<number> {
  return withTreeLock(async () => {
    await removeStale();
    return await new Promise((resolve, reject) => {
      const compiler = join(root, "node_modules/typescript/bin/tsc");
      const child = spawn(process.execPath, [compiler, "-b"], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
      child.once("error", reject);
      child.once("exit", (code) => resolve(code ?? 1));
    });
  });
}

/** Removes what earlier runs emitted from sources that are gone; the compiler leaves it, and it would be published. */
async function removeStale(): Promise<void> {
  for (const name of await readdir(join(root, "packages"))) {
    const dist = join(root, "packages", name, "dist");
    if (!existsSync(dist)) continue;
    for (const file of await readdir(dist, { recursive: true })) {
      const module = /^(.+?)(?:\.d)?\.(?:js|ts)(?:\.map)?$/.exec(file)?.[1];
      if (module === undefined) continue;
      // The conformance suite is published, and lies beside the sources.
      const sources = ["src", "."].map((folder) => join(root, "packages", name, folder, module));
      const isStale = sources.every((source) => !existsSync(`${source}.ts`) && !existsSync(`${source}.tsx`));
      if (isStale) await rm(join(dist, file));
    }
  }
}

if (import.meta.main) process.exitCode = await compile();
