import { expect, test } from "vitest";
import { closingLine, tally, type StepResult, type TestReport } from "../scripts/test-run/tally.ts";

function report(over: Partial<TestReport> = {}): TestReport {
  return { passed: 2, failed: [], skipped: [], executedByProject: { core: 2 }, ...over };
}

function line(...steps: StepResult[]): string {
  return closingLine(tally(steps));
}

test("sums the single tests of all steps", () => {
  expect(line({ name: "a", exit: 0, report: report() }, { name: "b", exit: 0, report: report({ passed: 3 }) })).toBe(
    "5 passed, 0 failed",
  );
});

test("a step without tests of its own adds nothing while it is content", () => {
  expect(line({ name: "types", exit: 0 }, { name: "a", exit: 0, report: report() })).toBe("2 passed, 0 failed");
});

test("a step that exits non-zero without a failed test counts as one failed", () => {
  expect(line({ name: "types", exit: 2 }, { name: "a", exit: 1, report: report() })).toBe("2 passed, 2 failed");
});

test("a step that exits non-zero because tests failed counts those tests only", () => {
  expect(line({ name: "a", exit: 1, report: report({ failed: ["x", "y"] }) })).toBe("2 passed, 2 failed");
});

test("failed tests count even where the step exits with 0", () => {
  expect(line({ name: "a", exit: 0, report: report({ failed: ["x"] }) })).toBe("2 passed, 1 failed");
});

test("a step ended by a signal counts as failed", () => {
  expect(line({ name: "a", exit: "SIGKILL", report: report() })).toBe("2 passed, 1 failed");
});

test("a step that left no report counts as failed whatever its exit code", () => {
  expect(line({ name: "a", exit: 0, report: "missing" }, { name: "b", exit: 1, report: "missing" })).toBe(
    "0 passed, 2 failed",
  );
});

test("a project that executed no test counts as failed and is named", () => {
  const total = tally([{ name: "vitest", exit: 0, report: report({ executedByProject: { core: 2, client: 0 } }) }]);
  expect(total.failed).toEqual(['vitest: project "client" executed no test']);
});

test("skipped tests are counted, named with their step, and fail nothing", () => {
  const steps: StepResult[] = [{ name: "a", exit: 0, report: report({ skipped: ["later"] }) }];
  expect(tally(steps).skipped).toEqual(["a: later"]);
  expect(line(...steps)).toBe("2 passed, 0 failed, 1 skipped");
});

test("a process left behind counts as failed and is named", () => {
  const total = tally([{ name: "a", exit: 0, report: report(), leftBehind: ["4711 postgres -D x"] }]);
  expect(total.failed).toEqual(["a: left a process behind: 4711 postgres -D x"]);
});

test("a run without any executed test fails", () => {
  expect(line()).toBe("0 passed, 1 failed");
  expect(line({ name: "types", exit: 0 })).toBe("0 passed, 1 failed");
});
