import { expect, test } from "vitest";
import { lane } from "../src/lane.ts";

test("the two types of the conformance suite that share a lane do share one", () => {
  expect(lane("default", "job_26wu")).toBe(lane("default", "job_dwfa"));
});
