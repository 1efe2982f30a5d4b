import { expect, test } from "vitest";
import { isSettledJobStatus, JOB_STATUSES, SETTLED_JOB_STATUSES } from "../src/index.ts";

test("there are nine stored statuses, in the order of a job's life", () => {
  expect(JOB_STATUSES).toEqual([
    "pending",
    "claimed",
    "running",
    "retry",
    "cancel_requested",
    "completed",
    "failed",
    "dead_letter",
    "cancelled",
  ]);
});

test("four of them settle whoever watches", () => {
  expect(JOB_STATUSES.filter(isSettledJobStatus)).toEqual(SETTLED_JOB_STATUSES);
  expect(SETTLED_JOB_STATUSES).toEqual(["completed", "failed", "dead_letter", "cancelled"]);
});

test("an id that is not found settles, too", () => {
  expect(isSettledJobStatus("not_found")).toBe(true);
});

test.each(["paused", "", "toString", "__proto__"])(
  "a status this version does not know (%s) is unfinished",
  (status) => {
    expect(isSettledJobStatus(status)).toBe(false);
  },
);
