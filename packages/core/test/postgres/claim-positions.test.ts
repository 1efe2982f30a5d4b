import { expect, it } from "vitest";
import { ClaimPositions, type Position, type Range, type Walked } from "../../src/postgres/claim-positions.ts";

const HIGH: Range = { type: "t", priority: 1 };
const LOW: Range = { type: "t", priority: 3 };
const ID = "00000000-0000-7000-8000-000000000001";
const SECOND_US = 1_000_000;

function clock(): { now: () => number; pass(ms: number): void } {
  let ms = 0;
  return { now: () => ms, pass: (more) => void (ms += more) };
}

const took = (range: Range, position: Position, full: boolean): Walked => ({
  taken: [{ ...range, ...position }],
  exhausted: full ? [] : [HIGH, LOW],
  nowUs: position.dueUs,
  full,
});

it("begins at the start", () => {
  const { now } = clock();
  const reach = new ClaimPositions(now).next();
  expect(reach.fromStart).toBe(true);
  expect(reach.position(HIGH).dueUs).toBe(-Infinity);
});

it("goes on behind the last row after a full claim, and begins anew once a second", () => {
  const time = clock();
  const positions = new ClaimPositions(time.now);
  const last = { dueUs: 5 * SECOND_US, id: ID };
  positions.record(positions.next(), took(LOW, last, true), 1);
  time.pass(999);
  expect(positions.next().fromStart).toBe(false);
  expect(positions.next().position(LOW)).toEqual(last);
  expect(positions.next().position(HIGH).dueUs).toBe(-Infinity);
  time.pass(1);
  expect(positions.next().fromStart).toBe(true);
});

it("leaves some time for late commits in a range that it walked to the end", () => {
  const time = clock();
  const positions = new ClaimPositions(time.now);
  const last = { dueUs: 5 * SECOND_US, id: ID };
  positions.record(positions.next(), { ...took(LOW, last, true), exhausted: [HIGH] }, 1);
  const { dueUs } = positions.next().position(HIGH);
  expect(dueUs).toBeLessThan(last.dueUs);
  expect(dueUs).toBeGreaterThan(last.dueUs - SECOND_US);
});

it("looks once more from the start before a short answer stands", () => {
  const time = clock();
  const positions = new ClaimPositions(time.now);
  positions.record(positions.next(), took(LOW, { dueUs: 0, id: ID }, true), 1);
  const short = positions.next();
  positions.record(short, took(LOW, { dueUs: 1, id: ID }, false), 1);
  expect(positions.afterShort(short)?.fromStart).toBe(true);
  expect(positions.afterShort(positions.next())).toBeNull();
});

it("rests twenty times as long as a slow walk from the start took, and reads a little before the last stop meanwhile", () => {
  const time = clock();
  const positions = new ClaimPositions(time.now);
  const last = { dueUs: 5 * SECOND_US, id: ID };
  positions.record(positions.next(), took(LOW, last, false), 1);
  positions.record(positions.next(), took(LOW, last, false), 31);
  const rest = positions.next();
  expect(rest.fromStart).toBe(false);
  expect(positions.afterShort(rest)).toBeNull();
  expect(rest.position(LOW).dueUs).toBeLessThan(last.dueUs);
  expect(rest.position(LOW).dueUs).toBeGreaterThan(last.dueUs - SECOND_US);
  time.pass(590);
  expect(positions.next().fromStart).toBe(false);
  time.pass(20);
  expect(positions.next().fromStart).toBe(true);
});

it("rests twenty times as long as a slow walk from the start took in a claim that came back full", () => {
  const time = clock();
  const positions = new ClaimPositions(time.now);
  const last = { dueUs: 5 * SECOND_US, id: ID };
  const full = took(LOW, last, true);
  positions.record(positions.next(), full, 20);
  positions.record(positions.next(), full, 20);
  time.pass(1_000);
  positions.record(positions.next(), full, 420);
  time.pass(7_900);
  expect(positions.next().fromStart).toBe(false);
  time.pass(200);
  expect(positions.next().fromStart).toBe(true);
  // Nobody waits for longer than 10 s.
  positions.record(positions.next(), full, 5_000);
  time.pass(10_000);
  expect(positions.next().fromStart).toBe(true);
});
