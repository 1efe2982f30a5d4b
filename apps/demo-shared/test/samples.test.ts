import { expect, test } from "vitest";
import { STATUS_LOOKS } from "../src/job-words.ts";
import { SAMPLES } from "../src/samples.ts";

test("every status that a watcher can see has a sample", () => {
  expect(new Set(SAMPLES.map(({ view }) => view.status))).toEqual(new Set(Object.keys(STATUS_LOOKS)));
});

test("every connection that a watcher can see has a sample", () => {
  const connections = ["connecting", "live", "stale", "polling", "offline", "closed"];
  expect(new Set(SAMPLES.map(({ view }) => view.connection))).toEqual(new Set(connections));
});

test("samples can be told apart", () => {
  expect(new Set(SAMPLES.map(({ id }) => id)).size).toBe(SAMPLES.length);
});
