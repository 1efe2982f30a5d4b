import { defineJob, type Forge, type HookJob } from "@forge-jobs/core";
import { describe, expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { gate } from "../support/world.ts";
import { cronWorld, DATABASES, HOUR_MS, hourly } from "./cron-world.ts";

const LATE_MS = 30 * 60_000;

async function refusal(doing: Promise<unknown>): Promise<string> {
  return doing.then(
    () => "nothing",
    (error: { code: string }) => error.code,
  );
}

describe.each(DATABASES)("crons on %s", (_, open) => {
  test("a tick makes one job of the cron's own type, which finds the tick in its context", async () => {
    await using world = await cronWorld(open);
    const { cron, runs } = hourly({ run: () => "done" });
    const forge = await world.start({ crons: [cron] });
    const hour = world.toNextHour();
    await until(() => runs.length === 1, { what: "the tick" });
    const [run] = runs;
    expect(run).toEqual({ scheduledTime: hour, isCatchUp: false, runId: run!.jobId, jobId: run!.jobId, attempt: 1 });
    expect(await forge.jobs.wait(run!.jobId)).toMatchObject({
      type: "cron:hourly",
      status: "completed",
      output: "done",
      owner: null,
      maxAttempts: 1,
      input: {
        runId: run!.jobId,
        scheduledTime: new Date(hour).toISOString(),
        isCatchUp: false,
        triggeredBy: null,
      },
    });
    expect((await forge.jobs.list({ type: "cron:hourly" })).jobs).toHaveLength(1);
    expect(await forge.crons.get("hourly")).toMatchObject({
      name: "hourly",
      expression: "0 * * * *",
      timezone: "UTC",
      catchUp: false,
      nextRun: new Date(hour + HOUR_MS),
      lastRun: { jobId: run!.jobId, scheduledTime: new Date(hour), status: "completed", isCatchUp: false, error: null },
      skipped: 0,
      lastSkipped: null,
      pausedAt: null,
      orphaned: false,
    });
  });

  test("a cron looks after the dead letters: it retries those with few attempts, and ends though they fail again", async () => {
    await using world = await cronWorld(open);
    const failing = defineJob("failing", {
      retry: false,
      run: () => {
        throw new Error("no");
      },
    });
    const { cron, runs } = hourly({
      run: async (ctx) => {
        let retried = 0;
        for (const job of await ctx.jobs.deadLetters({ limit: 100 })) {
          if (job.attempts >= 3) continue;
          await ctx.jobs.retry(job.id);
          await ctx.jobs.wait(job.id);
          retried++;
        }
        return retried;
      },
    });
    const forge = await world.start({ crons: [cron], jobs: [failing] });
    const ids = await forge.dispatchMany(failing, [1, 2, 3]);
    for (const id of ids) await forge.jobs.wait(id);
    for (const [hours, retried] of [3, 3, 0].entries()) {
      world.toNextHour();
      await until(() => runs.length === hours + 1, { what: "the tick" });
      expect(await forge.jobs.wait(runs.at(-1)!.jobId)).toMatchObject({ status: "completed", output: retried });
    }
    for (const id of ids) expect(await forge.jobs.get(id)).toMatchObject({ attempts: 3 });
  });

  test("ticks that were missed are passed over without catch-up", async () => {
    await using world = await cronWorld(open);
    const { cron, runs } = hourly();
    await world.start({ crons: [cron] });
    // A laptop that slept: five hours are gone at once.
    world.clock.offsetMs += 4 * HOUR_MS;
    const missed = world.toNextHour(LATE_MS);
    await world.decided(missed);
    expect(runs).toEqual([]);
    const hour = world.toNextHour();
    await until(() => runs.length > 0, { what: "the next tick" });
    expect(runs).toMatchObject([{ scheduledTime: hour, isCatchUp: false }]);
  });

  test("catch-up makes up for the newest ticks that were missed while no process was there, oldest first", async () => {
    await using world = await cronWorld(open);
    const { cron, runs } = hourly({ catchUp: true, catchUpLimit: 3 });
    await (await world.start({ crons: [cron] })).stop();
    world.clock.offsetMs += 9 * HOUR_MS;
    const newest = world.toNextHour(LATE_MS);
    await world.start({ crons: [cron] });
    await until(() => runs.length === 3, { what: "three runs" });
    expect(runs).toMatchObject([
      { scheduledTime: newest - 2 * HOUR_MS, isCatchUp: true },
      { scheduledTime: newest - HOUR_MS, isCatchUp: true },
      { scheduledTime: newest, isCatchUp: true },
    ]);
    const hour = world.toNextHour();
    await until(() => runs.length === 4, { what: "the next tick" });
    expect(runs.at(-1)).toMatchObject({ scheduledTime: hour, isCatchUp: false });
  });

  test("a tick whose predecessor is at work is skipped and counted, and the one after runs again", async () => {
    await using world = await cronWorld(open);
    const first = gate();
    const { cron, runs } = hourly({ run: () => (runs.length === 1 ? first.opened : undefined) });
    const forge = await world.start({ crons: [cron] });
    world.toNextHour();
    await until(() => runs.length === 1, { what: "the first tick" });
    const skipped = world.toNextHour();
    await world.decided(skipped);
    expect(await forge.crons.get("hourly")).toMatchObject({
      skipped: 1,
      lastSkipped: new Date(skipped),
      lastRun: { jobId: runs[0]!.jobId, status: "running" },
    });
    expect(world.logs.filter(({ fields }) => fields["cron"] === "hourly")).toHaveLength(1);
    first.open();
    await forge.jobs.wait(runs[0]!.jobId);
    const hour = world.toNextHour();
    await until(() => runs.length === 2, { what: "the third tick" });
    expect(runs[1]).toMatchObject({ scheduledTime: hour });
  });

  test("with overlap allowed a tick runs beside its predecessor", async () => {
    await using world = await cronWorld(open);
    const both = gate();
    const { cron, runs } = hourly({ overlap: "allow", run: () => both.opened });
    await world.start({ crons: [cron] });
    world.toNextHour();
    await until(() => runs.length === 1, { what: "the first tick" });
    world.toNextHour();
    await until(() => runs.length === 2, { what: "the second tick" });
    both.open();
  });

  test("a paused cron makes no tick, whichever process paused it, and has no backlog afterwards", async () => {
    await using world = await cronWorld(open);
    const { cron, runs } = hourly();
    const forge = await world.start({ crons: [cron] });
    const operator = await world.start({ worker: false });
    await operator.crons.pause("hourly", { by: "ada" });
    const during = world.toNextHour();
    expect(await forge.crons.get("hourly")).toMatchObject({
      pausedAt: expect.any(Date),
      changedBy: "ada",
      nextRun: null,
    });
    await operator.crons.resume("hourly", { by: "bob" });
    await world.decided(during);
    const hour = world.toNextHour();
    await until(() => runs.length > 0, { what: "the tick after the pause" });
    expect(runs).toMatchObject([{ scheduledTime: hour }]);
    expect(await forge.crons.get("hourly")).toMatchObject({ pausedAt: null, changedBy: "bob" });
  });

  test("with catch-up the ticks of a pause are made up for", async () => {
    await using world = await cronWorld(open);
    const { cron, runs } = hourly({ catchUp: true, catchUpLimit: 2 });
    const forge = await world.start({ crons: [cron] });
    await forge.crons.pause("hourly");
    world.clock.offsetMs += 5 * HOUR_MS;
    const newest = world.toNextHour(LATE_MS);
    await forge.crons.resume("hourly");
    await until(() => runs.length === 2, { what: "two runs" });
    expect(runs.map(({ scheduledTime }) => scheduledTime)).toEqual([newest - HOUR_MS, newest]);
  });

  test("a cron is triggered from any process, beside its ticks and while it is paused", async () => {
    await using world = await cronWorld(open);
    const { cron, runs } = hourly();
    const forge = await world.start({ crons: [cron] });
    await forge.crons.pause("hourly");
    const operator = await world.start({ worker: false });
    const jobId = await operator.crons.trigger("hourly", { by: "ada" });
    expect((await operator.jobs.wait(jobId)).status).toBe("completed");
    expect(runs).toMatchObject([{ runId: jobId, jobId, isCatchUp: false }]);
    expect((await operator.crons.get("hourly"))?.lastRun).toMatchObject({
      jobId,
      triggeredBy: "ada",
      status: "completed",
      scheduledTime: new Date(runs[0]!.scheduledTime),
    });
  });

  test("a run that fails is not repeated, unless retry is given; then its attempts are one run", async () => {
    await using world = await cronWorld(open);
    const fail = (): never => {
      throw new Error("no");
    };
    const once = hourly({ name: "once", run: fail });
    const twice = hourly({ name: "twice", retry: { maxAttempts: 2, baseDelay: "1ms" }, run: fail });
    const forge = await world.start({ crons: [once.cron, twice.cron] });
    for (const [name, runs] of [
      ["once", once.runs],
      ["twice", twice.runs],
    ] as const) {
      const jobId = await forge.crons.trigger(name);
      expect((await forge.jobs.wait(jobId)).status).toBe("failed");
      expect(new Set(runs.map(({ runId }) => runId))).toEqual(new Set([jobId]));
    }
    expect(once.runs).toHaveLength(1);
    expect(twice.runs.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect((await forge.crons.get("once"))?.lastRun).toMatchObject({
      status: "failed",
      error: expect.stringContaining("no"),
    });
  });

  test("a changed expression has no backlog and no tick of the one before", async () => {
    await using world = await cronWorld(open);
    const before = hourly({ catchUp: true });
    await (await world.start({ crons: [before.cron] })).stop();
    world.clock.offsetMs += 5 * HOUR_MS;
    world.toNextHour(LATE_MS - 60_000);
    const after = hourly({ catchUp: true, expression: "30 * * * *" });
    const forge = await world.start({ crons: [after.cron] });
    expect((await forge.crons.get("hourly"))?.expression).toBe("30 * * * *");
    world.clock.offsetMs += 60_000;
    await until(() => after.runs.length > 0, { what: "the tick of the new expression" });
    const hour = world.toNextHour();
    await world.decided(hour - HOUR_MS / 2);
    expect(after.runs).toMatchObject([{ scheduledTime: hour - HOUR_MS / 2, isCatchUp: false }]);
  });

  test("old and new version side by side: the one that registered last makes the ticks", async () => {
    await using world = await cronWorld(open);
    const old = hourly();
    const forge = await world.start({ crons: [old.cron] });
    await world.start({ crons: [hourly({ expression: "30 * * * *" }).cron] });
    const hour = world.toNextHour(LATE_MS);
    await world.decided(hour + HOUR_MS / 2);
    const next = world.toNextHour(LATE_MS);
    await world.decided(next + HOUR_MS / 2);
    // Whose handler runs a job is another matter: its type is the same for both.
    const { jobs } = await forge.jobs.list({ type: "cron:hourly" });
    expect(jobs.map(({ input }) => (input as { scheduledTime: string }).scheduledTime).toReversed()).toEqual(
      [hour, next].map((ms) => new Date(ms + HOUR_MS / 2).toISOString()),
    );
  });

  test("a cron that no worker has any more is kept, marked, and has no tick", async () => {
    await using world = await cronWorld(open);
    await (await world.start({ crons: [hourly().cron] })).stop();
    const forge = await world.start({ crons: [hourly({ name: "other" }).cron] });
    expect(await forge.crons.get("hourly")).toMatchObject({ orphaned: false });
    const hour = world.toNextHour(LATE_MS);
    await world.decided(hour, "other");
    // Its worker says that it is there after it has made the ticks.
    const isSeen = async (): Promise<boolean> => (await forge.crons.get("other"))?.orphaned === false;
    await until(isSeen, { what: "the other cron's worker to be seen" });
    expect(await forge.crons.list()).toMatchObject([
      { name: "hourly", orphaned: true, nextRun: null, lastRun: null },
      { name: "other", orphaned: false },
    ]);
    expect(await refusal(forge.crons.trigger("hourly"))).toBe("CONFLICT");
    expect((await forge.jobs.list({ type: "cron:hourly" })).jobs).toEqual([]);
  });

  test("names that nobody registered are not found, and runs of crons cannot be dispatched", async () => {
    await using world = await cronWorld(open);
    const { cron } = hourly();
    const forge = await world.start({ crons: [cron] });
    const { crons } = forge;
    expect(await crons.get("other")).toBeNull();
    const verbs: ((name: string) => Promise<unknown>)[] = [
      (name) => crons.trigger(name),
      (name) => crons.pause(name),
      (name) => crons.resume(name),
      (name) => crons.preview(name),
    ];
    for (const verb of verbs) expect(await refusal(verb("other"))).toBe("NOT_FOUND");
    for (const verb of [...verbs, (name: string) => crons.get(name)])
      expect(await refusal(verb("\0"))).toBe("BAD_REQUEST");
    expect(await refusal(crons.pause("hourly", { by: "" }))).toBe("BAD_REQUEST");
    expect(await refusal(crons.pause("hourly", { reason: "x" } as never))).toBe("BAD_REQUEST");
    expect(await refusal(forge.dispatchNamed("cron:hourly", {}, { owner: null }))).toBe("NOT_FOUND");
    expect(await refusal(forge.dispatch(cron.job, {}))).toBe("NOT_FOUND");
  });

  test("preview tells the next ticks, from now or from any instant, by the registered definition too", async () => {
    await using world = await cronWorld(open);
    const { cron } = hourly({ expression: "30 2 * * *", timezone: "America/New_York" });
    const forge = await world.start({ crons: [cron] });
    const operator = await world.start({ worker: false });
    const from = new Date("2026-03-07T00:00:00Z");
    const expected = ["2026-03-07T07:30:00.000Z", "2026-03-09T06:30:00.000Z"];
    const preview = async (one: Forge): Promise<string[]> =>
      (await one.crons.preview("hourly", { count: 2, from })).map((tick) => tick.toISOString());
    expect(await preview(forge)).toEqual(expected);
    expect(await preview(operator)).toEqual(expected);
    const [next] = await operator.crons.preview("hourly");
    expect(next).toEqual((await forge.crons.get("hourly"))?.nextRun);
    expect(await forge.crons.preview("hourly")).toHaveLength(5);
    expect(await refusal(forge.crons.preview("hourly", { count: 0 }))).toBe("BAD_REQUEST");
    expect(await refusal(forge.crons.preview("hourly", { from: new Date("x") }))).toBe("BAD_REQUEST");
  });

  test("hooks hear of ticks and of triggered runs as of dispatches", async () => {
    await using world = await cronWorld(open);
    const heard: unknown[] = [];
    const hooks = { onDispatch: ({ id, name, attempt }: HookJob) => heard.push({ id, name, attempt }) };
    const { cron, runs } = hourly();
    const forge = await world.start({ crons: [cron], hooks });
    const id = await forge.crons.trigger("hourly");
    expect(heard).toEqual([{ id, name: "cron:hourly", attempt: 0 }]);
    world.toNextHour();
    await until(() => heard.length === 2, { what: "the hook of the tick" });
    await until(() => runs.length === 2, { what: "the run" });
    expect(heard[1]).toMatchObject({ id: runs[1]!.jobId });
  });

  test("what is left of a run whose job is gone is its id and its tick", async () => {
    await using world = await cronWorld(open);
    const forge = await world.start({ crons: [hourly().cron] });
    const jobId = await forge.crons.trigger("hourly");
    await forge.jobs.wait(jobId);
    await world.database.query("DELETE FROM forge_ended");
    expect((await forge.crons.get("hourly"))?.lastRun).toEqual({
      jobId,
      scheduledTime: expect.any(Date),
      status: null,
      isCatchUp: null,
      triggeredBy: null,
      startedAt: null,
      error: null,
    });
  });

  test("a stopped process makes no tick, and one that only dispatches neither", async () => {
    await using world = await cronWorld(open);
    const { cron } = hourly();
    const dispatcher = await world.start({ crons: [cron], worker: false });
    expect(await dispatcher.crons.list()).toEqual([]);
    await (await world.start({ crons: [cron] })).stop();
    world.toNextHour();
    const { cron: other } = hourly({ name: "other" });
    await world.start({ crons: [other] });
    const hour = world.toNextHour();
    await world.decided(hour, "other");
    expect((await dispatcher.jobs.list({ type: "cron:hourly" })).jobs).toEqual([]);
  });
});
