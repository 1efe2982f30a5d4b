import { expect, test } from "vitest";
import { JOB_STATUSES, JOB_TRANSITIONS, SETTLED_JOB_STATUSES, type StoredJobStatus } from "../src/index.ts";

const from = (status: StoredJobStatus | null): StoredJobStatus[] =>
  JOB_TRANSITIONS.filter((row) => row.from === status).map(({ to }) => to);

/** Every status that a job may come to from here. */
function reachable(start: StoredJobStatus | null): Set<StoredJobStatus> {
  const seen = new Set<StoredJobStatus>();
  const open = from(start);
  for (let status = open.pop(); status !== undefined; status = open.pop()) {
    if (seen.has(status)) continue;
    seen.add(status);
    open.push(...from(status));
  }
  return seen;
}

test("no transition is listed twice", () => {
  const rows = JOB_TRANSITIONS.map(({ from: before, to, cause }) => `${before} → ${to}: ${cause}`);
  expect(new Set(rows).size).toBe(rows.length);
});

test("every transition is between statuses that a job may have, and moves", () => {
  for (const { from: before, to } of JOB_TRANSITIONS) {
    if (before !== null) expect(JOB_STATUSES).toContain(before);
    expect(JOB_STATUSES).toContain(to);
    expect(to).not.toBe(before);
  }
});

test("a job may come to every status", () => {
  expect(reachable(null)).toEqual(new Set(JOB_STATUSES));
});

test("a job is born unfinished", () => {
  for (const status of from(null)) expect(SETTLED_JOB_STATUSES).not.toContain(status);
});

test.each(JOB_STATUSES.filter((status) => !SETTLED_JOB_STATUSES.includes(status)))(
  "a job that is %s can still complete or be cancelled",
  (status) => {
    const ends = reachable(status);
    expect(ends).toContain("completed");
    expect(ends).toContain("cancelled");
  },
);

test("a completed job stays completed", () => {
  expect(from("completed")).toEqual([]);
});

test("a settled job moves only by a person's hand or to the dead letters", () => {
  const rows = JOB_TRANSITIONS.filter((row) => row.from !== null && SETTLED_JOB_STATUSES.includes(row.from));
  expect(new Set(rows.map((row) => `${row.from} → ${row.to}: ${row.cause}`))).toEqual(
    new Set([
      "failed → dead_letter: dead-letter delay has passed",
      "failed → pending: retried by someone",
      "dead_letter → pending: retried by someone",
      "dead_letter → failed: discarded by someone",
      "cancelled → pending: retried by someone",
    ]),
  );
});

test("a handler runs only for a worker that has claimed the job", () => {
  const into = JOB_TRANSITIONS.filter(({ to }) => to === "running").map((row) => row.from);
  expect(into).toEqual(["claimed"]);
});

test("whatever ends a run may end it before its start was written", () => {
  const ends = ["completed", "retry", "failed", "dead_letter", "pending"] as const;
  for (const to of ends) {
    const sources = JOB_TRANSITIONS.filter((row) => row.to === to).map((row) => row.from);
    expect(sources).toContain("running");
    expect(sources).toContain("claimed");
  }
});

test("a cancellation that was asked for ends in completed or cancelled only", () => {
  expect(new Set(from("cancel_requested"))).toEqual(new Set(["completed", "cancelled"]));
});

test("every unfinished job can be cancelled in one step or two", () => {
  for (const status of JOB_STATUSES) {
    if (SETTLED_JOB_STATUSES.includes(status)) continue;
    const next = from(status);
    expect(next.includes("cancelled") || next.includes("cancel_requested")).toBe(true);
  }
});
