import { defineJob, type JobContext, type JobDefinition, type RetryOptions, Dead, Snooze } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { z } from "zod";
import { gate, openWorld } from "./support/world.ts";

const soon = { baseDelay: "1ms", maxBackoff: "2ms" } as const;

class NetworkError extends Error {}

/** A job that always throws what `thrown` makes. */
const thrower = (retry: RetryOptions, thrown: () => unknown): JobDefinition =>
  defineJob("thrower", {
    retry: { ...soon, ...retry },
    run: () => {
      throw thrown();
    },
  });

test("an error that retry.on names is retried; any other fails the job at once", async () => {
  for (const [on, error, attempts] of [
    [[NetworkError], new NetworkError("reset"), 3],
    [["NetworkError"], new NetworkError("reset"), 3],
    [["ECONNRESET"], Object.assign(new Error("reset"), { code: "ECONNRESET" }), 3],
    [["ECONNRESET", NetworkError], new Error("no such user"), 1],
  ] as const) {
    const job = thrower({ on }, () => error);
    await using world = await openWorld({ jobs: [job] });
    expect(await world.forge.jobs.wait(await world.forge.dispatch(job, {}))).toMatchObject({
      status: "failed",
      attempts,
      maxAttempts: 3,
    });
  }
});

test("a run out of time is TIMEOUT to retry.on, whatever its handler throws then", async () => {
  for (const [on, attempts] of [
    [["TIMEOUT"], 2],
    [["JobAborted"], 2],
    [["NetworkError"], 1],
  ] as const) {
    const slow = defineJob("slow", {
      timeout: "10ms",
      retry: { maxAttempts: 2, ...soon, on },
      run: (ctx) =>
        new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(new Error("aborted by hand")))),
    });
    await using world = await openWorld({ jobs: [slow] });
    expect(await world.forge.jobs.wait(await world.forge.dispatch(slow, {}))).toMatchObject({
      status: "failed",
      attempts,
    });
  }
});

test("retry: false is one run, in a definition and in a dispatch", async () => {
  const once = defineJob("once", {
    retry: false,
    run: () => {
      throw new Error("no");
    },
  });
  const often = thrower({}, () => new Error("no"));
  await using world = await openWorld({ jobs: [once, often] });
  const ids = [await world.forge.dispatch(once, {}), await world.forge.dispatch(often, {}, { retry: false })];
  for (const id of ids) {
    expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "failed", attempts: 1, maxAttempts: 1 });
  }
});

test("the wait is by the curve, and a dispatch may change one option of it", async () => {
  const job = thrower({ maxAttempts: 2, backoff: () => "1h" }, () => new Error("no"));
  await using world = await openWorld({ jobs: [job] });
  const waitOf = async (retry?: RetryOptions): Promise<number> => {
    const id = await world.forge.dispatch(job, {}, retry === undefined ? {} : { retry });
    await expect.poll(async () => (await world.forge.jobs.get(id))?.status).toBe("retry");
    const { scheduledAt, startedAt } = (await world.forge.jobs.get(id))!;
    return (scheduledAt.getTime() - startedAt!.getTime()) / 60_000;
  };
  expect(await waitOf()).toBeCloseTo(60, 0);
  const fixed = await waitOf({ backoff: "fixed", baseDelay: "100m", maxBackoff: "100m" });
  expect(fixed).toBeGreaterThan(74);
  expect(fixed).toBeLessThan(126);
});

test("a run that is out of time waits by the same curve, which is told why", async () => {
  const told: unknown[] = [];
  const slow = defineJob("slow", {
    timeout: "20ms",
    retry: {
      backoff: (attempt, error) => {
        told.push([attempt, (error as { code?: string }).code]);
        return "1h";
      },
    },
    run: (ctx) => new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))),
  });
  await using world = await openWorld({ jobs: [slow] });
  const waits = [];
  for (const retry of [undefined, { backoff: "linear", baseDelay: "2h", maxBackoff: "1d" } as const]) {
    const id = await world.forge.dispatch(slow, {}, retry === undefined ? {} : { retry });
    await expect.poll(async () => (await world.forge.jobs.get(id))?.status).toBe("retry");
    const { scheduledAt, startedAt } = (await world.forge.jobs.get(id))!;
    waits.push((scheduledAt.getTime() - startedAt!.getTime()) / 3_600_000);
  }
  expect(waits[0]).toBeCloseTo(1, 1);
  expect(waits[1]).toBeGreaterThanOrEqual(1.49);
  expect(waits[1]).toBeLessThan(2.51);
  expect(told).toEqual([[1, "TIMEOUT"]]);
});

