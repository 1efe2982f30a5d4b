import { createForge, defineJob, type DispatchOptions } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { expect, test } from "vitest";
import { z } from "zod";
import { openWorld } from "./support/world.ts";

const note = defineJob("note", { input: z.object({ text: z.string() }), run: () => {} });

test("a bad input is refused with the schema's issues before anything is stored", async () => {
  await using world = await openWorld({ jobs: [note], worker: false });
  const bad = world.forge.dispatch(note, { text: 7 } as never);
  await expect(bad).rejects.toMatchObject({ code: "INVALID_ARGS", details: { issues: [{ path: "text" }] } });
  await expect(world.forge.dispatchMany(note, [{ text: "fine" }, {} as never])).rejects.toThrow("index 1");
  expect((await world.forge.jobs.list()).jobs).toEqual([]);
});

test("inputs that JSON or a database cannot hold are refused with the path of the culprit", async () => {
  const any = defineJob("any", { run: () => {} });
  await using world = await openWorld({ jobs: [any], worker: false });
  const circle: Record<string, unknown> = {};
  circle["inner"] = [circle];
  const refusal = async (input: unknown): Promise<unknown> => {
    try {
      return { stored: await world.forge.dispatch(any, input) };
    } catch (error) {
      return error;
    }
  };
  expect(await refusal(circle)).toMatchObject({
    code: "INVALID_ARGS",
    message: expect.stringContaining("circular reference at $.inner[0]"),
  });
  expect(await refusal({ n: [1n] })).toMatchObject({
    code: "INVALID_ARGS",
    message: expect.stringContaining("bigint at $.n[0]"),
  });
  expect(await refusal({ "a b": "x\0" })).toMatchObject({
    code: "INVALID_ARGS",
    message: expect.stringContaining('$["a b"]'),
  });
  expect(await refusal({ "k\ud800": 1 })).toMatchObject({
    code: "INVALID_ARGS",
    message: expect.stringContaining("a key of $"),
  });
  expect(await refusal("x".repeat(1024 * 1024))).toMatchObject({ code: "TOO_LARGE" });
  let deep: unknown[] = [];
  for (let n = 0; n < 100_000; n++) deep = [deep];
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const throwing = {
    get field(): never {
      throw new TypeError("not now");
    },
  };
  for (const hostile of [deep, proxy, throwing]) {
    expect(await refusal(hostile)).toMatchObject({
      code: "INVALID_ARGS",
      message: expect.stringContaining("cannot be written as JSON"),
    });
  }
  expect((await world.forge.jobs.list()).jobs).toEqual([]);
});

test("text that only looks like a NUL escape is stored as it is", async () => {
  const any = defineJob("any", { run: () => {} });
  await using world = await openWorld({ jobs: [any], worker: false });
  const input = { path: "C:\\u0000\\ud800", emoji: "😀" };
  const id = await world.forge.dispatch(any, input);
  expect((await world.forge.jobs.get(id))?.input).toEqual(input);
});

test("bad options are refused by name, with the value and what to pass", async () => {
  await using world = await openWorld({ jobs: [note], worker: false });
  const cases: [DispatchOptions, string][] = [
    [{ delay: "soon" as never }, "soon"],
    [{ delay: "-5s" }, "-5s"],
    [{ runAt: new Date("nonsense") }, "runAt"],
    [{ runAt: new Date(), delay: "1s" }, "either"],
    [{ priority: "urgent" as never }, "urgent"],
    [{ queue: "no spaces" }, "no spaces"],
    [{ retry: { maxAttempts: 0 } }, "maxAttempts"],
    [{ retry: { backoff: "square" as never } }, "backoff"],
    [{ idempotencyKey: "" }, "idempotencyKey"],
    [{ owner: "a\0b" }, "owner"],
    [{ tags: ["x"] } as never, "tags"],
    [{ tx: {} }, "tx"],
  ];
  for (const [options, word] of cases) {
    await expect(world.forge.dispatch(note, { text: "x" }, options), word).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining(word),
    });
  }
  expect((await world.forge.jobs.list()).jobs).toEqual([]);
});

