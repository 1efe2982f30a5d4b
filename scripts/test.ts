import { chmod, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { StepRunner, type Step } from "./test-run/step.ts";
import { closingLine, tally, type StepResult } from "./test-run/tally.ts";

const root = dirname(import.meta.dirname);
process.chdir(root);

const node = process.execPath;
// The oldest Node that the packages promise to run on.
const oldestNode = join(root, "node_modules/node-22/bin/node");
const vitest = ["node_modules/vitest/vitest.mjs", "run", "--allowOnly=false", "--reporter=default"];
const reporter = "--reporter=./scripts/test-run/vitest-reporter.ts";

const steps: readonly Step[] = [
  { name: "types", command: [node, "scripts/types.ts"], reports: false },
  { name: "vitest", command: [node, ...vitest, reporter], reports: true },
  {
    name: "vitest on Node 22.18",
    command: [oldestNode, ...vitest, reporter, "--project", "conformance-sqlite"],
    reports: true,
  },
  { name: "playwright", command: [node, "node_modules/@playwright/test/cli.js", "test"], reports: true },
];

await mkdir(".results", { recursive: true });
const runner = new StepRunner(await freshFolder(join(root, ".results"), "run"));
// What tests and the programs they start put aside is gone afterwards, also where one of them failed or was killed.
const temporary = await freshFolder(tmpdir(), "forge-test");
await chmod(temporary, 0o711);
process.env["TMPDIR"] = temporary;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => runner.interrupt(signal));

const done: StepResult[] = [];
for (const step of steps) {
  console.log(`\n── ${step.name} ──`);
  done.push(await runner.run(step));
}

await remove(temporary);

const total = tally(done);
if (total.skipped.length > 0) console.log(`\nSkipped:\n${total.skipped.map((name) => `  ${name}`).join("\n")}`);
if (total.failed.length > 0) console.log(`\nFailed:\n${total.failed.map((name) => `  ${name}`).join("\n")}`);
console.log(`\n${closingLine(total)}`);
process.exitCode = total.failed.length === 0 ? 0 : 1;

/** A folder for this run alone, after removing those of runs that are over: its name tells whose it is. */
async function freshFolder(parent: string, prefix: string): Promise<string> {
  for (const name of await readdir(parent)) {
    const pid = name.startsWith(`${prefix}-`) ? /-(\d+)-\w+$/.exec(name)?.[1] : undefined;
    if (pid !== undefined && !isAlive(Number(pid))) await remove(join(parent, name));
  }
  return mkdtemp(join(parent, `${prefix}-${process.pid}-`));
}

// What cannot be removed, say because it is another user's, is no reason to fail a run.
async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch((error: unknown) => console.warn(error));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