test("a queue's backoff is what its jobs wait, and not at all where it is off, unless they ask for a wait", async () => {
  const waits = thrower({ backoff: () => "1h" }, () => new Error("no"));
  const plain = defineJob("plain", {
    run: () => {
      throw new Error("no");
    },
  });
  await using operator = await openWorld({ jobs: [plain, waits], worker: false });
  const { queues } = operator.forge;
  await queues.configure("default", { backoff: { baseSeconds: 3_600, maxSeconds: 7_200 } });
  const slow = await operator.forge.dispatch(plain, {});
  await using first = await openWorld({ jobs: [plain, waits], file: operator.file });
  await expect.poll(async () => (await first.forge.jobs.get(slow))?.status).toBe("retry");
  const { scheduledAt, startedAt } = (await first.forge.jobs.get(slow))!;
  expect(scheduledAt.getTime() - startedAt!.getTime()).toBeGreaterThan(0.74 * 3_600_000);
  await first.forge.stop();
  await queues.configure("default", { backoff: { enabled: false } });
  const atOnce = await operator.forge.dispatch(plain, {});
  const asks = await operator.forge.dispatch(waits, {});
  await using second = await openWorld({ jobs: [plain, waits], file: operator.file });
  expect(await second.forge.jobs.wait(atOnce)).toMatchObject({ status: "failed", attempts: 3 });
  await expect.poll(async () => (await second.forge.jobs.get(asks))?.status).toBe("retry");
});

test("a job that the release before dispatched keeps the numbers it was dispatched with", async () => {
  const job = thrower({ maxAttempts: 9, baseDelay: "1h", maxBackoff: "1h" }, () => new Error("no"));
  await using world = await openWorld({ jobs: [job], worker: false });
  const id = await world.forge.dispatch(job, {}, { retry: { maxAttempts: 2, ...soon } });
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(world.file);
  const row = db.prepare("SELECT overrides FROM forge_live WHERE id = ?").get(id) as { overrides: string };
  // As that release wrote it, and as its workers read what this one writes.
  const { retry } = JSON.parse(row.overrides) as { retry: unknown };
  expect(retry).toEqual({ maxAttempts: 2, baseDelayMs: 1, maxBackoffMs: 2 });
  db.prepare("UPDATE forge_live SET overrides = ? WHERE id = ?").run(JSON.stringify({ retry }), id);
  db.close();
  await using worker = await openWorld({ jobs: [job], file: world.file });
  expect(await worker.forge.jobs.wait(id)).toMatchObject({ status: "failed", attempts: 2 });
});

test("what cannot be stored as JSON is refused in a dispatch, with what to pass instead", async () => {
  const job = thrower({}, () => new Error("no"));
  await using world = await openWorld({ jobs: [job], worker: false });
  const refused = (retry: RetryOptions): Promise<string> => world.forge.dispatch(job, {}, { retry });
  await expect(refused({ backoff: () => 1 })).rejects.toMatchObject({
    code: "BAD_REQUEST",
    message: expect.stringContaining("put the function into the definition"),
  });
  await expect(refused({ on: ["X", NetworkError] })).rejects.toMatchObject({
    code: "BAD_REQUEST",
    message: expect.stringContaining('"NetworkError"'),
  });
});

test("bad retry options are refused by name", () => {
  const define = (retry: unknown) => () => defineJob("bad", { retry: retry as RetryOptions, run: () => {} });
  expect(define({ backoff: "quadratic" })).toThrow(/retry.backoff of bad must be .*quadratic/);
  expect(define({ on: [] })).toThrow(/retry.on of bad must be a list/);
  expect(define({ on: "NetworkError" })).toThrow(/retry.on of bad must be a list/);
  expect(define({ on: [() => {}] })).toThrow(/retry.on of bad must be a list/);
  expect(define({ on: [""] })).toThrow(/retry.on of bad must be a list/);
  expect(define({ baseDelay: 5 })).toThrow(/retry.baseDelay of bad must be a duration/);
  expect(define({ tries: 5 })).toThrow(/no option "tries"/);
  expect(define(true)).toThrow(/retry of bad takes an object of options \(maxAttempts, .*\), or false/);
});

test("timeout: false lets a handler run on, also where only the dispatch says so", async () => {
  const release = gate();
  const run = (ctx: JobContext): Promise<void> =>
    new Promise((resolve, reject) => {
      ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
      void release.opened.then(resolve);
    });
  const endless = defineJob("endless", { timeout: false, run });
  const limited = defineJob("limited", { timeout: "20ms", retry: false, run });
  const short = defineJob("short", {
    timeout: "20ms",
    retry: false,
    run: (ctx) => new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))),
  });
  await using world = await openWorld({ jobs: [endless, limited, short] });
  const ids = [await world.forge.dispatch(endless, {}), await world.forge.dispatch(limited, {}, { timeout: false })];
  // By the time that a limit of 20 ms has struck, set after theirs would have been, they still run.
  await world.forge.jobs.wait(await world.forge.dispatch(short, {}));
  for (const id of ids) expect((await world.forge.jobs.get(id))?.status).toBe("running");
  release.open();
  for (const id of ids) expect((await world.forge.jobs.wait(id)).status).toBe("completed");
});

