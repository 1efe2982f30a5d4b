import { writeFile } from "node:fs/promises";
import type { SerializedError } from "vitest";
import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from "vitest/node";
import type { TestReport } from "./tally.ts";

/**
 * Writes a `TestReport` of a vitest run to `FORGE_TEST_REPORT`.
 *
 * vitest's own JSON report knows neither projects nor errors outside of tests, and calls a test skipped whose
 * `beforeAll` failed.
 */
export default class VitestReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): Promise<void> {
    const file = process.env["FORGE_TEST_REPORT"];
    if (file === undefined) throw new Error("FORGE_TEST_REPORT does not name the file to write to");
    const projects = this.#vitest?.projects.map(({ name }) => name) ?? [];
    await writeFile(file, JSON.stringify(report(projects, modules, unhandled)));
  }
}

function report(
  projects: readonly string[],
  modules: readonly TestModule[],
  unhandled: readonly SerializedError[],
): TestReport {
  const executedByProject = Object.fromEntries(projects.map((name) => [name, 0]));
  const failed = unhandled.map(({ message }) => `error outside of any test: ${message}`);
  const skipped: string[] = [];
  let passed = 0;
  for (const module of modules) {
    const project = module.project.name;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      const name = nameOf(test);
      if (state === "skipped" && !isBroken(test.parent)) skipped.push(name);
      else if (state === "passed") passed++;
      else failed.push(state === "failed" ? name : `${name} (was not run)`);
      if (state === "passed" || state === "failed") executedByProject[project] = (executedByProject[project] ?? 0) + 1;
    }
    const broken = [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0);
    failed.push(...broken.map((suite) => `${nameOf(suite)} (outside of its tests)`));
  }
  return { passed, failed, skipped, executedByProject };
}

function isBroken(suite: TestSuite | TestModule): boolean {
  if (suite.errors().length > 0 || suite.state() === "pending") return true;
  return suite.type === "suite" && isBroken(suite.parent);
}

function nameOf(task: TestCase | TestSuite | TestModule): string {
  const project = `[${task.project.name}]`;
  return task.type === "module"
    ? `${project} ${task.relativeModuleId}`
    : `${project} ${task.module.relativeModuleId} > ${task.fullName}`;
}
