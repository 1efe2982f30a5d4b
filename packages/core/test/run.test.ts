import { Dead, defineJob, PublicError, Snooze } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { z } from "zod";
import { gate, openWorld } from "./support/world.ts";

const soon = { baseDelay: "1ms", maxBackoff: "2ms" } as const;

test("a job runs with the parsed input, and its output is what the schema made of it", async () => {
  const double = defineJob("double", {
    input: z.object({ n: z.coerce.number(), label: z.string().default("none") }),
    output: z.object({ twice: z.number().transform(String) }),
    run: (_ctx, input) => ({ twice: input.n * 2 + input.label.length }),
  });
  await using world = await openWorld({ jobs: [double] });
  const id = await world.forge.dispatch(double, { n: "21" });
  const job = await world.forge.jobs.wait(id);
  expect(job).toMatchObject({
    status: "completed",
    input: { n: "21" },
    output: { twice: "46" },
    attempts: 1,
    error: null,
  });
  expect(job.completedAt).toBeInstanceOf(Date);
});

test("a handler's ctx says which job and run it is, and holds what createForge was given", async () => {
  const seen: unknown[] = [];
  const look = defineJob("look", {
    retry: { maxAttempts: 2, ...soon },
    run: (ctx) => {
      const { jobId, attempt, maxAttempts, isRetry, isLastAttempt, isCancelRequested } = ctx;
      seen.push({
        jobId,
        attempt,
        maxAttempts,
        isRetry,
        isLastAttempt,
        cancel: isCancelRequested(),
        db: (ctx as { db?: unknown }).db,
      });
      if (attempt === 1) throw new Error("once");
    },
  });
  await using world = await openWorld({ jobs: [look], context: { db: "mine" } });
  const id = await world.forge.dispatch(look, {});
  await world.forge.jobs.wait(id);
  expect(seen).toEqual([
    { jobId: id, attempt: 1, maxAttempts: 2, isRetry: false, isLastAttempt: false, cancel: false, db: "mine" },
    { jobId: id, attempt: 2, maxAttempts: 2, isRetry: true, isLastAttempt: true, cancel: false, db: "mine" },
  ]);
});

test("every member of ctx works when it is taken out of it", async () => {
  const child = defineJob("child", { run: (_ctx, input: { n: number }) => input.n });
  const seen: unknown[] = [];
  const parent = defineJob("parent", {
    run: async (ctx) => {
      const { log, signal, progress, heartbeat, isCancelRequested, save, saved, dispatch, jobs, fetch, rateLimit } =
        ctx;
      const { dispatchChild, waitForJobs, trackChildren, settleIn } = ctx;
      log.info("taken out");
      progress(40, "taken out");
      await heartbeat();
      await save("key", 1);
      trackChildren();
      const [output] = await waitForJobs([await dispatchChild(child, { n: 7 })]);
      const other = await jobs.wait(await dispatch(child, { n: 8 }));
      await settleIn("no transaction").catch((error: unknown) => seen.push((error as { code: string }).code));
      seen.push(
        signal.aborted,
        isCancelRequested(),
        saved["key"],
        output,
        other.output,
        typeof fetch,
        typeof rateLimit.drain,
      );
      seen.push(ctx.log === log, ctx.signal === signal, ctx.fetch === fetch, ctx.rateLimit === rateLimit);
    },
  });
  await using world = await openWorld({ jobs: [parent, child] });
  const job = await world.forge.jobs.wait(await world.forge.dispatch(parent, {}));
  expect(job).toMatchObject({ status: "completed", message: "taken out" });
  expect(seen).toEqual(["BAD_REQUEST", false, false, 1, 7, 8, "function", "function", true, true, true, true]);
});

test("a job that throws is retried until its runs are spent, then failed, whole for operators and closed for watchers", async () => {
  const broken = defineJob("broken", {
    retry: { maxAttempts: 3, ...soon },
    run: () => {
      throw new Error("connect to 10.0.0.3 refused, password hunter2");
    },
  });
  await using world = await openWorld({ jobs: [broken] });
  const id = await world.forge.dispatch(broken, {});
  const job = await world.forge.jobs.wait(id);
  expect(job).toMatchObject({ status: "failed", attempts: 3, publicError: `The job failed (…${id.slice(-8)})` });
  expect(job.error).toContain("hunter2");
  expect(job.failedAt).toBeInstanceOf(Date);
});

