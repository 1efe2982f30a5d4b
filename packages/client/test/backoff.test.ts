import { expect, test } from "vitest";
import { createBackoff } from "../src/backoff.ts";

test("the ceiling doubles from half a second to thirty seconds, without end", () => {
  const nextDelay = createBackoff(() => 1);
  const delays = Array.from({ length: 8 }, () => nextDelay());
  expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  for (let attempt = 0; attempt < 5_000; attempt++) nextDelay();
  expect(nextDelay()).toBe(30_000);
});

test("each delay is drawn from nothing up to its ceiling", () => {
  const draws = [0, 0.999, 0.25];
  const nextDelay = createBackoff(() => draws.shift()!);
  expect([nextDelay(), nextDelay(), nextDelay()]).toEqual([0, 999, 500]);
});