test("a job that is not registered is refused, also by the names of Object's own members", async () => {
  const stranger = defineJob("stranger", { run: () => {} });
  await using world = await openWorld({ jobs: [note], worker: false });
  await expect(world.forge.dispatch(stranger, {})).rejects.toMatchObject({ code: "NOT_FOUND" });
  for (const name of ["stranger", "__proto__", "constructor", "toString"]) {
    await expect(world.forge.dispatchNamed(name, {}, { owner: null })).rejects.toMatchObject({ code: "NOT_FOUND" });
  }
});

test("what is no job, no list of inputs, or another definition of the same name is refused as such", async () => {
  await using world = await openWorld({ jobs: [note], worker: false });
  for (const job of [undefined, null, "note", {}]) {
    await expect(world.forge.dispatch(job as never, { text: "x" })).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining("a job that defineJob made"),
    });
  }
  await expect(world.forge.dispatch(defineJob("note", { run: () => {} }), { text: "x" })).rejects.toMatchObject({
    code: "NOT_FOUND",
    message: expect.stringContaining("another definition"),
  });
  await expect(world.forge.dispatchMany(note, { text: "x" } as never)).rejects.toMatchObject({
    code: "BAD_REQUEST",
    message: expect.stringContaining("a list of inputs"),
  });
});

test("an idempotent job merges with the unfinished one of the same input and owner, whatever the order of its fields", async () => {
  const pair = defineJob("pair", {
    input: z.object({ a: z.number(), b: z.number() }),
    idempotent: true,
    run: () => {},
  });
  await using world = await openWorld({ jobs: [pair], worker: false });
  const first = await world.forge.dispatch(pair, { a: 1, b: 2 });
  expect(await world.forge.dispatch(pair, { b: 2, a: 1 })).toBe(first);
  expect(await world.forge.dispatch(pair, { a: 1, b: 3 })).not.toBe(first);
  expect(await world.forge.dispatch(pair, { a: 1, b: 2 }, { owner: "someone" })).not.toBe(first);
});

test("a key made by the definition is held after completion as long as it says", async () => {
  const order = defineJob("order", {
    idempotent: { key: (input: { id: string; at: number }) => input.id, for: "1h" },
    run: () => {},
  });
  await using world = await openWorld({ jobs: [order] });
  const first = await world.forge.dispatch(order, { id: "o-1", at: 1 });
  await world.forge.jobs.wait(first);
  expect(await world.forge.dispatch(order, { id: "o-1", at: 2 })).toBe(first);
  world.clock.offsetMs += 61 * 60_000;
  expect(await world.forge.dispatch(order, { id: "o-1", at: 3 })).not.toBe(first);
});

test("a request id absorbs repeats of one request for a day, and an idempotencyKey merges dispatches", async () => {
  await using world = await openWorld({ jobs: [note] });
  const request = { owner: "p", requestId: "019a0000-0000-7000-8000-000000000001" };
  const first = await world.forge.dispatchNamed("note", { text: "x" }, request);
  await world.forge.jobs.wait(first.id);
  expect(first.created).toBe(true);
  expect(await world.forge.dispatchNamed("note", { text: "x" }, request)).toEqual({ id: first.id, created: false });
  world.clock.offsetMs += 25 * 60 * 60_000;
  expect((await world.forge.dispatchNamed("note", { text: "x" }, request)).created).toBe(true);
});

test("jobs run by priority, and not before their time", async () => {
  const ran: string[] = [];
  const mark = defineJob("mark", { input: z.string(), run: (_ctx, name) => void ran.push(name) });
  await using idle = await openWorld({ jobs: [mark], worker: false });
  await idle.forge.dispatch(mark, "low", { priority: "low" });
  await idle.forge.dispatch(mark, "normal");
  await idle.forge.dispatch(mark, "critical", { priority: "critical" });
  await idle.forge.dispatch(mark, "high", { priority: "high" });
  await idle.forge.dispatch(mark, "tomorrow", { runAt: new Date(Date.now() + 86_400_000), priority: "critical" });
  const last = await idle.forge.dispatch(mark, "soon", { delay: "300ms", priority: "low" });
  await using working = await openWorld({ jobs: [mark], file: idle.file, worker: { queues: { default: 1 } } });
  await working.forge.jobs.wait(last);
  expect(ran).toEqual(["critical", "high", "normal", "low", "soon"]);
});

