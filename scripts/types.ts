import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { withTreeLock } from "./tree-lock.ts";

const root = dirname(import.meta.dirname);

/** Checks the types of everything and emits the packages; gives the compiler's exit code. */
export function compile(): Promise<number> {
  return withTreeLock(
    () =>
      new Promise((resolve, reject) => {
        const compiler = join(root, "node_modules/typescript/bin/tsc");
        const child = spawn(process.execPath, [compiler, "-b"], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
        child.once("error", reject);
        child.once("exit", (code) => resolve(code ?? 1));
      }),
  );
}

if (import.meta.main) process.exitCode = await compile();
