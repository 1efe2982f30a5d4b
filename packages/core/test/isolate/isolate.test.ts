import { defineJob, type Hooks } from "@forge-jobs/core";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test, vi } from "vitest";
import { openWorld, type World } from "../support/world.ts";
import { heavy } from "./heavy.ts";
import { beside } from "./starts.ts";

// Threads take their time to start on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const plain = defineJob("plain", { run: () => "ran beside it" });
const world = (hooks: Hooks = {}): Promise<World> => openWorld({ jobs: [heavy, beside, plain], hooks });

/** Runs the job and waits for its end. */
async function ended({ forge }: World, what: string, n = 0) {
  return await forge.jobs.wait(await forge.dispatch(heavy, { what, n }));
}

/** Dispatches the job and waits until its handler has said something. */
async function begun({ forge }: World, what: string, options = {}): Promise<string> {
  const id = await forge.dispatch(heavy, { what }, options);
  await expect.poll(async () => (await forge.jobs.get(id))?.progress, { timeout: 30_000 }).toBe(10);
  return id;
}

test("an isolated handler runs in a thread, with the parsed input, its ctx, and the output checked there", async () => {
  await using here = await world();
  const job = await ended(here, "where", 21);
  expect(job).toMatchObject({
    status: "completed",
    output: { isMainThread: false, n: 42, attempt: 1, jobId: job.id },
  });
});

test("a cancelled endless loop ends, the slot and the event loop are free, and the next job runs", async () => {
  await using here = await world();
  const { forge } = here;
  const id = await begun(here, "loop");
  // A loop in this thread would let nothing else happen.
  expect((await forge.jobs.wait(await forge.dispatch(plain, {}))).output).toBe("ran beside it");
  expect((await forge.jobs.get(id))?.status).toBe("running");
  await forge.jobs.cancel(id);
  expect(await forge.jobs.wait(id)).toMatchObject({ status: "cancelled", progress: 10, message: "looping" });
  expect(here.logs.map(({ message }) => message).join("\n")).toContain("thread is ended");
  expect((await ended(here, "where")).status).toBe("completed");
});

test("a thread is gone once its job has ended: what it did in a loop it does no more", async () => {
  await using here = await world();
  const { forge } = here;
  const file = `${here.file}.beats`;
  const id = await forge.dispatch(heavy, { what: "write", file });
  await expect.poll(() => existsSync(file), { timeout: 30_000 }).toBe(true);
  await forge.jobs.cancel(id);
  await forge.jobs.wait(id);
  const last = readFileSync(file, "utf8");
  // By the time that a thread has started and ended, one that still looped would have written many times.
  await ended(here, "where");
  expect(readFileSync(file, "utf8")).toBe(last);
});

test("an endless loop is ended at its timeout", async () => {
  await using here = await world();
  const { forge } = here;
  const id = await forge.dispatch(heavy, { what: "loop" }, { timeout: "300ms", retry: false });
  expect(await forge.jobs.wait(id)).toMatchObject({
    status: "failed",
    attempts: 1,
    error: expect.stringContaining("ran out of time"),
  });
});

test("a handler that ignores its signal is ended, and leaves nothing behind", async () => {
  await using here = await world();
  const id = await begun(here, "ignore");
  await here.forge.jobs.cancel(id);
  expect((await here.forge.jobs.wait(id)).status).toBe("cancelled");
});

test("isCancelRequested is seen by a loop that never lets go, and signal by a handler that waits", async () => {
  await using here = await world();
  const looping = await begun(here, "loop until cancelled");
  const waiting = await begun(here, "wait");
  await here.forge.jobs.cancel(looping);
  await here.forge.jobs.cancel(waiting);
  expect(await here.forge.jobs.wait(looping)).toMatchObject({ status: "completed", output: "heeded" });
  expect((await here.forge.jobs.wait(waiting)).status).toBe("cancelled");
  const line = here.logs.find(({ message }) => message === "waiting");
  expect(line).toMatchObject({ level: "info", fields: { jobId: waiting, jobType: "heavy" } });
});

test("lines of an isolated handler are kept with their attempt and level, the last ones of a thread that ended itself too", async () => {
  await using here = await world();
  const { forge } = here;
  const id = await forge.dispatch(heavy, { what: "log", n: 7 }, { retry: { maxAttempts: 2 } });
  await forge.jobs.wait(id);
  const kept = async () => (await forge.jobs.get(id, { logs: true }))?.logs ?? [];
  await expect.poll(async () => (await kept()).length, { timeout: 30_000 }).toBe(5);
  const both = (attempt: number) => [
    // What cannot leave a thread leaves it as text.
    { level: "warn", attempt, message: "from a thread", fields: { fields: expect.stringContaining("n: 7") as string } },
    { level: "debug", attempt, message: "plainly", fields: { n: 7, at: "1970-01-01T00:00:00.000Z", size: "2" } },
  ];
  const last = { level: "error", attempt: 2, message: "last words", fields: null };
  expect((await kept()).map(({ at: _at, ...line }) => line)).toEqual([...both(1), ...both(2), last]);
});