test("lists page newest first and filter; a bad cursor or filter is refused", async () => {
  await using world = await openWorld({ jobs: [note], worker: false });
  const ids = await world.forge.dispatchMany(
    note,
    Array.from({ length: 25 }, (_, n) => ({ text: String(n) })),
  );
  const pages: string[][] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof world.forge.jobs.list>> = await world.forge.jobs.list({
      limit: 10,
      type: "note",
      ...(cursor !== null && { cursor }),
    });
    pages.push(page.jobs.map((job) => job.id));
    cursor = page.cursor;
  } while (cursor !== null);
  expect(pages.map((page) => page.length)).toEqual([10, 10, 5]);
  expect(pages.flat()).toEqual(ids.toReversed());
  expect((await world.forge.jobs.list({ status: "failed" })).jobs).toEqual([]);
  await expect(world.forge.jobs.list({ cursor: "x" })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  await expect(world.forge.jobs.list({ owner: 5 as never })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  await expect(world.forge.jobs.list({ limit: 0 })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  await expect(world.forge.jobs.list({ status: "lost" as never })).rejects.toMatchObject({ code: "BAD_REQUEST" });
});

test("definitions and engines refuse bad or unknown options when they are made", () => {
  const run = (): void => {};
  const definitions: [() => unknown, string][] = [
    [() => defineJob("1bad", { run }), "1bad"],
    [() => defineJob("ok", {} as never), "run"],
    [() => defineJob("ok", { run, timeout: "5 minutes" as never }), "5 minutes"],
    [() => defineJob("ok", { run, cron: "* * * * *" } as never), "cron"],
    [() => defineJob("ok", { run, public: "all" as never }), "all"],
    [() => defineJob("ok", { run, input: {} as never }), "Standard Schema"],
    [() => defineJob("ok", { run, idempotent: { for: "1h" } as never }), "key"],
    [() => defineJob("ok", { run, idempotent: false as never }), "or true; got false"],
    [() => defineJob("ok", { run, timeout: "0s" }), "Pass false"],
    [() => defineJob("ok", { run, retry: null as never }), "or false; got null"],
    [
      () => defineJob("ok", { run, retry: { maxAttempts: Number.NaN } }),
      "of ok must be a whole number from 1 to 1,000,000; got NaN",
    ],
    [() => defineJob("ok", { run, priority: "urgent" as never }), "priority of ok"],
    [() => defineJob("ok", { run, concurrencyPerKey: 2 }), "concurrencyPerKey needs one; got undefined"],
    [() => defineJob("ok", { run, timeOut: "5m" } as never), "Did you mean timeout?"],
    [() => defineJob("ok", undefined as never), "takes an object of options (input, output"],
    [() => defineJob("ok", [] as never), "got []"],
  ];
  const store = sqliteStore(":memory:");
  const engines: [() => unknown, string][] = [
    [() => createForge({ store, jobs: [note, note] }), "note"],
    [() => createForge({ store, jobs: [], webhooks: [] } as never), "webhooks"],
    [() => createForge({ store, jobs: [], context: { log: 1 } }), "log"],
    [() => createForge({ store, jobs: [], worker: { queues: { default: 0 } } }), "default"],
    [() => createForge({ store, jobs: [], worker: { lease: "1ms" } }), "lease"],
    [() => createForge({ store, jobs: [], worker: null as never }), "or false; got null"],
    [() => createForge({ store, jobs: [], worker: { queues: ["default"] as never } }), "such as { default: 10 }"],
    [() => createForge({ store, jobs: [], context: "db" }), 'on its ctx; got "db"'],
    [() => createForge({ store, jobs: [], logger: null as never }), "debug"],
  ];
  for (const [make, word] of [...definitions, ...engines]) {
    expect(make, word).toThrow(
      expect.objectContaining({ code: "BAD_REQUEST", message: expect.stringContaining(word) }) as Error,
    );
  }
});