test("a PublicError's sentence reaches watchers, also as the cause of another error, and publicError makes one", async () => {
  const make = (name: string, thrown: unknown, publicError?: (error: unknown) => string) =>
    defineJob(name, {
      retry: { maxAttempts: 1 },
      ...(publicError && { publicError }),
      run: () => {
        throw thrown;
      },
    });
  const plain = make("plain", new PublicError("The file has no header."));
  const wrapped = make("wrapped", new Dead("gave up", { cause: new PublicError("The account is closed.") }));
  const worded = make("worded", new Error("ECONNRESET"), () => "The mail server did not answer.");
  const thrower = make("thrower", new Error("secret"), () => {
    throw new Error("also secret");
  });
  await using world = await openWorld({ jobs: [plain, wrapped, worded, thrower] });
  const sentence = async (job: typeof plain): Promise<unknown> =>
    (await world.forge.jobs.wait(await world.forge.dispatch(job, {}))).publicError;
  expect(await sentence(plain)).toBe("The file has no header.");
  expect(await sentence(wrapped)).toBe("The account is closed.");
  expect(await sentence(worded)).toBe("The mail server did not answer.");
  expect(await sentence(thrower)).toMatch(/^The job failed \(…[0-9a-f]{8}\)$/);
});

test("Dead ends a job as dead_letter although runs are left", async () => {
  const hopeless = defineJob("hopeless", {
    run: () => {
      throw new Dead("no such account");
    },
  });
  await using world = await openWorld({ jobs: [hopeless] });
  const job = await world.forge.jobs.wait(await world.forge.dispatch(hopeless, {}));
  expect(job).toMatchObject({ status: "dead_letter", attempts: 1, maxAttempts: 3 });
});

test("Snooze puts a job off without using up an attempt", async () => {
  let runs = 0;
  const patient = defineJob("patient", {
    retry: { maxAttempts: 1 },
    run: (ctx) => {
      if (++runs < 3) throw new Snooze("5ms");
      return ctx.attempt;
    },
  });
  await using world = await openWorld({ jobs: [patient] });
  const job = await world.forge.jobs.wait(await world.forge.dispatch(patient, {}));
  expect(job).toMatchObject({ status: "completed", output: 1, attempts: 1 });
  expect(runs).toBe(3);
});

test("anything may be thrown, also undefined, a proxy that throws and a rejected promise's null", async () => {
  const trap = new Proxy(
    {},
    {
      get: () => {
        throw new Error("trap");
      },
      getPrototypeOf: () => {
        throw new Error("trap");
      },
      ownKeys: () => {
        throw new Error("trap");
      },
    },
  );
  const values = [undefined, null, 7, trap];
  const thrower = defineJob("thrower", {
    input: z.number(),
    retry: { maxAttempts: 1 },
    run: (_ctx, index) => Promise.reject(values[index]),
  });
  await using world = await openWorld({ jobs: [thrower] });
  const ids = await world.forge.dispatchMany(
    thrower,
    values.map((_, index) => index),
  );
  for (const id of ids) expect((await world.forge.jobs.wait(id)).status).toBe("failed");
});

test("an output that its schema, JSON or the size limit refuses fails its job alone, without retry", async () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const outputs: Record<string, unknown> = {
    circle,
    bigint: 1n,
    huge: "x".repeat(1024 * 1024),
    wrong: { n: "text" },
    fine: { n: 1 },
  };
  const give = defineJob("give", {
    input: z.string(),
    output: z.unknown().refine((value) => typeof (value as { n?: unknown })?.n !== "string", "n must be a number"),
    run: (_ctx, name) => outputs[name],
  });
  await using world = await openWorld({ jobs: [give] });
  const names = Object.keys(outputs);
  const ids = await world.forge.dispatchMany(give, names);
  const jobs = await Promise.all(ids.map((id) => world.forge.jobs.wait(id)));
  expect(jobs.map(({ status, attempts }) => ({ status, attempts }))).toEqual([
    ...Array.from({ length: 4 }, () => ({ status: "failed", attempts: 1 })),
    { status: "completed", attempts: 1 },
  ]);
  for (const job of jobs.slice(0, 4)) expect(job.error).toContain("OUTPUT_INVALID");
});

test("NUL and half surrogate pairs in an output and a message are made safe, with a word", async () => {
  const messy = defineJob("messy", {
    run: (ctx) => {
      ctx.progress(50, "a\0b\ud800c");
      return { text: "x\0y\udc00", "k\0": 1 };
    },
  });
  await using world = await openWorld({ jobs: [messy] });
  const job = await world.forge.jobs.wait(await world.forge.dispatch(messy, {}));
  expect(job).toMatchObject({
    status: "completed",
    message: "a\uFFFDb\uFFFDc",
    output: { text: "x\uFFFDy\uFFFD", "k\uFFFD": 1 },
  });
  expect(world.logs.map(({ message }) => message).join()).toContain("replaced");
});

