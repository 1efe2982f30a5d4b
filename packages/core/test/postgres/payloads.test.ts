import { expect, it } from "vitest";
import { v7 as uuidv7 } from "uuid";
import type { Moved } from "../../src/postgres/hints.ts";
import { decodeMoved, encodeMoved, encodeQueue } from "../../src/postgres/payloads.ts";

const moved = (revision: number): Moved => ({ id: uuidv7(), revision, status: "running", progress: 33.5 });

it("tells everything about a single job", () => {
  const job = moved(7);
  const [payload, ...rest] = encodeMoved([job]);
  expect(rest).toEqual([]);
  expect(JSON.parse(payload!)).toEqual({ job_id: job.id, status: "running", progress: 33.5, revision: 7 });
  expect(decodeMoved(payload!)).toEqual([{ id: job.id, revision: 7 }]);
});

it("tells of any number of jobs in payloads that PostgreSQL takes", () => {
  const jobs = Array.from({ length: 1_000 }, (_, n) => moved(2 ** 31 - n));
  const payloads = encodeMoved(jobs);
  for (const payload of payloads) expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(7_900);
  expect(payloads.length).toBeLessThan(10);
  expect(payloads.flatMap(decodeMoved)).toEqual(jobs.map(({ id, revision }) => ({ id, revision })));
});

it("tells nothing of no jobs", () => {
  expect(encodeMoved([])).toEqual([]);
});

it("takes what somebody else wrote for a hint if it names jobs, whatever else it says", () => {
  expect(decodeMoved('{"job_id":"a","status":"done","extra":[1]}')).toEqual([{ id: "a", revision: Infinity }]);
  expect(decodeMoved('{"jobs":[["a",1],["b"],[3],"c",null]}')).toEqual([
    { id: "a", revision: 1 },
    { id: "b", revision: Infinity },
  ]);
  for (const payload of ["", "hello", "null", "[]", "{}", '{"job_id":5}', '{"jobs":5}'])
    expect(decodeMoved(payload)).toEqual([]);
});

it("tells of any queue in place of one whose name is too long", () => {
  expect(encodeQueue("ü".repeat(3_950))).toBe("ü".repeat(3_950));
  expect(encodeQueue("ü".repeat(3_951))).toBe("");
});
