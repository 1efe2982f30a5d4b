import { defineJob } from "@forge-jobs/core";
import { expect, test, vi } from "vitest";
import type { LogLine, LogVerbs } from "../src/store.ts";
import { logFields } from "../src/worker/log-fields.ts";
import { LogWriter } from "../src/worker/job-log.ts";
import { openWorld, recordingLogger, silent, type LogLine as Said } from "./support/world.ts";

const run = { id: "00000000-0000-7000-8000-000000000001", attempt: 1 };

/** A writer whose verbs note what they are given, after `before`. */
function writerWith(before: () => Promise<void> = async () => {}) {
  const written: LogLine[] = [];
  const said: Said[] = [];
  const verbs: LogVerbs = {
    async write({ lines }) {
      await before();
      written.push(...lines);
    },
    read: async () => [],
  };
  return { writer: new LogWriter(verbs, recordingLogger(said)), written, said };
}

test("what handlers log is read back with its attempt, and nothing of the engine's", async () => {
  const talk = defineJob("talk", {
    retry: { maxAttempts: 2, baseDelay: "1ms", maxBackoff: "2ms" },
    run: (ctx) => {
      ctx.log.debug("first");
      ctx.log.error("x".repeat(1023) + "é", { n: 1n });
      if (!ctx.isLastAttempt) throw new Error("again");
    },
  });
  await using world = await openWorld({ jobs: [talk] });
  const id = await world.forge.dispatch(talk, {});
  await world.forge.jobs.wait(id);
  await vi.waitFor(async () => expect((await world.forge.jobs.get(id, { logs: true }))?.logs).toHaveLength(4), 20_000);
  const job = await world.forge.jobs.get(id, { logs: true });
  const lines = (attempt: number) => [
    { at: expect.any(Date), level: "debug", attempt, message: "first", fields: null },
    { at: expect.any(Date), level: "error", attempt, message: "x".repeat(1023), fields: { n: "1" } },
  ];
  expect(job?.logs).toEqual([...lines(1), ...lines(2)]);
  expect(await world.forge.jobs.get(id)).not.toHaveProperty("logs");
  expect(world.logs).toContainEqual({
    level: "debug",
    message: "first",
    fields: { jobId: id, jobType: "talk", attempt: 1 },
  });
});

test("stopping writes what was logged a moment before", async () => {
  const last = defineJob("last", { run: (ctx) => ctx.log.info("last words") });
  await using world = await openWorld({ jobs: [last] });
  const id = await world.forge.dispatch(last, {});
  await world.forge.jobs.wait(id);
  await world.forge.stop();
  await using later = await openWorld({ jobs: [last], file: world.file });
  expect((await later.forge.jobs.get(id, { logs: true }))?.logs).toMatchObject([{ message: "last words" }]);
});

test("what waits is written at once when asked, of each run its last 200 lines", async () => {
  const { writer, written } = writerWith();
  const log = writer.loggerOf(run, silent);
  for (let n = 0; n < 500; n++) log.info(`line ${n}`);
  await writer.settled();
  expect(written.map(({ message }) => message)).toEqual(Array.from({ length: 200 }, (_, n) => `line ${300 + n}`));
  log.info("later");
  await writer.settled();
  expect(written.at(-1)?.message).toBe("later");
  writer.close();
  log.info("too late");
  await writer.settled();
  expect(written).toHaveLength(201);
});

test("a database that refuses costs the lines and one warning", async () => {
  let broken = true;
  const { writer, written, said } = writerWith(async () => {
    if (broken) throw new Error("no");
  });
  const log = writer.loggerOf(run, silent);
  for (const message of ["a", "b"]) {
    log.info(message);
    await writer.settled();
  }
  expect(said).toMatchObject([{ level: "warn" }]);
  broken = false;
  log.info("c");
  await writer.settled();
  expect(written.map(({ message }) => message)).toEqual(["c"]);
  expect(said).toHaveLength(1);
});

test("fields of every sort become JSON that a database holds", () => {
  const circular: Record<string, unknown> = { a: 1 };
  circular["self"] = circular;
  const fieldsOf = (fields: unknown): unknown => JSON.parse(logFields(fields) ?? "null");
  expect(fieldsOf(undefined)).toBe(null);
  expect(fieldsOf(circular)).toEqual({ a: 1, self: "[circular]" });
  expect(fieldsOf({ big: 10n, "k\0": "a\0b\uD800", when: new Date(0) })).toEqual({
    big: "10",
    "k\uFFFD": "a\uFFFDb\uFFFD",
    when: "1970-01-01T00:00:00.000Z",
  });
  expect(fieldsOf({ cause: new TypeError("bad") })).toEqual({ cause: { name: "TypeError", message: "bad" } });
  expect(fieldsOf({ bytes: Buffer.alloc(1_000_000) })).toEqual({ bytes: "[1000000 bytes]" });
  expect(fieldsOf({ long: "é".repeat(3_000) })).toEqual({ omitted: "more than 4 KiB" });
  expect(fieldsOf({ list: Array.from({ length: 1_000_000 }, () => 1) })).toEqual({ omitted: "more than 4 KiB" });
  const bad = {
    get x(): never {
      throw new Error("no");
    },
  };
  expect(fieldsOf(bad)).toEqual({ omitted: "not serialisable" });
});
