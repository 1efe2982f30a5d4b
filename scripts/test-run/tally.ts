/** What one runner said about its single tests. Names are for people, and unique only by accident. */
export interface TestReport {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  /** How many tests each of the runner's projects executed; a project with none has lost its tests. */
  readonly executedByProject: Readonly<Record<string, number>>;
}

export interface StepResult {
  readonly name: string;
  /** 0 where the step is content; a signal's name where it was ended by one. */
  readonly exit: number | NodeJS.Signals;
  /** Absent where the step has no single tests; "missing" where it should have left a report and did not. */
  readonly report?: TestReport | "missing";
  /** Processes that were still alive when the step was over. */
  readonly leftBehind?: readonly string[];
}

export interface Tally {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

/** Adds up steps so that nothing which went wrong can look like success: see the tests for every way. */
export function tally(steps: readonly StepResult[]): Tally {
  const failed: string[] = [];
  const skipped: string[] = [];
  let passed = 0;
  for (const { name, exit, report, leftBehind = [] } of steps) {
    const before = failed.length;
    if (report === "missing") failed.push(`${name}: left no report (exit ${exit})`);
    else if (report !== undefined) {
      passed += report.passed;
      failed.push(...report.failed.map((test) => `${name}: ${test}`));
      skipped.push(...report.skipped.map((test) => `${name}: ${test}`));
      for (const [project, executed] of Object.entries(report.executedByProject)) {
        if (executed === 0) failed.push(`${name}: project "${project}" executed no test`);
      }
    }
    if (exit !== 0 && failed.length === before) failed.push(`${name}: exit ${exit}`);
    failed.push(...leftBehind.map((process) => `${name}: left a process behind: ${process}`));
  }
  if (passed + failed.length === 0) failed.push("No test was executed");
  return { passed, failed, skipped };
}

/** The last line of the whole run, for people and for scripts that read it. */
export function closingLine({ passed, failed, skipped }: Tally): string {
  const counts = `${passed} passed, ${failed.length} failed`;
  return skipped.length === 0 ? counts : `${counts}, ${skipped.length} skipped`;
}