test("process.exit, an uncaught exception and a rejection that nobody awaits end that run only", async () => {
  await using here = await world();
  const [exit, uncaught, rejection, fine] = await Promise.all(
    ["exit", "uncaught", "rejection", "where"].map((what) => ended(here, what)),
  );
  expect(exit).toMatchObject({ status: "failed", attempts: 1, error: expect.stringContaining("ended with code 3") });
  expect(uncaught).toMatchObject({ status: "failed", error: expect.stringContaining("from a timer") });
  expect(rejection).toMatchObject({ status: "failed", error: expect.stringContaining("nobody waits") });
  expect(fine?.status).toBe("completed");
});

test("an error keeps its name, code, cause and what retry.on names, and publicError sees it", async () => {
  const seen: unknown[] = [];
  const hooks: Hooks = {
    onError: ({ error, willRetry }) => seen.push([(error as { status?: number }).status, willRetry]),
  };
  await using here = await world(hooks);
  expect(await ended(here, "network")).toMatchObject({
    status: "failed",
    attempts: 3,
    publicError: "seen: NetworkError",
    error: expect.stringContaining("heavy.ts"),
  });
  expect(seen).toEqual([
    [503, true],
    [503, true],
    [503, false],
  ]);
  expect(await ended(here, "other")).toMatchObject({
    status: "failed",
    attempts: 1,
    publicError: "seen: TypeError",
    error: expect.stringContaining("below"),
  });
});

test("Dead, Snooze, saved values and a bad output mean what they mean elsewhere", async () => {
  await using here = await world();
  expect(await ended(here, "dead")).toMatchObject({ status: "dead_letter", publicError: "It is over." });
  expect(await ended(here, "snooze")).toMatchObject({ status: "completed", output: "woken", attempts: 1 });
  expect(await ended(here, "bigint")).toMatchObject({
    status: "failed",
    attempts: 1,
    error: expect.stringContaining("OUTPUT_INVALID"),
  });
});

test("verbs of ctx are called in the main thread; what they refuse is thrown in the handler", async () => {
  await using here = await world();
  expect((await ended(here, "verbs")).output).toEqual({
    type: "heavy",
    queue: "default",
    refused: "BAD_REQUEST",
    uncloneable: "TypeError",
    created: true,
  });
  const refused = await here.forge.dispatch(heavy, { what: "limit" }, { retry: { on: ["NOT_FOUND"], maxAttempts: 2 } });
  expect(await here.forge.jobs.wait(refused)).toMatchObject({ attempts: 2, error: expect.stringContaining("slow") });
  // What it throws for a place that is far off is more than its name and message say: the very error has to come back.
  await here.forge.rateLimits.configure("slow", { perHour: 1 });
  expect(await ended(here, "limit")).toMatchObject({ status: "completed" });
  const parked = await here.forge.dispatch(heavy, { what: "limit" });
  await expect
    .poll(async () => (await here.forge.jobs.get(parked))?.scheduledAt.getTime())
    .toBeGreaterThan(Date.now() + 60_000);
  expect(await here.forge.jobs.get(parked)).toMatchObject({ status: "pending", attempts: 0 });
});

test("heartbeat restarts the timeout's clock from a thread", async () => {
  await using here = await world();
  const { forge } = here;
  const id = await forge.dispatch(heavy, { what: "heartbeat", n: 80 }, { timeout: "3s", retry: false });
  expect(await forge.jobs.wait(id)).toMatchObject({ status: "completed", output: "through" });
});

test("what createForge({ context }) gave is refused with what to do", async () => {
  await using here = await openWorld({ jobs: [heavy], context: { db: { run: () => {} } } });
  expect(await ended(here, "context")).toMatchObject({
    status: "failed",
    error: expect.stringContaining("ctx.db cannot be reached from an isolated job"),
  });
});

test("an engine is not started in a job's thread, and a module that defines another job is named", async () => {
  await using here = await world();
  expect(await here.forge.jobs.wait(await here.forge.dispatch(beside, {}))).toMatchObject({
    status: "failed",
    error: expect.stringContaining("starts no engine"),
  });
  const lost = defineJob("lost", { isolate: new URL("heavy.ts", import.meta.url), retry: false, run: () => {} });
  await using other = await openWorld({ jobs: [lost] });
  expect(await other.forge.jobs.wait(await other.forge.dispatch(lost, {}))).toMatchObject({
    status: "failed",
    error: expect.stringContaining("defines no job lost"),
  });
});

test("a stop ends threads whose handlers do not heed it, and gives their jobs back", async () => {
  await using here = await world();
  const id = await begun(here, "loop");
  await here.forge.stop({ timeout: "0ms" });
  await using next = await openWorld({ jobs: [], worker: false, file: here.file });
  expect(await next.forge.jobs.get(id)).toMatchObject({ status: "pending", attempts: 0 });
});

test.each(["node", "node-22"])("isolated jobs run from TypeScript sources on %s", async (version) => {
  const node = fileURLToPath(new URL(`../../../../node_modules/${version}/bin/node`, import.meta.url));
  const engine = fileURLToPath(new URL("engine.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(node, ["--conditions=source", engine]);
  expect(stdout).toBe("completed,dead_letter,completed");
});

test("a module's address that is none is refused", () => {
  expect(() => defineJob("bad", { isolate: "./heavy.ts", run: () => {} })).toThrow(/isolate of bad must be true/);
});
