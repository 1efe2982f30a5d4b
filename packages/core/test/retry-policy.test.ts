import { expect, test } from "vitest";
import { isNamedBy } from "../src/error-match.ts";
import { retryLayer, type RetryOptions } from "../src/retry-options.ts";
import { type QueueBackoff, retryDelayMs, type RetryPolicy, retryPolicy } from "../src/retry-policy.ts";
import { type LogLine, recordingLogger } from "./support/world.ts";

const quiet = (queue: Partial<QueueBackoff>): QueueBackoff => ({
  backoffEnabled: null,
  backoffBaseSeconds: null,
  backoffMaxSeconds: null,
  ...queue,
});

const policy = (
  definition: RetryOptions,
  queue: QueueBackoff | null = null,
  dispatch: RetryOptions = {},
): RetryPolicy => retryPolicy(queue, retryLayer(definition), retryLayer(dispatch));

/** The waits after the first runs; a random number of 0.5 is no jitter. */
function waits(of: RetryPolicy, random = 0.5): { delays: number[]; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const effects = { random: () => random, log: recordingLogger(lines) };
  return { delays: [1, 2, 3, 4, 5].map((failures) => retryDelayMs(of, failures, new Error("no"), effects)), lines };
}

test("the wait doubles, grows by one base delay, or stays, and never passes maxBackoff", () => {
  const seconds = { baseDelay: "1s", maxBackoff: "6s" } as const;
  expect(waits(policy(seconds)).delays).toEqual([1_000, 2_000, 4_000, 6_000, 6_000]);
  expect(waits(policy({ ...seconds, backoff: "exponential" })).delays).toEqual([1_000, 2_000, 4_000, 6_000, 6_000]);
  expect(waits(policy({ ...seconds, backoff: "linear" })).delays).toEqual([1_000, 2_000, 3_000, 4_000, 5_000]);
  expect(waits(policy({ ...seconds, backoff: "fixed" })).delays).toEqual([1_000, 1_000, 1_000, 1_000, 1_000]);
  expect(waits(policy({ backoff: "fixed", baseDelay: "10s", maxBackoff: "6s" })).delays[0]).toBe(6_000);
});

test("jitter is a quarter in both directions, on every curve", () => {
  for (const backoff of ["exponential", "linear", "fixed"] as const) {
    const of = policy({ backoff, baseDelay: "100s", maxBackoff: "100s" });
    expect(waits(of, 0).delays[0]).toBe(75_000);
    expect(waits(of, 1).delays[0]).toBe(125_000);
  }
});

test("a function's delay is taken as it is, as text or as milliseconds", () => {
  const seen: unknown[] = [];
  const backoff = (attempt: number, error: unknown): number | "2m" => {
    seen.push([attempt, (error as Error).message]);
    return attempt === 1 ? "2m" : attempt * 10.4;
  };
  const { delays, lines } = waits(policy({ backoff, baseDelay: "1s", maxBackoff: "1s" }), 1);
  expect(delays).toEqual([120_000, 21, 31, 42, 52]);
  expect(seen.slice(0, 2)).toEqual([
    [1, "no"],
    [2, "no"],
  ]);
  expect(lines).toEqual([]);
});

test("a function that throws or answers no delay gives way to the exponential curve, with a word", () => {
  const broken: unknown[] = [
    () => {
      throw new Error("typo");
    },
    () => Promise.reject(new Error("async")),
    () => "soon",
    () => -1,
    () => Number.NaN,
    () => Infinity,
    () => undefined,
    () => ({}),
  ];
  for (const backoff of broken) {
    const { delays, lines } = waits(policy({ backoff: backoff as () => number, baseDelay: "1s", maxBackoff: "3s" }));
    expect(delays).toEqual([1_000, 2_000, 3_000, 3_000, 3_000]);
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatchObject({ level: "warn", message: expect.stringContaining("retry.backoff") });
  }
});

test("defaults, queue, definition and dispatch lie over each other, option by option", () => {
  const queue = quiet({ backoffBaseSeconds: 0.5, backoffMaxSeconds: 30 });
  expect(policy({})).toMatchObject({
    maxAttempts: 3,
    backoff: "exponential",
    baseDelayMs: 1_000,
    maxBackoffMs: 300_000,
  });
  expect(policy({}, queue)).toMatchObject({ maxAttempts: 3, baseDelayMs: 500, maxBackoffMs: 30_000 });
  expect(policy({ baseDelay: "2s" }, queue)).toMatchObject({ baseDelayMs: 2_000, maxBackoffMs: 30_000 });
  const dispatch = { maxBackoff: "3s", backoff: "fixed", on: ["X"] } as const;
  expect(policy({ baseDelay: "2s", maxBackoff: "4s", maxAttempts: 9 }, queue, dispatch)).toEqual({
    maxAttempts: 9,
    backoff: "fixed",
    baseDelayMs: 2_000,
    maxBackoffMs: 3_000,
    on: ["X"],
  });
});

test("a queue whose backoff is off retries at once, except where a job asks for a wait of its own", () => {
  const off = quiet({ backoffEnabled: false, backoffBaseSeconds: 9 });
  expect(waits(policy({}, off)).delays).toEqual([0, 0, 0, 0, 0]);
  expect(waits(policy({ maxAttempts: 9, on: ["X"] }, off)).delays[0]).toBe(0);
  expect(waits(policy({ baseDelay: "2s" }, off)).delays[0]).toBe(2_000);
  expect(waits(policy({}, off, { backoff: "fixed" })).delays[0]).toBe(9_000);
});

class NetworkError extends Error {}
class SocketClosed extends NetworkError {
  readonly code = "ECLOSED";
}

test("on names an error by its class, its name, its code, or the code of what caused it", () => {
  const wrapped = new TypeError("fetch failed", { cause: new Error("a", { cause: { code: "ECONNREFUSED" } }) });
  const named = Object.assign(new Error("x"), { name: "QuotaExceeded" });
  const cases: [on: Parameters<typeof isNamedBy>[0], error: unknown, isNamed: boolean][] = [
    [[NetworkError], new SocketClosed(), true],
    [["NetworkError"], new SocketClosed(), true],
    [["SocketClosed"], new SocketClosed(), true],
    [["ECLOSED"], new SocketClosed(), true],
    [["SocketClosed"], new NetworkError(), false],
    [[SocketClosed], new NetworkError(), false],
    [["QuotaExceeded"], named, true],
    [["ECONNREFUSED"], wrapped, true],
    [["TypeError"], wrapped, true],
    [["OtherError", "ECONNREFUSED"], wrapped, true],
    [["OtherError"], wrapped, false],
    [["text"], "text", false],
    [["x"], null, false],
  ];
  for (const [on, error, isNamed] of cases) expect(isNamedBy(on, error), String(on)).toBe(isNamed);
});

test("an error that cannot be looked at is named by nothing, and a circle of causes ends", () => {
  const trap = new Proxy(
    {},
    {
      get: () => {
        throw new Error("trap");
      },
      getPrototypeOf: () => {
        throw new Error("trap");
      },
    },
  );
  expect(isNamedBy(["x", NetworkError], trap)).toBe(false);
  const circle: { cause?: unknown } = {};
  circle.cause = circle;
  expect(isNamedBy(["x"], circle)).toBe(false);
});
