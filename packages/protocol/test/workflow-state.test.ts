import { expect, test } from "vitest";
import { isSettledWorkflowStatus, SETTLED_WORKFLOW_STATUSES, WORKFLOW_STATUSES } from "../src/index.ts";

test("there are eight statuses of a run, in the order of its life", () => {
  expect(WORKFLOW_STATUSES).toEqual([
    "created",
    "running",
    "waiting",
    "completed",
    "compensating",
    "compensated",
    "failed",
    "cancelled",
  ]);
});

test("four of them settle whoever watches", () => {
  expect(WORKFLOW_STATUSES.filter(isSettledWorkflowStatus)).toEqual(SETTLED_WORKFLOW_STATUSES);
  expect(SETTLED_WORKFLOW_STATUSES).toEqual(["completed", "compensated", "failed", "cancelled"]);
});

test("an id that is not found settles, too", () => {
  expect(isSettledWorkflowStatus("not_found")).toBe(true);
});

test.each(["paused", "", "toString", "dead_letter"])("a status of no run (%s) is unfinished", (status) => {
  expect(isSettledWorkflowStatus(status)).toBe(false);
});
