import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
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

const results = await freshResults();
const runner = new StepRunner(results);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => runner.interrupt(signal));

const done: StepResult[] = [];
for (const step of steps) {
  console.log(`\n── ${step.name} ──`);
  done.push(await runner.run(step));
}

const total = tally(done);
if (total.skipped.length > 0) console.log(`\nSkipped:\n${total.skipped.map((name) => `  ${name}`).join("\n")}`);
if (total.failed.length > 0) console.log(`\nFailed:\n${total.failed.map((name) => `  ${name}`).join("\n")}`);
console.log(`\n${closingLine(total)}`);
process.exitCode = total.failed.length === 0 ? 0 : 1;

/** A folder for this run alone, after removing those of runs that are over. */
async function freshResults(): Promise<string> {
  const all = join(root, ".results");
  await mkdir(all, { recursive: true });
  for (const name of await readdir(all)) {
    const pid = /^run-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(all, name), { recursive: true, force: true });
  }
  return mkdtemp(join(all, `run-${process.pid}-`));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