test("progress is clamped, keeps its message, ignores what is no number, and never throws", async () => {
  const report = defineJob("report", {
    run: (ctx) => {
      ctx.progress(-5, "begin");
      ctx.progress(Number.NaN, "not a number");
      ctx.progress(1e9);
    },
  });
  await using world = await openWorld({ jobs: [report] });
  const job = await world.forge.jobs.wait(await world.forge.dispatch(report, {}));
  expect(job).toMatchObject({ progress: 100, message: "begin" });
});

test("a long message is cut to 1 KiB on a code point", async () => {
  const chatty = defineJob("chatty", { run: (ctx) => ctx.progress(1, "ä😀".repeat(1_000)) });
  await using world = await openWorld({ jobs: [chatty] });
  const { message } = await world.forge.jobs.wait(await world.forge.dispatch(chatty, {}));
  expect(Buffer.byteLength(message ?? "")).toBeLessThanOrEqual(1024);
  expect(message?.isWellFormed()).toBe(true);
  expect(message?.length).toBeGreaterThan(500);
});

test("a run over its time is aborted with TIMEOUT and retried like a failure", async () => {
  const reasons: unknown[] = [];
  const slow = defineJob("slow", {
    timeout: "20ms",
    retry: { maxAttempts: 2, ...soon },
    run: (ctx) =>
      new Promise((_, reject) => {
        ctx.signal.addEventListener("abort", () => {
          reasons.push((ctx.signal.reason as { code: string }).code);
          reject(ctx.signal.reason);
        });
      }),
  });
  await using world = await openWorld({ jobs: [slow] });
  const job = await world.forge.jobs.wait(await world.forge.dispatch(slow, {}));
  expect(job).toMatchObject({ status: "failed", attempts: 2 });
  expect(reasons).toEqual(["TIMEOUT", "TIMEOUT"]);
});

test("heartbeat restarts the timeout's clock", async () => {
  const steady = defineJob("steady", {
    timeout: "1s",
    retry: { maxAttempts: 1 },
    run: async (ctx) => {
      // Real time is meant: the run takes longer than its timeout, and no stretch of it does, on a busy machine neither.
      for (const end = performance.now() + 1_500; performance.now() < end;) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        await ctx.heartbeat();
      }
      return ctx.signal.aborted ? "told to stop" : "through";
    },
  });
  await using world = await openWorld({ jobs: [steady] });
  const job = await world.forge.jobs.wait(await world.forge.dispatch(steady, {}));
  expect(job).toMatchObject({ status: "completed", output: "through" });
});

test("a handler that returns within the grace after its timeout still completes its job", async () => {
  const late = defineJob("late", {
    timeout: "10ms",
    run: (ctx) => new Promise((resolve) => ctx.signal.addEventListener("abort", () => resolve("late but done"))),
  });
  await using world = await openWorld({ jobs: [late] });
  expect(await world.forge.jobs.wait(await world.forge.dispatch(late, {}))).toMatchObject({
    status: "completed",
    output: "late but done",
  });
});

test("a handler that ignores its signal is given up on after 5 s, and its slot is free for the next job", async () => {
  const release = gate();
  const deaf = defineJob("deaf", { timeout: "10ms", retry: { maxAttempts: 1 }, run: () => release.opened });
  const next = defineJob("next", { run: () => "ran" });
  await using world = await openWorld({ jobs: [deaf, next], worker: { queues: { default: 1 } } });
  const deafId = await world.forge.dispatch(deaf, {});
  const nextId = await world.forge.dispatch(next, {});
  expect(await world.forge.jobs.wait(nextId)).toMatchObject({ status: "completed" });
  expect(await world.forge.jobs.wait(deafId)).toMatchObject({ status: "failed" });
  release.open();
  expect(world.logs.some(({ message }) => message.includes("did not end within 5 s"))).toBe(true);
});

test("an input that a newer schema refuses fails its job without retry", async () => {
  const before = defineJob("changed", { run: () => "old" });
  const after = defineJob("changed", { input: z.object({ mustBe: z.string() }), run: () => "new" });
  await using old = await openWorld({ jobs: [before], worker: false });
  const id = await old.forge.dispatch(before, { was: 1 });
  await using world = await openWorld({ jobs: [after], file: old.file });
  const job = await world.forge.jobs.wait(id);
  expect(job).toMatchObject({ status: "failed", attempts: 1 });
  expect(job.error).toContain("INPUT_INVALID");
});

test("a dispatch may override the definition's retry and timeout", async () => {
  const failing = defineJob("failing", {
    run: (ctx) =>
      new Promise((_, reject) => {
        ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
      }),
  });
  await using world = await openWorld({ jobs: [failing] });
  const id = await world.forge.dispatch(failing, {}, { timeout: "10ms", retry: { maxAttempts: 2, ...soon } });
  expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "failed", attempts: 2, maxAttempts: 2 });
});
