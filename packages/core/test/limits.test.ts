import { createForge, defineJob, type Forge, type JobDefinition } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { gate, openWorld, recordingLogger } from "./support/world.ts";

/** A job whose runs wait until they are let go, counted by a key of their input. */
function counted(name: string, options: { concurrencyPerKey?: number; queue?: string; keyed?: boolean }) {
  const running = new Map<string, number>();
  const most = new Map<string, number>();
  const started: string[] = [];
  const waiting: (() => void)[] = [];
  let open = false;
  const { keyed = true, ...rest } = options;
  const job: JobDefinition<{ key: string }> = defineJob(name, {
    ...rest,
    ...(keyed && { concurrencyKey: ({ key }: { key: string }) => key }),
    async run(_ctx, { key }: { key: string }) {
      const now = (running.get(key) ?? 0) + 1;
      running.set(key, now);
      most.set(key, Math.max(most.get(key) ?? 0, now));
      started.push(key);
      if (!open) await new Promise<void>((resolve) => waiting.push(resolve));
      running.set(key, (running.get(key) ?? 1) - 1);
    },
  });
  return {
    job,
    started,
    most,
    letOneGo: () => waiting.shift()?.(),
    letAllGo: () => {
      open = true;
      for (const resolve of waiting.splice(0)) resolve();
    },
  };
}

const inputs = (...keys: string[]) => keys.map((key) => ({ key }));

/** A second engine on the same file, as another process has one. */
async function another(file: string, jobs: JobDefinition[], slots = 10): Promise<Forge & AsyncDisposable> {
  const worker = { queues: { default: slots } };
  const forge = createForge({ store: sqliteStore(file), jobs, worker, logger: recordingLogger([]) });
  await forge.start();
  return { ...forge, [Symbol.asyncDispose]: () => forge.stop({ timeout: "0ms" }) };
}

test("jobs with one key run one at a time over all processes, other keys beside them", async () => {
  const { job, started, most, letAllGo } = counted("sync", {});
  await using world = await openWorld({ jobs: [job] });
  await using other = await another(world.file, [job]);
  const ids = await other.dispatchMany(job, inputs("a", "a", "a", "b", "c", "c"));
  await until(() => started.length >= 3, { what: "one of each key to run" });
  expect(started.toSorted()).toEqual(["a", "b", "c"]);
  letAllGo();
  await Promise.all(ids.map((id) => world.forge.jobs.wait(id)));
  expect([...most.values()]).toEqual([1, 1, 1]);
  expect(started.toSorted()).toEqual(["a", "a", "a", "b", "c", "c"]);
});

test("the next of a key starts as the one before ends, without waiting for a poll", async () => {
  const { job, started, letOneGo, letAllGo } = counted("sync", {});
  await using world = await openWorld({ jobs: [job] });
  await world.forge.dispatchMany(job, inputs("a", "a", "a", "a", "a", "a"));
  const began = performance.now();
  for (let n = 1; n <= 6; n++) {
    await until(() => started.length === n, { what: `run ${n}`, every: 1 });
    letOneGo();
  }
  letAllGo();
  // Six polls take six seconds.
  expect(performance.now() - began).toBeLessThan(3_000);
});

test("concurrencyPerKey lets so many of a key run at once", async () => {
  const { job, started, most, letAllGo } = counted("sync", { concurrencyPerKey: 2 });
  await using world = await openWorld({ jobs: [job] });
  const ids = await world.forge.dispatchMany(job, inputs("a", "a", "a", "a", "a"));
  await until(() => started.length >= 2, { what: "two to run" });
  letAllGo();
  await Promise.all(ids.map((id) => world.forge.jobs.wait(id)));
  expect(most.get("a")).toBe(2);
});

test("a job with a key that a dispatch sends to another queue keeps to its limit there", async () => {
  const { job, started, most, letAllGo } = counted("sync", { queue: "media" });
  await using world = await openWorld({ jobs: [job], worker: { queues: { default: 5, media: 5 } } });
  const ids = await world.forge.dispatchMany(job, inputs("a", "a", "b"), { queue: "default" });
  await until(() => started.length >= 2, { what: "one of each key to run" });
  letAllGo();
  await Promise.all(ids.map((id) => world.forge.jobs.wait(id)));
  expect([...most.values()]).toEqual([1, 1]);
});

test("globalConcurrency bounds what all processes run of a queue; a change counts at once", async () => {
  const { job, started, letOneGo, letAllGo } = counted("work", { keyed: false });
  await using world = await openWorld({ jobs: [job] });
  await using other = await another(world.file, [job]);
  await world.forge.queues.configure("default", { globalConcurrency: 2 });
  const ids = await other.dispatchMany(job, inputs(...Array.from({ length: 8 }, () => "x")));
  await until(() => started.length === 2, { what: "two to run" });
  await world.forge.queues.configure("default", { globalConcurrency: 4 });
  await until(() => started.length === 4, { what: "four to run", within: 900 });
  await world.forge.queues.configure("default", { globalConcurrency: 1 });
  for (let n = 0; n < 3; n++) letOneGo();
  await until(async () => (await world.forge.jobs.list({ status: "completed" })).jobs.length === 3, {
    what: "three ends",
  });
  expect(started).toHaveLength(4);
  expect((await world.forge.queues.list())[0]).toMatchObject({ globalConcurrency: 1, running: 1 });
  letOneGo();
  await until(() => started.length === 5, { what: "the next to start" });
  await world.forge.queues.configure("default", { globalConcurrency: null });
  await until(() => started.length === 8, { what: "all to run" });
  letAllGo();
  await Promise.all(ids.map((id) => world.forge.jobs.wait(id)));
});

