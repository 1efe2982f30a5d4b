import { createForge, defineJob, type Forge, type ForgeOptions } from "@forge-jobs/core";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { until } from "../../../test/support/until.ts";
import { effectsOf, startWorker } from "./support/processes.ts";
import { type Address, openStore, postgresDatabase, sqliteDatabase, type TestDatabase } from "./support/stores.ts";
import { type LogLine, recordingLogger } from "./support/world.ts";

interface Engine extends AsyncDisposable {
  readonly forge: Forge;
  readonly logs: LogLine[];
}

async function engine(address: Address, options: Omit<ForgeOptions, "store" | "logger">): Promise<Engine> {
  const logs: LogLine[] = [];
  const forge = createForge({ ...options, store: openStore(address), logger: recordingLogger(logs) });
  await forge.start();
  return { forge, logs, [Symbol.asyncDispose]: () => forge.stop({ timeout: "0ms" }) };
}

/** A job whose runs go on until the test lets them, or their signal aborts. */
function held(name = "held") {
  const running = new Set<string>();
  const reasons: string[] = [];
  const letGo = new Map<string, () => void>();
  const job = defineJob(name, {
    run: (ctx) =>
      new Promise<void>((resolve, reject) => {
        running.add(ctx.jobId);
        const end = (done: () => void): void => {
          running.delete(ctx.jobId);
          done();
        };
        letGo.set(ctx.jobId, () => end(resolve));
        ctx.signal.addEventListener("abort", () => {
          reasons.push((ctx.signal.reason as { code: string }).code);
          end(() => reject(ctx.signal.reason));
        });
      }),
  });
  return { job, running, reasons, finish: (id: string) => letGo.get(id)?.() };
}

const databases: [string, () => Promise<TestDatabase>][] = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 15", () => postgresDatabase(inject("postgres")[15])],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
];

