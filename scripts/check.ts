import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = dirname(import.meta.dirname);
const bin = (name: string): string => join(root, "node_modules/.bin", name);
const packed = await mkdtemp(join(tmpdir(), "forge-packed-"));

interface Check {
  readonly name: string;
  /** Gives whether all is well; what is not stands in the output by then. */
  readonly run: () => Promise<boolean>;
}

const checks: readonly Check[] = [
  { name: "format", run: () => run(bin("oxfmt"), ["--check"]) },
  { name: "lint", run: () => run(bin("oxlint"), []) },
  { name: "types", run: () => run(process.execPath, [join(root, "scripts/types.ts")]) },
  {
    name: "types of Svelte components",
    run: () => run("node_modules/.bin/svelte-check", ["--fail-on-warnings"], join(root, "apps/demo-svelte")),
  },
  { name: "unused code and dependencies", run: () => run(bin("knip"), []) },
  { name: "pack", run: pack },
  { name: "publint", run: () => onEachTarball(bin("publint"), ["--strict"]) },
  { name: "types as published", run: () => onEachTarball(bin("attw"), ["--profile", "esm-only"]) },
  { name: "size", run: () => run(bin("size-limit"), []) },
];

function run(command: string, args: readonly string[], cwd = root): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "inherit", "inherit"] });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code === 0));
  });
}

function pack(): Promise<boolean> {
  return run("npx", ["-y", "pnpm@12", "--filter", "./packages/*", "pack", "--pack-destination", packed]);
}

// The tarball is what users get: its manifest has the published `exports`, without the sources.
async function onEachTarball(command: string, args: readonly string[]): Promise<boolean> {
  const tarballs = await readdir(packed);
  let good = tarballs.length > 0;
  for (const tarball of tarballs) good = (await run(command, [...args, join(packed, tarball)])) && good;
  return good;
}

const summary: string[] = [];
const failed: string[] = [];
try {
  for (const { name, run: check } of checks) {
    console.log(`\n── ${name} ──`);
    const from = performance.now();
    const good = await check();
    const seconds = ((performance.now() - from) / 1000).toFixed(1);
    summary.push(`  ${good ? "ok    " : "FAILED"}  ${seconds.padStart(5)} s  ${name}`);
    if (!good) failed.push(name);
  }
} finally {
  await rm(packed, { recursive: true, force: true });
}

console.log(`\n${summary.join("\n")}`);
console.log(failed.length === 0 ? "\nAll checks passed" : `\nFailed: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