test("a dispatch into an idle process does not pass a global limit", async () => {
  const { job, started, letAllGo } = counted("work", { keyed: false });
  await using world = await openWorld({ jobs: [job] });
  await world.forge.queues.configure("default", { globalConcurrency: 1 });
  const ids = [];
  for (let n = 0; n < 4; n++) ids.push(await world.forge.dispatch(job, { key: "x" }));
  await until(() => started.length > 0, { what: "one to run" });
  const { jobs } = await world.forge.jobs.list({ status: "pending" });
  expect(jobs).toHaveLength(3);
  letAllGo();
  await Promise.all(ids.map((id) => world.forge.jobs.wait(id)));
});

test("a plain type of the same queue runs beside a key that is taken", async () => {
  const { job, started, letAllGo } = counted("sync", {});
  const plain = defineJob("plain", { run: () => 1 });
  await using world = await openWorld({ jobs: [job, plain] });
  await world.forge.dispatchMany(job, inputs("a", "a", "a"));
  await until(() => started.length === 1, { what: "the first of the key" });
  const ids = await world.forge.dispatchMany(plain, [1, 2, 3]);
  for (const id of ids) expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed" });
  expect(started).toEqual(["a"]);
  letAllGo();
});

test.each([
  [{ concurrencyPerKey: 2 }, "concurrencyKey of sync must be a function"],
  [{ concurrencyKey: "a" }, "concurrencyKey of sync must be a function"],
  [{ concurrencyKey: () => "a", concurrencyPerKey: 0 }, "concurrencyPerKey of sync must be a whole number"],
  [{ concurrencyKey: () => "a", concurrencyPerKey: 1.5 }, "got 1.5"],
])("the options %o are refused", (options, sentence) => {
  expect(() => defineJob("sync", { ...(options as object), run: () => {} })).toThrow(sentence);
});

test("a key that is no text, or is made by a function that throws, refuses the dispatch before anything is stored", async () => {
  const keys: unknown[] = ["", 7, "a\0b", "k".repeat(1_001), "\ud800"];
  const job = defineJob("sync", {
    concurrencyKey: (n: number) => {
      if (n < 0) throw new Error("no customer");
      return keys[n] as string;
    },
    run: () => {},
  });
  await using world = await openWorld({ jobs: [job], worker: false });
  for (const n of keys.keys()) {
    await expect(world.forge.dispatch(job, n)).rejects.toMatchObject({ code: "BAD_REQUEST" });
  }
  await expect(world.forge.dispatchMany(job, [-1])).rejects.toMatchObject({ code: "INVALID_ARGS" });
  expect((await world.forge.jobs.list()).jobs).toEqual([]);
});

test("a job with a key that is retried waits for its key again, and its attempts count", async () => {
  const order: string[] = [];
  const first = gate();
  const job = defineJob("sync", {
    concurrencyKey: () => "only",
    retry: { maxAttempts: 2, baseDelay: "1ms", maxBackoff: "1ms" },
    async run(ctx, name: string) {
      order.push(`${name}${ctx.attempt}`);
      if (name === "a" && ctx.attempt === 1) {
        await first.opened;
        throw new Error("once");
      }
    },
  });
  await using world = await openWorld({ jobs: [job] });
  const ids = await world.forge.dispatchMany(job, ["a", "b"]);
  await until(() => order.length === 1, { what: "the first run" });
  first.open();
  const jobs = await Promise.all(ids.map((id) => world.forge.jobs.wait(id)));
  expect(jobs.map(({ status, attempts }) => [status, attempts])).toEqual([
    ["completed", 2],
    ["completed", 1],
  ]);
  expect(order.toSorted()).toEqual(["a1", "a2", "b1"]);
});

test("a deploy that drops the key of a type frees the jobs that wait for it", async () => {
  const keyed = counted("sync", {});
  await using world = await openWorld({ jobs: [keyed.job], worker: false });
  const ids = await world.forge.dispatchMany(keyed.job, inputs("a", "a", "a"));
  const plain = counted("sync", { keyed: false });
  await using next = await another(world.file, [plain.job]);
  await until(() => plain.started.length === 3, { what: "all to run at once" });
  plain.letAllGo();
  await Promise.all(ids.map((id) => next.jobs.wait(id)));
});

test("a deploy that gives a type a key leaves the jobs of before without one", async () => {
  const plain = counted("sync", { keyed: false });
  await using world = await openWorld({ jobs: [plain.job], worker: false });
  const ids = await world.forge.dispatchMany(plain.job, inputs("a", "a"));
  const keyed = counted("sync", {});
  await using next = await another(world.file, [keyed.job]);
  await until(() => keyed.started.length === 2, { what: "both to run" });
  keyed.letAllGo();
  await Promise.all(ids.map((id) => next.jobs.wait(id)));
});
