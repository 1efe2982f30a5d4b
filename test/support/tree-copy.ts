import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { root } from "./workspace.ts";

/** Copies what a clone of this tree would hold, and also what is not committed yet, into an existing folder. */
export async function copyTree(into: string): Promise<void> {
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const { stdout } = await promisify(execFile)("git", list, { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  const files = stdout.split("\0").filter((file) => file !== "" && existsSync(join(root, file)));
  for (const file of files) await cp(join(root, file), join(into, file));
}

/**
 * The environment of somebody who opens a terminal: nothing that pnpm or a test runner added, and an empty home.
 *
 * Only what was downloaded before is shared, as are the settings that say where to download from.
 */
export async function freshEnvironment(home: string): Promise<NodeJS.ProcessEnv> {
  const added =
    /^(p?npm_.*|PNPM_.*|NODE|NODE_PATH|NODE_OPTIONS|NODE_ENV|INIT_CWD|PORT|DATABASE_URL|FORGE_(?!TEST_).*|VITEST.*)$/i;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !added.test(name)));
  const path = (env["PATH"] ?? "").split(":").filter((folder) => !folder.includes("node_modules"));
  return { ...env, ...(await npmSettings()), HOME: home, PATH: path.join(":") };
}

async function npmSettings(): Promise<NodeJS.ProcessEnv> {
  return {
    npm_config_cache: await ask("npm", "config", "get", "cache"),
    npm_config_userconfig: await ask("npm", "config", "get", "userconfig"),
    // pnpm adds the version of the store's layout by itself.
    pnpm_config_store_dir: dirname(await ask("npx", "-y", "pnpm@12", "store", "path")),
  };
}

async function ask(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { cwd: root });
  return stdout.trim();
}
