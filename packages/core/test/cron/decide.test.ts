import { expect, test } from "vitest";
import { decide, LATE_MS } from "../../src/cron/decide.ts";
import { Schedule } from "../../src/cron/schedule.ts";

const HOUR_MS = 3_600_000;
const START = Date.UTC(2026, 0, 1);
const hour = (n: number): number => START + n * HOUR_MS;
const schedule = new Schedule("0 * * * *", "UTC", "t");

function cron(options: { catchUp?: boolean; catchUpLimit?: number; overlap?: "skip" | "allow" } = {}) {
  return { schedule, catchUp: false, catchUpLimit: 10, overlap: "skip" as const, ...options };
}

function row(options: { lastTick?: number; pending?: number[]; busy?: boolean } = {}) {
  return { lastTick: hour(0), pending: [], busy: false, ...options };
}

const run = (tick: number, isCatchUp = false) => ({ scheduledAt: tick, isCatchUp });

test("nothing is decided before the next tick", () => {
  expect(decide(row(), cron(), hour(1) - 1)).toBeNull();
});

test("a tick on time runs", () => {
  expect(decide(row(), cron(), hour(1))).toEqual({ lastTick: hour(1), pending: [], skipped: [], runs: [run(hour(1))] });
});

test("a tick up to a minute late is on time; later it is passed over without catch-up", () => {
  expect(decide(row(), cron(), hour(1) + LATE_MS)?.runs).toEqual([run(hour(1))]);
  expect(decide(row(), cron(), hour(1) + LATE_MS + 1)).toEqual({
    lastTick: hour(1),
    pending: [],
    skipped: [],
    runs: [],
  });
});

test("without catch-up only the newest of several runs, if it is on time", () => {
  expect(decide(row(), cron(), hour(5))).toEqual({ lastTick: hour(5), pending: [], skipped: [], runs: [run(hour(5))] });
});

test("a tick whose predecessor is at work is skipped, or runs beside where that is allowed", () => {
  expect(decide(row({ busy: true }), cron(), hour(1))).toEqual({
    lastTick: hour(1),
    pending: [],
    skipped: [hour(1)],
    runs: [],
  });
  expect(decide(row({ busy: true }), cron({ overlap: "allow" }), hour(1))?.runs).toEqual([run(hour(1))]);
});

test("catch-up takes the newest missed ticks, oldest of those first, all at once where they may overlap", () => {
  const three = cron({ catchUp: true, catchUpLimit: 3, overlap: "allow" });
  expect(decide(row(), three, hour(10) + HOUR_MS / 2)).toEqual({
    lastTick: hour(10),
    pending: [],
    skipped: [],
    runs: [run(hour(8), true), run(hour(9), true), run(hour(10), true)],
  });
  expect(decide(row(), three, hour(10))?.runs.at(-1)).toEqual(run(hour(10), false));
});

test("where they may not overlap the others wait for the one before", () => {
  const three = cron({ catchUp: true, catchUpLimit: 3 });
  const now = hour(10) + HOUR_MS / 2;
  expect(decide(row(), three, now)).toEqual({
    lastTick: hour(10),
    pending: [hour(9), hour(10)],
    skipped: [],
    runs: [run(hour(8), true)],
  });
  const waiting = { lastTick: hour(10), pending: [hour(9), hour(10)] };
  expect(decide(row({ ...waiting, busy: true }), three, now)).toBeNull();
  expect(decide(row(waiting), three, now)).toEqual({
    lastTick: hour(10),
    pending: [hour(10)],
    skipped: [],
    runs: [run(hour(9), true)],
  });
});

test("a tick on time is skipped while missed ones wait, so that the cron is not late for ever", () => {
  const waiting = row({ lastTick: hour(10), pending: [hour(9), hour(10)], busy: true });
  expect(decide(waiting, cron({ catchUp: true }), hour(11))).toEqual({
    lastTick: hour(11),
    pending: [hour(9), hour(10)],
    skipped: [hour(11)],
    runs: [],
  });
});

test("what still waits and what was missed since are within one limit", () => {
  const waiting = row({ lastTick: hour(10), pending: [hour(9), hour(10)], busy: true });
  expect(decide(waiting, cron({ catchUp: true, catchUpLimit: 3 }), hour(12) + HOUR_MS / 2)).toEqual({
    lastTick: hour(12),
    pending: [hour(10), hour(11), hour(12)],
    skipped: [],
    runs: [],
  });
});

test("what waits is dropped once the definition has no catch-up any more", () => {
  const waiting = row({ lastTick: hour(10), pending: [hour(9), hour(10)] });
  expect(decide(waiting, cron(), hour(11))).toEqual({
    lastTick: hour(11),
    pending: [],
    skipped: [],
    runs: [run(hour(11))],
  });
});

test("a backlog of a year of seconds costs no more than its limit", () => {
  const seconds = { ...cron({ catchUp: true, catchUpLimit: 2 }), schedule: new Schedule("* * * * * *", "UTC", "t") };
  const now = Date.UTC(2027, 0, 1);
  expect(decide(row(), seconds, now)).toMatchObject({
    lastTick: now,
    pending: [now],
    runs: [{ scheduledAt: now - 1_000 }],
  });
});
