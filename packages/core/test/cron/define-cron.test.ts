import { createForge, defineCron, defineJob } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { expect, test } from "vitest";

const run = (): void => {};

test.for<[string, string, object, string]>([
  ["a field too few", "* * * *", {}, "five fields"],
  ["no field", "", {}, "five fields"],
  ["an hour that is none", "0 25 * * *", {}, "25"],
  ["a word", "now and then * * *", {}, "five fields"],
  ["a date", "2030-01-01T00:00:00", {}, "five fields"],
  ["an event", "@reboot", {}, "@reboot"],
  ["30 February", "0 0 30 2 *", {}, "never comes true"],
  ["a year that is over", "0 0 0 1 1 * 2020", {}, "never comes true"],
  [
    "a time that daylight saving skips, once",
    "0 30 2 14 3 * 2027",
    { timezone: "America/New_York" },
    "never comes true",
  ],
  ["an empty expression", " ", {}, "it is empty"],
  ["its options in the place of the expression", { name: "nightly" } as never, {}, "takes an expression such as"],
  ["a time zone that is none", "* * * * *", { timezone: "Mars/Phobos" }, "Mars/Phobos"],
  ["an empty time zone", "* * * * *", { timezone: "" }, "timezone"],
  ["no name", "* * * * *", { name: undefined }, "name"],
  ["a long name", "* * * * *", { name: "n".repeat(96) }, "95"],
  ["a limit of none", "* * * * *", { catchUp: true, catchUpLimit: 0 }, "catchUpLimit"],
  ["a policy that is none", "* * * * *", { overlap: "queue" }, "overlap"],
  ["no handler", "* * * * *", { run: undefined }, "run"],
  ["an option that is none", "* * * * *", { catchup: true }, "catchup"],
  ["public to watch", "* * * * *", { public: "watch" }, "public"],
  ["a bad retry", "* * * * *", { retry: { maxAttempts: 0 } }, "maxAttempts"],
])("defineCron refuses %s, and says why", ([, expression, options, words]) => {
  const define = (): unknown => defineCron(expression, { name: "nightly", run, ...options });
  expect(define).toThrow(expect.objectContaining({ code: "BAD_REQUEST", message: expect.stringContaining(words) }));
});

test("what is not said has its default", () => {
  expect(defineCron(" 0   9 * * * ", { name: "nightly", run })).toMatchObject({
    name: "nightly",
    expression: "0 9 * * *",
    timezone: "UTC",
    catchUp: false,
    catchUpLimit: 10,
    overlap: "skip",
    public: false,
    job: { name: "cron:nightly", queue: "default", priority: "normal", public: false, timeoutMs: 3_600_000 },
  });
});

test("a run is not repeated unless retry is given", () => {
  const runsOf = (options: object): unknown =>
    JSON.parse(defineCron("* * * * *", { name: "a", run, ...options }).template);
  expect(runsOf({})).toMatchObject({ maxAttempts: 1 });
  expect(runsOf({ retry: {} })).toMatchObject({ maxAttempts: 3 });
});

test("the hash tells expressions and time zones apart, and nothing else", () => {
  const hash = (expression: string, options: object = {}): string =>
    defineCron(expression, { name: "nightly", run, ...options }).hash;
  expect(hash("0 9 * * *", { catchUp: true, overlap: "allow", queue: "other" })).toBe(hash("0  9 * * *"));
  expect(hash("0 10 * * *")).not.toBe(hash("0 9 * * *"));
  expect(hash("0 9 * * *", { timezone: "Europe/Berlin" })).not.toBe(hash("0 9 * * *"));
});

test("names meet neither each other nor a job's", () => {
  const store = sqliteStore(":memory:");
  const nightly = defineCron("* * * * *", { name: "nightly", run });
  expect(() => createForge({ store, jobs: [], crons: [nightly, nightly] })).toThrow("Two crons are named nightly");
  expect(() => createForge({ store, jobs: [], crons: [{ name: "x" }] as never })).toThrow("defineCron");
  expect(() => defineJob("cron:nightly", { run })).toThrow('cannot begin with "cron:"');
  expect(() => createForge({ store, jobs: [], context: { runId: 1 } })).toThrow("runId");
});
