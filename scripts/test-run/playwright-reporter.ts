import { writeFile } from "node:fs/promises";
import type { FullConfig, Reporter, Suite, TestCase, TestError } from "@playwright/test/reporter";
import type { TestReport } from "./tally.ts";

/** Writes a `TestReport` of a Playwright run to `FORGE_TEST_REPORT`; does nothing where that is not set. */
export default class PlaywrightReporter implements Reporter {
  readonly #errors: string[] = [];
  #suite: Suite | undefined;

  onBegin(_config: FullConfig, suite: Suite): void {
    this.#suite = suite;
  }

  onError(error: TestError): void {
    this.#errors.push(`error outside of any test: ${error.message ?? String(error.value)}`);
  }

  async onEnd(): Promise<void> {
    const file = process.env["FORGE_TEST_REPORT"];
    if (file !== undefined) await writeFile(file, JSON.stringify(report(this.#suite?.allTests() ?? [], this.#errors)));
  }

  printsToStdio(): boolean {
    return false;
  }
}

function report(tests: readonly TestCase[], errors: readonly string[]): TestReport {
  const failed = [...errors];
  const skipped: string[] = [];
  let passed = 0;
  for (const test of tests) {
    const name = test.titlePath().filter(Boolean).join(" > ");
    if (test.outcome() === "expected") passed++;
    else if (test.outcome() !== "skipped") failed.push(name);
    // Playwright also calls a test skipped that it never came to.
    else if (test.expectedStatus === "skipped") skipped.push(name);
    else failed.push(`${name} (was not run)`);
  }
  const executed = tests.filter((test) => test.results.some(({ status }) => status !== "skipped")).length;
  return { passed, failed, skipped, executedByProject: { chromium: executed } };
}
