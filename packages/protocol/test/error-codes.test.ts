import { expect, test } from "vitest";
import { ERROR_CODES } from "../src/index.ts";

test("the set of codes is closed, each with its HTTP status", () => {
  expect(Object.fromEntries(Object.entries(ERROR_CODES).map(([code, { status }]) => [code, status]))).toEqual({
    BAD_REQUEST: 400,
    INVALID_ARGS: 400,
    UNAUTHENTICATED: 401,
    FORBIDDEN_ORIGIN: 403,
    NOT_FOUND: 404,
    CONFLICT: 409,
    KEY_HELD: 409,
    TOO_LARGE: 413,
    PROTOCOL_UNSUPPORTED: 426,
    RATE_LIMITED: 429,
    INTERNAL: 500,
    UNAVAILABLE: 503,
  });
});

test.each(Object.entries(ERROR_CODES))("%s is explained in one sentence or more", (_, { meaning }) => {
  expect(meaning).toMatch(/^[A-Z].{20,}\.$/);
});
