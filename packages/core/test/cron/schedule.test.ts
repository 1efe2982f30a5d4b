import { describe, expect, test } from "vitest";
import { Schedule } from "../../src/cron/schedule.ts";

const at = (iso: string): number => Date.parse(iso);

/** All ticks after one instant and up to another, found forwards and, which must be the same, backwards. */
function ticks(expression: string, timezone: string, from: string, until: string): string[] {
  const schedule = new Schedule(expression, timezone, "the cron t");
  const forwards: number[] = [];
  for (let tick = schedule.next(at(from)); tick !== null && tick <= at(until); tick = schedule.next(tick))
    forwards.push(tick);
  expect(schedule.latest(at(from), at(until), 10_000)).toEqual(forwards);
  return forwards.map((tick) => new Date(tick).toISOString());
}

describe("a local time that daylight saving skips has no tick", () => {
  test.for([
    ["America/New_York", "30 2 * * *", "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z", ["2026-03-09T06:30:00.000Z"]],
    ["Europe/Berlin", "30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", ["2026-03-30T00:30:00.000Z"]],
    // Half an hour: from 02:00 to 02:30.
    ["Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00:00Z", "2026-10-05T12:00:00Z", ["2026-10-04T15:15:00.000Z"]],
    ["Australia/Lord_Howe", "30 2 * * *", "2026-10-03T12:00:00Z", "2026-10-04T12:00:00Z", ["2026-10-03T15:30:00.000Z"]],
    // A list, which croner would not call a fixed time.
    [
      "America/New_York",
      "30 1,2,3 8 3 *",
      "2026-03-08T00:00:00Z",
      "2026-03-08T12:00:00Z",
      ["2026-03-08T06:30:00.000Z", "2026-03-08T07:30:00.000Z"],
    ],
    ["UTC", "30 2 8 3 *", "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z", ["2026-03-08T02:30:00.000Z"]],
  ] as const)("%s, %s", ([timezone, expression, from, until, expected]) => {
    expect(ticks(expression, timezone, from, until)).toEqual(expected);
  });
});

describe("a local time that repeats has one tick, the first time", () => {
  test.for([
    ["America/New_York", "30 1 * * *", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", ["2026-11-01T05:30:00.000Z"]],
    ["Europe/Berlin", "30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", ["2026-10-25T00:30:00.000Z"]],
    ["Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00:00Z", "2026-04-05T12:00:00Z", ["2026-04-04T14:45:00.000Z"]],
    ["UTC", "30 1 1 11 *", "2026-10-31T12:00:00Z", "2026-11-02T00:00:00Z", ["2026-11-01T01:30:00.000Z"]],
  ] as const)("%s, %s", ([timezone, expression, from, until, expected]) => {
    expect(ticks(expression, timezone, from, until)).toEqual(expected);
  });

  test("which holds for intervals too: they pause for the hour that repeats", () => {
    expect(ticks("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", "2026-10-25T02:30:00Z")).toEqual([
      "2026-10-25T00:00:00.000Z",
      "2026-10-25T00:30:00.000Z",
      "2026-10-25T02:00:00.000Z",
      "2026-10-25T02:30:00.000Z",
    ]);
    expect(ticks("*/15 * * * *", "Australia/Lord_Howe", "2026-04-04T14:20:00Z", "2026-04-04T15:45:00Z")).toEqual([
      "2026-04-04T14:30:00.000Z",
      "2026-04-04T14:45:00.000Z",
      "2026-04-04T15:30:00.000Z",
      "2026-04-04T15:45:00.000Z",
    ]);
  });

  test("wherever in the hour that repeats one begins to look, by seconds too", () => {
    const schedule = new Schedule("*/20 * * * * *", "America/New_York", "t");
    const end = at("2026-11-01T07:00:00Z");
    for (const from of ["2026-11-01T05:59:45Z", "2026-11-01T06:00:00Z", "2026-11-01T06:30:13.500Z"])
      expect(schedule.next(at(from))).toBe(end);
    expect(schedule.latest(0, at("2026-11-01T06:30:30Z"), 2)).toEqual([
      at("2026-11-01T05:59:20Z"),
      at("2026-11-01T05:59:40Z"),
    ]);
    expect(schedule.latest(0, at("2026-11-01T05:30:30Z"), 1)).toEqual([at("2026-11-01T05:30:20Z")]);
  });
});

test("an interval goes on across a gap without a break", () => {
  expect(ticks("*/30 * * * *", "America/New_York", "2026-03-08T06:00:00Z", "2026-03-08T08:00:00Z")).toEqual([
    "2026-03-08T06:30:00.000Z",
    "2026-03-08T07:00:00.000Z",
    "2026-03-08T07:30:00.000Z",
    "2026-03-08T08:00:00.000Z",
  ]);
});

test("a day that a time zone skips has no ticks", () => {
  expect(ticks("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", "2011-12-31T12:00:00Z")).toEqual([
    "2011-12-29T22:00:00.000Z",
    "2011-12-30T22:00:00.000Z",
  ]);
});

test("seconds, names, the last day, the n-th weekday, years and nicknames are read", () => {
  expect(ticks("*/20 * * * * *", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z")).toHaveLength(3);
  expect(ticks("0 9 * * MON-FRI", "UTC", "2026-11-20T12:00:00Z", "2026-11-23T12:00:00Z")).toEqual([
    "2026-11-23T09:00:00.000Z",
  ]);
  expect(ticks("0 0 L FEB *", "UTC", "2028-01-01T00:00:00Z", "2028-12-31T00:00:00Z")).toEqual([
    "2028-02-29T00:00:00.000Z",
  ]);
  expect(ticks("0 0 * * FRI#2", "UTC", "2026-12-01T00:00:00Z", "2026-12-31T00:00:00Z")).toEqual([
    "2026-12-11T00:00:00.000Z",
  ]);
  expect(ticks("0 0 0 1 1 * 2030", "UTC", "2026-12-01T00:00:00Z", "2036-12-31T00:00:00Z")).toEqual([
    "2030-01-01T00:00:00.000Z",
  ]);
  expect(ticks("@daily", "UTC", "2026-12-01T00:00:00Z", "2026-12-02T00:00:00Z")).toEqual(["2026-12-02T00:00:00.000Z"]);
});

test("a tick at the very instant is the next of the one before, and counts as past", () => {
  const schedule = new Schedule("0 * * * *", "Europe/Berlin", "t");
  const tick = at("2026-06-01T10:00:00Z");
  expect(schedule.next(tick - 1)).toBe(tick);
  expect(schedule.next(tick)).toBe(tick + 3_600_000);
  expect(schedule.latest(tick - 1, tick, 5)).toEqual([tick]);
  expect(schedule.latest(tick, tick + 1, 5)).toEqual([]);
  expect(schedule.latest(0, tick - 1, 1)).toEqual([tick - 3_600_000]);
});
