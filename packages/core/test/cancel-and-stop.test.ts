import { defineJob } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { gate, openWorld } from "./support/world.ts";

/** A job that runs until its signal aborts, and says when it has started. */
function untilAborted() {
  const started = gate<string>();
  const reasons: string[] = [];
  const job = defineJob("until_aborted", {
    run: (ctx) =>
      new Promise((_, reject) => {
        ctx.signal.addEventListener("abort", () => {
          reasons.push((ctx.signal.reason as { code: string }).code);
          reject(ctx.signal.reason);
        });
        started.open(ctx.jobId);
      }),
  });
  return { job, started: started.opened, reasons };
}

test("a waiting job is cancelled at once", async () => {
  const idle = defineJob("idle", { run: () => {} });
  await using world = await openWorld({ jobs: [idle], worker: false });
  const id = await world.forge.dispatch(idle, {}, { delay: "1h" });
  await world.forge.jobs.cancel(id, { reason: "no longer wanted" });
  expect(await world.forge.jobs.get(id)).toMatchObject({ status: "cancelled", publicError: "no longer wanted" });
});

test("a running job is told through its signal, and ends as cancelled", async () => {
  const { job, started, reasons } = untilAborted();
  await using world = await openWorld({ jobs: [job] });
  const id = await world.forge.dispatch(job, {});
  await started;
  await world.forge.jobs.cancel(id);
  expect(await world.forge.jobs.wait(id)).toMatchObject({
    status: "cancelled",
    publicError: "cancelled by user",
    attempts: 1,
  });
  expect(reasons).toEqual(["CANCELLED"]);
});

test("a job that runs in another process is told long before that process's next beat", async () => {
  const { job, started, reasons } = untilAborted();
  await using working = await openWorld({ jobs: [job], worker: { lease: "1h" } });
  await using other = await openWorld({ jobs: [job], worker: false, file: working.file });
  const id = await other.forge.dispatch(job, {});
  await started;
  await until(async () => (await other.forge.jobs.get(id))?.status === "running", { what: "the start to be written" });
  await other.forge.jobs.cancel(id);
  expect(await other.forge.jobs.wait(id)).toMatchObject({ status: "cancelled" });
  expect(reasons).toEqual(["CANCELLED"]);
});

test("a job that is cancelled before its start was written ends at once, and its handler is told why", async () => {
  const { job, started, reasons } = untilAborted();
  await using world = await openWorld({ jobs: [job] });
  const [first, second] = await world.forge.dispatchMany(job, [1, 2]);
  expect(await started).toBe(first);
  await Promise.all([first, second].map((id) => world.forge.jobs.cancel(id as string)));
  expect(await world.forge.jobs.wait(first as string)).toMatchObject({ status: "cancelled" });
  await until(() => reasons.length === 2, { what: "both handlers to be told" });
  expect(reasons).toEqual(["CANCELLED", "CANCELLED"]);
});

test("a handler that finishes first wins over the cancellation", async () => {
  const started = gate();
  const finish = gate();
  const stubborn = defineJob("stubborn", {
    run: async () => {
      started.open();
      await finish.opened;
      return "done all the same";
    },
  });
  await using world = await openWorld({ jobs: [stubborn] });
  const id = await world.forge.dispatch(stubborn, {});
  await started.opened;
  await until(async () => (await world.forge.jobs.get(id))?.status === "running", { what: "the start to be written" });
  await world.forge.jobs.cancel(id);
  expect(await world.forge.jobs.get(id)).toMatchObject({ status: "cancel_requested" });
  finish.open();
  expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", output: "done all the same" });
});

test("cancelling a settled job changes nothing; an unknown or malformed id is refused", async () => {
  const quick = defineJob("quick", { run: () => 1 });
  await using world = await openWorld({ jobs: [quick] });
  const id = await world.forge.dispatch(quick, {});
  const settled = await world.forge.jobs.wait(id);
  await world.forge.jobs.cancel(id);
  expect(await world.forge.jobs.get(id)).toEqual(settled);
  await expect(world.forge.jobs.cancel("019a0000-0000-7000-8000-000000000000")).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
  await expect(world.forge.jobs.cancel("nonsense")).rejects.toMatchObject({ code: "BAD_REQUEST" });
});

test("a failed job is retried with a new budget while attempts keep counting; one under way is not", async () => {
  let fail = true;
  const moody = defineJob("moody", {
    retry: { maxAttempts: 2, baseDelay: "1ms" },
    run: () => {
      if (fail) throw new Error("not today");
      return "today";
    },
  });
  await using world = await openWorld({ jobs: [moody] });
  const id = await world.forge.dispatch(moody, {});
  expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "failed", attempts: 2 });
  fail = false;
  await world.forge.jobs.retry(id);
  expect(await world.forge.jobs.wait(id)).toMatchObject({
    status: "completed",
    attempts: 3,
    maxAttempts: 4,
    error: null,
    output: "today",
  });
  await expect(world.forge.jobs.retry(id)).rejects.toMatchObject({ code: "CONFLICT" });
});

test("stop waits for running handlers, and leaves what has not begun", async () => {
  const started = gate();
  const finish = gate();
  const job = defineJob("job", {
    run: async () => {
      started.open();
      await finish.opened;
    },
  });
  await using world = await openWorld({ jobs: [job], worker: { queues: { default: 1 } } });
  const [first, second] = await world.forge.dispatchMany(job, [1, 2]);
  await started.opened;
  const stopped = world.forge.stop({ timeout: "20s" });
  finish.open();
  await stopped;
  await using after = await openWorld({ jobs: [job], worker: false, file: world.file });
  expect(await after.forge.jobs.get(first as string)).toMatchObject({ status: "completed" });
  expect(await after.forge.jobs.get(second as string)).toMatchObject({ status: "pending", attempts: 0 });
});

test("at the deadline of stop, signals abort with SHUTDOWN and jobs are given back uncounted", async () => {
  const { job, started, reasons } = untilAborted();
  await using world = await openWorld({ jobs: [job] });
  const id = await world.forge.dispatch(job, {});
  await started;
  await world.forge.stop({ timeout: "10ms" });
  expect(reasons).toEqual(["SHUTDOWN"]);
  await using after = await openWorld({ jobs: [job], worker: false, file: world.file });
  expect(await after.forge.jobs.get(id)).toMatchObject({ status: "pending", attempts: 0 });
});

test("wait ends with the signal's reason, and refuses an unknown job", async () => {
  const idle = defineJob("idle", { run: () => {} });
  await using world = await openWorld({ jobs: [idle], worker: false });
  const id = await world.forge.dispatch(idle, {});
  const abort = new AbortController();
  const waiting = world.forge.jobs.wait(id, { signal: abort.signal });
  abort.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await expect(world.forge.jobs.wait("019a0000-0000-7000-8000-000000000000")).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
});