test("a timeout that is neither a duration nor false is refused", () => {
  expect(() => defineJob("bad", { timeout: true as never, run: () => {} })).toThrow(/unless it is false/);
});

test("discardIf ends a job as failed and discarded at once, without a warning; nobody can retry it", async () => {
  const seen: unknown[] = [];
  const drop = defineJob("drop", {
    input: z.object({ id: z.coerce.number() }),
    discardIf: async (input, error, ctx) => {
      seen.push([input, (error as Error).message, ctx.attempt]);
      return true;
    },
    run: () => {
      throw new Error("user is gone");
    },
  });
  await using world = await openWorld({ jobs: [drop] });
  const id = await world.forge.dispatch(drop, { id: "7" });
  const job = await world.forge.jobs.wait(id);
  expect(job).toMatchObject({ status: "failed", attempts: 1, error: expect.stringContaining("user is gone") });
  expect(job.discardedAt).toEqual(job.failedAt);
  expect(job.discardedAt).toBeInstanceOf(Date);
  expect(seen).toEqual([[{ id: 7 }, "user is gone", 1]]);
  expect(world.logs.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
  await expect(world.forge.jobs.retry(id)).rejects.toMatchObject({
    code: "CONFLICT",
    message: expect.stringContaining("discarded"),
  });
});

test("a discardIf that says no, throws or answers no boolean leaves the job to be retried", async () => {
  let answers: (() => unknown)[] = [];
  const job = defineJob("job", {
    retry: { maxAttempts: 3, ...soon },
    discardIf: () => answers.shift()!() as boolean,
    run: () => {
      throw new Error("no");
    },
  });
  await using world = await openWorld({ jobs: [job] });
  answers = [
    () => false,
    () => {
      throw new Error("discardIf is broken");
    },
    () => Promise.reject(new Error("discardIf rejects")),
  ];
  const id = await world.forge.dispatch(job, {});
  expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "failed", attempts: 3, discardedAt: null });
  expect(world.logs.filter(({ message }) => message.includes("discardIf threw"))).toHaveLength(2);
});

test("discardIf hears of timeouts, but not of Dead, Snooze, a cancellation or an input that its schema refuses", async () => {
  const asked: unknown[] = [];
  const discardIf = (_input: unknown, error: unknown): boolean => {
    asked.push((error as { code?: unknown }).code ?? (error as Error).message);
    return true;
  };
  const untilAborted = (ctx: { signal: AbortSignal }): Promise<never> =>
    new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
  const slow = defineJob("slow", { timeout: "10ms", discardIf, run: untilAborted });
  const dead = defineJob("dead", {
    discardIf,
    run: () => {
      throw new Dead("dead");
    },
  });
  let snoozed = 0;
  const snooze = defineJob("snooze", {
    discardIf,
    run: () => {
      if (snoozed++ === 0) throw new Snooze("1ms");
    },
  });
  const started = gate();
  const cancelled = defineJob("cancelled", {
    discardIf,
    run: (ctx) => {
      started.open();
      return untilAborted(ctx);
    },
  });
  await using world = await openWorld({ jobs: [slow, dead, snooze, cancelled] });
  const { forge } = world;
  expect(await forge.jobs.wait(await forge.dispatch(slow, {}))).toMatchObject({ status: "failed", attempts: 1 });
  expect(await forge.jobs.wait(await forge.dispatch(dead, {}))).toMatchObject({ status: "dead_letter" });
  expect(await forge.jobs.wait(await forge.dispatch(snooze, {}))).toMatchObject({ status: "completed" });
  const id = await forge.dispatch(cancelled, {});
  await started.opened;
  await forge.jobs.cancel(id);
  expect(await forge.jobs.wait(id)).toMatchObject({ status: "cancelled", discardedAt: null });
  expect(asked).toEqual(["TIMEOUT"]);
});

test("discardIf is asked about a handler that ignored its signal, and its slot is free afterwards", async () => {
  const release = gate();
  const deaf = defineJob("deaf", { timeout: "10ms", discardIf: async () => true, run: () => release.opened });
  const next = defineJob("next", { run: () => "ran" });
  await using world = await openWorld({ jobs: [deaf, next], worker: { queues: { default: 1 } } });
  const deafId = await world.forge.dispatch(deaf, {});
  const nextId = await world.forge.dispatch(next, {});
  expect(await world.forge.jobs.wait(nextId)).toMatchObject({ status: "completed" });
  const job = await world.forge.jobs.wait(deafId);
  expect(job.status).toBe("failed");
  expect(job.discardedAt).not.toBeNull();
  release.open();
});
