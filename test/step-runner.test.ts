import { existsSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { markedProcesses } from "../scripts/test-run/marked-processes.ts";
import { StepRunner } from "../scripts/test-run/step.ts";
import { tempDir } from "./support/temp-dir.ts";
import { until } from "./support/until.ts";

const node = process.execPath;
const oneTest = '{ "passed": 1, "failed": [], "skipped": [], "executedByProject": {} }';
const writeReport = `require("node:fs").writeFileSync(process.env.FORGE_TEST_REPORT, '${oneTest}');`;

test("a step's exit code and report come back as they are", async () => {
  await using results = await tempDir();
  const runner = new StepRunner(results.path);
  const script = `${writeReport} process.exit(3)`;
  expect(await runner.run({ name: "a", command: [node, "-e", script], reports: true })).toEqual({
    name: "a",
    exit: 3,
    report: JSON.parse(oneTest),
    leftBehind: [],
  });
});

test("a step that writes no report says that it is missing", async () => {
  await using results = await tempDir();
  const runner = new StepRunner(results.path);
  expect(await runner.run({ name: "a", command: [node, "-e", ""], reports: true })).toMatchObject({
    exit: 0,
    report: "missing",
  });
});

test("a step that cannot even be started counts as one that failed", async () => {
  await using results = await tempDir();
  const runner = new StepRunner(results.path);
  const command = [join(results.path, "no-such-program")] as const;
  expect(await runner.run({ name: "a", command, reports: false })).toMatchObject({ exit: 1 });
});

test("a step sees nobody's real database, port or data", async () => {
  await using results = await tempDir();
  const file = join(results.path, "outer.mjs");
  const script = `
    import { StepRunner } from "${join(import.meta.dirname, "../scripts/test-run/step.ts")}";
    const inner = "process.exit('DATABASE_URL' in process.env || 'PORT' in process.env || 'FORGE_DEMO_DATA' in process.env ? 1 : 0)";
    const runner = new StepRunner("${results.path}");
    const { exit } = await runner.run({ name: "a", command: [process.execPath, "-e", inner], reports: false });
    process.exit(exit);`;
  await writeFile(file, script);
  const runner = new StepRunner(await mkdtemp(join(results.path, "outer-")));
  const personal = ["DATABASE_URL=postgres://mine", "PORT=80", "FORGE_DEMO_DATA=/mine"];
  const { exit } = await runner.run({ name: "b", command: ["env", ...personal, node, file], reports: false });
  expect(exit).toBe(0);
});

test.runIf(process.platform === "linux")("a process that outlives its step is named and killed", async () => {
  await using results = await tempDir();
  const runner = new StepRunner(results.path, { graceMs: 200 });
  const script = 'require("node:child_process").spawn("sleep", ["1000"], { detached: true, stdio: "ignore" }).unref()';
  const { exit, leftBehind } = await runner.run({ name: "a", command: [node, "-e", script], reports: false });
  expect(exit).toBe(0);
  expect(leftBehind).toEqual([expect.stringMatching(/^\d+ sleep 1000$/)]);
  const mark = `FORGE_TEST_RESULTS=${results.path}`;
  await until(async () => (await markedProcesses(mark)).size === 0, { what: "the process to be gone" });
});

test("an interrupt ends the step under way, and those after it at once", async () => {
  await using results = await tempDir();
  const runner = new StepRunner(results.path, { graceMs: 2_000 });
  const started = join(results.path, "started");
  const script = `require("node:fs").writeFileSync("${started}", ""); setInterval(() => {}, 1000)`;
  const running = runner.run({ name: "a", command: [node, "-e", script], reports: true });
  await until(() => existsSync(started), { what: "the step to be under way" });
  runner.interrupt("SIGTERM");
  expect(await running).toEqual({ name: "a", exit: "SIGTERM", report: "missing", leftBehind: [] });
  expect(await runner.run({ name: "b", command: [node, "-e", ""], reports: true })).toEqual({
    name: "b",
    exit: "SIGTERM",
  });
});