describe.each(databases)("%s", (___, open) => {
  test("after a pause from another process no job starts, running ones go on, and a resume lets the rest run", async () => {
    await using database = await open();
    await using dir = await tempDir();
    const work = defineJob("work", { run: () => {} });
    await using dispatcher = await engine(database.address, { jobs: [work], worker: false });
    const effects = join(dir.path, "effects");
    // The lease is long: what tells the worker is the hint, and no beat.
    const settings = { address: database.address, effects, workMs: 5, lease: "1h", slots: 4 };
    await using _ = await startWorker(settings);
    const { forge } = dispatcher;
    const ids = await forge.dispatchMany(
      work,
      Array.from({ length: 1_000 }, (_item, n) => n),
    );
    await until(async () => (await effectsOf(effects)).size > 20, { what: "some jobs to have started" });
    await forge.queues.pause("default");
    const started = await effectsOf(effects);
    expect(started.size).toBeLessThan(ids.length);
    // What was claimed goes back, what ran ends.
    await until(
      async () => {
        const [row] = await database.query("SELECT count(*) AS n FROM forge_live WHERE status <> 'pending'");
        return Number(row?.["n"]) === 0;
      },
      { what: "the worker to hold nothing" },
    );
    expect(await effectsOf(effects)).toEqual(started);
    expect(await database.query("SELECT 1 FROM forge_live WHERE attempts <> 0")).toEqual([]);
    const late = await forge.dispatch(work, "late");
    expect(await forge.queues.list()).toMatchObject([
      {
        name: "default",
        pausedAt: expect.any(Date) as Date,
        depth: ids.length + 1 - started.size,
        running: 0,
        slots: 4,
      },
    ]);
    await forge.queues.resume("default");
    expect(await forge.jobs.wait(late)).toMatchObject({ status: "completed", attempts: 1 });
  }, 60_000);

  test("a pause ends the way straight into a free slot", async () => {
    await using database = await open();
    const { job, running, finish } = held();
    await using one = await engine(database.address, { jobs: [job], worker: { lease: "1h" } });
    await using other = await engine(database.address, { jobs: [job], worker: false });
    const first = await one.forge.dispatch(job, {});
    await until(() => running.has(first), { what: "the first job to run" });
    await other.forge.queues.pause("default");
    const second = await one.forge.dispatch(job, {});
    expect(await one.forge.jobs.get(second)).toMatchObject({ status: "pending", attempts: 0 });
    finish(first);
    expect(await one.forge.jobs.wait(first)).toMatchObject({ status: "completed" });
    expect(running.size).toBe(0);
    await one.forge.queues.resume("default");
    await until(() => running.has(second), { what: "the second job to run" });
  });

  test("a worker that starts while a queue is paused takes nothing of it", async () => {
    await using database = await open();
    const { job, running } = held();
    await using dispatcher = await engine(database.address, { jobs: [job], worker: false });
    await dispatcher.forge.queues.pause("default");
    await using late = await engine(database.address, { jobs: [job], worker: { queues: { default: 2, other: 1 } } });
    await dispatcher.forge.dispatch(job, {});
    const opened = await dispatcher.forge.dispatch(job, {}, { queue: "other" });
    await until(() => running.has(opened), { what: "the job of the other queue to run" });
    expect([...running]).toEqual([opened]);
    expect((await late.forge.queues.list()).map(({ name, pausedAt }) => [name, pausedAt !== null])).toEqual([
      ["default", true],
      ["other", false],
    ]);
  });

  test("another concurrency takes effect in a process that runs", async () => {
    await using database = await open();
    const { job, running, reasons, finish } = held();
    await using one = await engine(database.address, {
      jobs: [job],
      worker: { queues: { default: 2 }, lease: "1h", scaleDownGrace: "50ms" },
    });
    await using other = await engine(database.address, { jobs: [job], worker: false });
    const ids = await other.forge.dispatchMany(job, [1, 2, 3, 4, 5]);
    await until(() => running.size === 2, { what: "two to run" });
    await other.forge.queues.configure("default", { concurrency: 4 });
    await until(() => running.size === 4, { what: "four to run" });
    const [kept] = running;
    const last = [...running].at(-1)!;
    await other.forge.queues.configure("default", { concurrency: 3 });
    await until(() => running.size === 3, { what: "the surplus to be told to stop" });
    expect(reasons).toEqual(["SCALED_DOWN"]);
    expect(running.has(last)).toBe(false);
    await until(async () => (await other.forge.jobs.get(last))?.status === "pending", { what: "it to go back" });
    expect(await other.forge.jobs.get(last)).toMatchObject({ status: "pending", attempts: 0, error: null });
    expect(await one.forge.queues.list()).toMatchObject([{ concurrency: 3, slots: 3, running: 3, depth: 2 }]);
    // Taken back, the worker's own number applies.
    await other.forge.queues.configure("default", { concurrency: null });
    await until(() => running.size === 2, { what: "two to run" });
    expect(running.has(kept!)).toBe(true);
    finish(kept!);
    expect(await other.forge.jobs.wait(kept!)).toMatchObject({ status: "completed", attempts: 1 });
    expect(ids).toContain(kept);
  });

  test("what is surplus may end by itself", async () => {
    await using database = await open();
    const { job, running, reasons, finish } = held();
    await using one = await engine(database.address, { jobs: [job], worker: { queues: { default: 3 } } });
    const ids = await one.forge.dispatchMany(job, [1, 2, 3, 4]);
    await until(() => running.size === 3, { what: "three to run" });
    await one.forge.queues.configure("default", { concurrency: 1 });
    const [first, second, third] = running;
    for (const id of [first!, second!]) {
      finish(id);
      expect(await one.forge.jobs.wait(id)).toMatchObject({ status: "completed" });
    }
    expect([...running]).toEqual([third]);
    finish(third!);
    const fourth = ids.find((id) => ![first, second, third].includes(id))!;
    await until(() => running.has(fourth), { what: "the fourth to run" });
    expect(reasons).toEqual([]);
  });

  test("a worker that drains takes nothing new, finishes what it runs, and stays listed", async () => {
    await using database = await open();
    const { job, running, finish } = held();
    await using old = await engine(database.address, {
      jobs: [job],
      worker: { lease: "1h", prefix: "eu", version: "1" },
    });
    await using ops = await engine(database.address, { jobs: [job], worker: false });
    const [info] = await ops.forge.workers.list();
    expect(info).toMatchObject({
      label: `eu-worker-1-${info!.id}`,
      pid: process.pid,
      queues: { default: 10 },
      running: 0,
    });
    expect(info!.leaseAgeMs).toBeGreaterThanOrEqual(0);
    const first = await old.forge.dispatch(job, {});
    await until(() => running.has(first), { what: "the first job to run" });
    await ops.forge.workers.drain(info!.id);
    const second = await old.forge.dispatch(job, {});
    await until(async () => (await ops.forge.workers.list())[0]?.running === 1, { what: "the start to be written" });
    expect(await ops.forge.workers.list()).toMatchObject([{ id: info!.id, draining: true, running: 1 }]);
    expect(await ops.forge.jobs.get(second)).toMatchObject({ status: "pending" });
    finish(first);
    expect(await ops.forge.jobs.wait(first)).toMatchObject({ status: "completed" });
    expect(await ops.forge.workers.list()).toMatchObject([{ id: info!.id, draining: true, running: 0 }]);
    await using _ = await engine(database.address, { jobs: [job] });
    await until(() => running.has(second), { what: "the second job to run in the other worker" });
    await old.forge.stop();
    expect((await ops.forge.workers.list()).map(({ draining }) => draining)).toEqual([false]);
    await expect(ops.forge.workers.drain(info!.id)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("a worker that drains and was taken for dead goes on under another id, and takes nothing under that either", async () => {
    await using database = await open();
    const { job, running } = held();
    await using old = await engine(database.address, { jobs: [job], worker: { lease: "600ms" } });
    await using ops = await engine(database.address, { jobs: [job], worker: false });
    const [before] = await ops.forge.workers.list();
    await ops.forge.workers.drain(before!.id, { by: "ada" });
    const store = openStore(database.address);
    await store.workers.rescue({
      workerId: before!.id,
      because: "gone",
      maxDeaths: 3,
      death: { error: "none", publicError: "none" },
    });
    await store.close();
    const after = await until(async () => (await ops.forge.workers.list())[0], {
      what: "the worker to register again",
    });
    expect(after.id).not.toBe(before!.id);
    await until(async () => (await ops.forge.workers.list())[0]?.draining, { what: "it to say that it drains" });
    expect(await ops.forge.workers.list()).toMatchObject([{ drainingBy: "ada" }]);
    const id = await old.forge.dispatch(job, {});
    expect(await ops.forge.jobs.get(id)).toMatchObject({ status: "pending", attempts: 0 });
    await using _ = await engine(database.address, { jobs: [job] });
    await until(() => running.has(id), { what: "the job to run in the other worker" });
    expect((await ops.forge.workers.list()).find((worker) => worker.id === after.id)).toMatchObject({ running: 0 });
  });

  test("jobs that nobody serves are listed, and warned of once until that changes", async () => {
    await using database = await open();
    const [known, unknown] = [held("known").job, defineJob("unknown", { run: () => {} })];
    await using dispatcher = await engine(database.address, { jobs: [known, unknown], worker: false });
    await using worker = await engine(database.address, { jobs: [known], worker: { lease: "600ms" } });
    await dispatcher.forge.dispatch(unknown, {});
    await dispatcher.forge.dispatch(known, {}, { queue: "media" });
    await dispatcher.forge.dispatch(unknown, {}, { delay: "1h", queue: "later" });
    const unserved = async (): Promise<Record<string, string[]>> =>
      Object.fromEntries((await dispatcher.forge.queues.list()).map((queue) => [queue.name, queue.unserved]));
    expect(await unserved()).toEqual({ default: ["unknown"], later: [], media: ["known"] });
    const warnings = (): string[] =>
      worker.logs
        .filter(({ level, message }) => level === "warn" && message.startsWith("Jobs wait that no live worker can run"))
        .map(({ fields }) => `${String(fields["queue"])} ${String(fields["jobType"])}`);
    await until(() => warnings().length === 2, { what: "both to be warned of" });
    expect(warnings().toSorted()).toEqual(["default unknown", "media known"]);
    await using _ = await engine(database.address, {
      jobs: [known, unknown],
      worker: { queues: { default: 1 } },
    });
    await until(async () => (await unserved())["default"]?.length === 0, { what: "somebody to serve it" });
    expect(warnings()).toHaveLength(2);
  });

  test("what a deploy ensures leaves what somebody configured", async () => {
    await using database = await open();
    await using one = await engine(database.address, { jobs: [], worker: false });
    const { queues } = one.forge;
    await queues.configure("media", { concurrency: 3, backoff: { enabled: false } });
    await queues.ensure("media", { concurrency: 9, backoff: { enabled: true, baseSeconds: 2 } });
    await queues.ensure("audio", { concurrency: 9 });
    expect(await queues.list()).toMatchObject([
      {
        name: "audio",
        concurrency: 9,
        pausedAt: null,
        backoff: { enabled: null, baseSeconds: null, maxSeconds: null },
      },
      { name: "media", concurrency: 3, backoff: { enabled: false, baseSeconds: 2, maxSeconds: null } },
    ]);
    await queues.configure("media", { backoff: null });
    expect((await queues.list())[1]?.backoff).toEqual({ enabled: null, baseSeconds: null, maxSeconds: null });
  });

  test("a queue's backoff decides the waits of its jobs, where neither definition nor dispatch says it", async () => {
    await using database = await open();
    const runs: string[] = [];
    const fails = defineJob("fails", {
      run: (ctx) => {
        runs.push(ctx.jobId);
        throw new Error("no");
      },
    });
    await using one = await engine(database.address, { jobs: [fails] });
    await one.forge.queues.configure("default", { backoff: { enabled: false } });
    expect(await one.forge.jobs.wait(await one.forge.dispatch(fails, {}))).toMatchObject({
      status: "failed",
      attempts: 3,
    });
    await one.forge.queues.configure("default", { backoff: { enabled: true, baseSeconds: 3_600, maxSeconds: 7_200 } });
    const id = await one.forge.dispatch(fails, {});
    const job = await until(
      async () => {
        const found = await one.forge.jobs.get(id);
        return found?.status === "retry" ? found : null;
      },
      { what: "the first run to fail" },
    );
    expect(job.scheduledAt.getTime() - job.createdAt.getTime()).toBeGreaterThan(0.7 * 3_600_000);
  });

  test("the depth of a queue is counted to 10,000", async () => {
    await using database = await open();
    const job = defineJob("idle", { run: () => {} });
    await using one = await engine(database.address, { jobs: [job], worker: false });
    const dispatch = (count: number): Promise<string[]> =>
      one.forge.dispatchMany(
        job,
        Array.from({ length: count }, () => null),
      );
    await dispatch(10_000);
    expect(await one.forge.queues.list()).toMatchObject([{ depth: 10_000, depthIsCapped: false, unserved: ["idle"] }]);
    await dispatch(1);
    const [queue] = await one.forge.queues.list();
    expect(queue).toMatchObject({ depth: 10_000, depthIsCapped: true });
    expect(queue!.oldestDueMs).toBeGreaterThan(0);
  });
});
