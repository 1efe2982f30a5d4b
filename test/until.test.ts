import { expect, test } from "vitest";
import { until } from "./support/until.ts";

test("gives the first truthy value", async () => {
  let looks = 0;
  expect(await until(() => ++looks === 3 && `look ${looks}`, { what: "three looks", every: 1 })).toBe("look 3");
});

test("a failure names what was awaited and what was seen", async () => {
  const waiting = until(() => 0, { what: "the tide", within: 10, every: 1 });
  await expect(waiting).rejects.toThrow("Waited 10 ms for the tide (last seen: 0)");
});

test("an error counts as not yet, and is the cause in the end", async () => {
  const cause = new Error("still closed");
  const failing = (): never => {
    throw cause;
  };
  await expect(until(failing, { what: "the shop", within: 10, every: 1 })).rejects.toMatchObject({
    message: expect.stringContaining("the shop") as string,
    cause,
  });
});
