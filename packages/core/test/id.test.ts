import { validate, version } from "uuid";
import { afterEach, describe, expect, test, vi } from "vitest";
import { newId } from "../src/id.ts";

describe("newId", () => {
  afterEach(() => vi.useRealTimers());

  test("makes version 7 ids that hold the clock's millisecond", () => {
    const before = Date.now();
    const id = newId();
    const ms = Number.parseInt(id.slice(0, 13).replace("-", ""), 16);
    expect([validate(id), version(id)]).toEqual([true, 7]);
    expect(ms).toBeGreaterThanOrEqual(before);
    expect(ms).toBeLessThanOrEqual(Date.now());
  });

  test("makes ids that sort as they were made, also more in a millisecond than its counter holds", () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const ids = Array.from({ length: 10_000 }, newId);
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  });

  test("goes on in order when the clock is set back", () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const before = newId();
    vi.setSystemTime(Date.now() - 60_000);
    expect(newId() > before).toBe(true);
  });
});
