import {
  ChildFailed,
  createForge,
  defineJob,
  type ForgeOptions,
  JobAborted,
  type JobDefinition,
} from "@forge-jobs/core";
import { describe, expect, inject, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import {
  type Address,
  databaseAt,
  openStore,
  postgresDatabase,
  sqliteDatabase,
  type TestDatabase,
} from "./support/stores.ts";
import { gate, silent } from "./support/world.ts";

const soon = { baseDelay: "1ms", maxBackoff: "2ms" } as const;
const one = { queues: { default: 1 } };

const DATABASES: readonly (readonly [string, () => Promise<TestDatabase>])[] = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
];

describe.each(DATABASES)("on %s", (_name, open) => {
  /** A started engine on a database of its own, or on that of another. */
  async function openWorld({ file, ...options }: Omit<ForgeOptions, "store" | "logger"> & { file?: Address }) {
    const database = file === undefined ? await open() : databaseAt(file);
    const forge = createForge({ ...options, store: openStore(database.address), logger: silent });
    await forge.start();
    return {
      forge,
      file: database.address,
      [Symbol.asyncDispose]: async () => {
        await forge.stop({ timeout: "0ms" });
        await database[Symbol.asyncDispose]();
      },
    };
  }

  test("outputs come in the order of the ids, with the types of the children", async () => {
    const double = defineJob("double", { run: (_ctx, n: number) => n * 2 });
    const greet = defineJob("greet", { run: async (_ctx, name: string) => ({ text: `Hello ${name}` }) });
    const parent = defineJob("parent", {
      run: async (ctx) => {
        const [a, b] = [await ctx.dispatchChild(double, 4), await ctx.dispatchChild(greet, "Ada")];
        const [greeting, eight, again]: [{ text: string }, number, number] = await ctx.waitForJobs([b, a, a]);
        const untyped: unknown[] = await ctx.waitForJobs([String(a)]);
        expect(await ctx.waitForJobs([])).toEqual([]);
        return { greeting, eight, again, untyped };
      },
    });
    await using world = await openWorld({ jobs: [parent, double, greet] });
    const job = await world.forge.jobs.wait(await world.forge.dispatch(parent, {}));
    expect(job.output).toEqual({ greeting: { text: "Hello Ada" }, eight: 8, again: 8, untyped: [8] });
  });

  /** A job that has children of its own kind down to a depth, waits for them, and counts itself and all below. */
  function tree(fanOut: number) {
    const node: JobDefinition<number, number> = defineJob("node", {
      run: async (ctx, depth: number): Promise<number> => {
        if (depth === 0) return 1;
        const ids: Awaited<ReturnType<typeof ctx.dispatchChild<number, number>>>[] = [];
        for (let n = 0; n < fanOut; n++) ids.push(await ctx.dispatchChild(node, depth - 1));
        const counts = await ctx.waitForJobs(ids);
        return counts.reduce((sum, count) => sum + count, 1);
      },
    });
    return node;
  }

  test("with one slot, children of children of children end, and so do those that wait for them", async () => {
    const node = tree(3);
    await using world = await openWorld({ jobs: [node], worker: one });
    const job = await world.forge.jobs.wait(await world.forge.dispatch(node, 3));
    expect(job.output).toBe(1 + 3 + 9 + 27);
  });

  test("two waits at once with one slot: neither keeps the other's child from running", async () => {
    const order: string[] = [];
    const child = defineJob("child", { run: (_ctx, name: string) => void order.push(name) });
    const parent = defineJob("parent", {
      run: async (ctx) => {
        const [a, b] = [await ctx.dispatchChild(child, "a"), await ctx.dispatchChild(child, "b")];
        await Promise.all([
          ctx.waitForJobs([a]).then(() => order.push("after a")),
          ctx.waitForJobs([b]).then(() => order.push("after b")),
        ]);
      },
    });
    await using world = await openWorld({ jobs: [parent, child], worker: one });
    expect(await world.forge.jobs.wait(await world.forge.dispatch(parent, {}))).toMatchObject({ status: "completed" });
    expect(order.toSorted()).toEqual(["a", "after a", "after b", "b"]);
  });

  test("of many parents only ten a slot wait at a time, and all of them end", async () => {
    let waiting = 0;
    let most = 0;
    let running = 0;
    let mostRunning = 0;
    const child = defineJob("child", {
      run: async () => {
        mostRunning = Math.max(mostRunning, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      },
    });
    const parent = defineJob("parent", {
      priority: "critical",
      run: async (ctx, n: number) => {
        const id = await ctx.dispatchChild(child, n);
        most = Math.max(most, ++waiting);
        await ctx.waitForJobs([id]);
        waiting--;
      },
    });
    await using world = await openWorld({ jobs: [parent, child], worker: { queues: { default: 2 } } });
    const ids = await world.forge.dispatchMany(
      parent,
      Array.from({ length: 100 }, (_, n) => n),
    );
    for (const id of ids) expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 1 });
    expect(most).toBeGreaterThan(10);
    expect(most).toBeLessThanOrEqual(22);
    expect(mostRunning).toBeLessThanOrEqual(2);
  });

  test("a wait rejects with what failed, and says so in full", async () => {
    const child = defineJob("child", {
      retry: { maxAttempts: 1 },
      publicError: () => "It did not work",
      run: (_ctx, input: string) => {
        if (input === "bad") throw new Error("the secret reason");
        return input;
      },
    });
    const seen: unknown[] = [];
    const parent = defineJob("parent", {
      retry: { maxAttempts: 1 },
      run: async (ctx) => {
        const good = await ctx.dispatchChild(child, "good");
        const bad = await ctx.dispatchChild(child, "bad");
        try {
          await ctx.waitForJobs([good, bad]);
        } catch (error) {
          seen.push(bad, error);
          throw error;
        }
      },
    });
    await using world = await openWorld({ jobs: [parent, child] });
    const job = await world.forge.jobs.wait(await world.forge.dispatch(parent, {}));
    const [bad, error] = seen as [string, ChildFailed];
    expect(error).toBeInstanceOf(ChildFailed);
    expect(error).toMatchObject({ id: bad, status: "failed", publicError: "It did not work" });
    expect(error.error).toContain("the secret reason");
    expect(error.failures.map(({ id }) => id)).toEqual([bad]);
    expect(job).toMatchObject({ status: "failed" });
    expect(job.error).toContain("the secret reason");
    expect(job.publicError).not.toContain("secret");
  });

  test("a retry waits again for what was made anew, and takes the other outputs as they are", async () => {
    let failures = 0;
    const runs: string[] = [];
    const child = defineJob("child", {
      retry: { maxAttempts: 1 },
      run: (_ctx, input: string) => {
        runs.push(input);
        if (input === "weak" && failures++ === 0) throw new Error("the first one fails");
        return input.toUpperCase();
      },
    });
    const parent = defineJob("parent", {
      retry: { maxAttempts: 2, ...soon },
      run: async (ctx) => {
        const strong = await ctx.dispatchChild(child, "strong");
        await ctx.waitForJobs([strong]);
        return ctx.waitForJobs([strong, await ctx.dispatchChild(child, "weak")]);
      },
    });
    await using world = await openWorld({ jobs: [parent, child], worker: one });
    const job = await world.forge.jobs.wait(await world.forge.dispatch(parent, {}));
    expect(job).toMatchObject({ status: "completed", attempts: 2, output: ["STRONG", "WEAK"] });
    expect(runs).toEqual(["strong", "weak", "weak"]);
  });

  test("only children can be waited for", async () => {
    const child = defineJob("child", { run: () => {} });
    const codes: unknown[] = [];
    const parent = defineJob("parent", {
      run: async (ctx) => {
        const noted = (error: { code: string }): void => void codes.push(error.code);
        const stranger = await ctx.dispatch(child, 1);
        await ctx.waitForJobs([stranger]).catch(noted);
        await ctx.waitForJobs([ctx.jobId]).catch(noted);
        await ctx.waitForJobs(["no id"]).catch(noted);
        await ctx.waitForJobs("no list" as unknown as string[]).catch(noted);
        void ctx.waitForJobs(["nobody awaits this"]);
        const own = await ctx.dispatchChild(child, 2);
        await ctx.waitForJobs([own]);
      },
    });
    await using world = await openWorld({ jobs: [parent, child] });
    const job = await world.forge.jobs.wait(await world.forge.dispatch(parent, {}));
    expect(job.status).toBe("completed");
    expect(codes).toEqual(["BAD_REQUEST", "BAD_REQUEST", "BAD_REQUEST", "BAD_REQUEST"]);
  });

  /** A parent that waits for a child that never ends by itself. */
  function waitingForever() {
    const said = gate<unknown>();
    const child = defineJob("child", {
      run: (ctx) =>
        new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason as Error))),
    });
    const parent = defineJob("parent", {
      timeout: "1h",
      run: async (ctx) => {
        const id = await ctx.dispatchChild(child, 1);
        await ctx.waitForJobs([id]).catch((error: unknown) => {
          said.open(error);
          throw error;
        });
      },
    });
    return { parent, child, said: said.opened };
  }

  const isWaiting = (world: { forge: { jobs: { list(o: object): Promise<{ jobs: unknown[] }> } } }, id: string) =>
    until(async () => (await world.forge.jobs.list({ parent: id, status: "running" })).jobs.length === 1, {
      what: "the child to run",
    });

  test("a cancellation ends the wait, and the child with it", async () => {
    const { parent, child, said } = waitingForever();
    await using world = await openWorld({ jobs: [parent, child], worker: one });
    const id = await world.forge.dispatch(parent, {});
    await isWaiting(world, id);
    await world.forge.jobs.cancel(id);
    expect(await said).toMatchObject({ code: "CANCELLED" });
    expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "cancelled" });
    const [{ id: childId } = { id: "" }] = (await world.forge.jobs.list({ parent: id })).jobs;
    expect(await world.forge.jobs.wait(childId)).toMatchObject({ status: "cancelled" });
  });

  test("the timeout's clock runs on while a job waits", async () => {
    const { parent, child, said } = waitingForever();
    await using world = await openWorld({ jobs: [parent, child], worker: one });
    const id = await world.forge.dispatch(parent, {}, { timeout: "300ms", retry: { maxAttempts: 1 } });
    expect(await said).toMatchObject({ code: "TIMEOUT" });
    expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "failed" });
  });

  test("a process that stops gives back its waiting jobs at once; another goes on with their children", async () => {
    const child = defineJob("child", { run: (_ctx, n: number) => n + 1 });
    const reasons: unknown[] = [];
    const parent = defineJob("parent", {
      run: async (ctx) => {
        const id = await ctx.dispatchChild(child, 1, { queue: "elsewhere" });
        return ctx.waitForJobs([id]).catch((error: unknown) => {
          reasons.push(error);
          throw error;
        });
      },
    });
    await using world = await openWorld({ jobs: [parent, child], worker: one });
    const id = await world.forge.dispatch(parent, {});
    await until(async () => (await world.forge.jobs.list({ parent: id })).jobs.length === 1, { what: "the child" });
    await until(async () => (await world.forge.jobs.get(id))?.status === "running", { what: "the parent to run" });
    const began = performance.now();
    await world.forge.stop({ timeout: "30s" });
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(reasons).toEqual([expect.any(JobAborted)]);
    expect(reasons[0]).toMatchObject({ code: "SHUTDOWN" });
    await using other = await openWorld({
      jobs: [parent, child],
      worker: { queues: { default: 1, elsewhere: 1 } },
      file: world.file,
    });
    expect(await other.forge.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 1, output: [2] });
    expect((await other.forge.jobs.list({ parent: id })).jobs.length).toBe(1);
  });

  test("a parent whose child runs in another process wakes by that process's hints", async () => {
    const child = defineJob("child", { queue: "there", run: (_ctx, n: number) => n + 1 });
    const parent = defineJob("parent", {
      run: async (ctx) => ctx.waitForJobs([await ctx.dispatchChild(child, 1)]),
    });
    await using here = await openWorld({ jobs: [parent, child], worker: one });
    await using there = await openWorld({ jobs: [parent, child], worker: { queues: { there: 1 } }, file: here.file });
    const ids = await here.forge.dispatchMany(parent, [1, 2, 3]);
    for (const id of ids) expect(await there.forge.jobs.wait(id)).toMatchObject({ output: [2] });
  });

  test("a handler that ends without awaiting its wait gives its slot back all the same", async () => {
    const finish = gate();
    const child = defineJob("child", { run: () => finish.opened });
    const parent = defineJob("parent", {
      run: async (ctx) => {
        void ctx.waitForJobs([await ctx.dispatchChild(child, 1)]);
        await until(async () => (await ctx.jobs.list({ parent: ctx.jobId, status: "running" })).jobs.length === 1, {
          what: "the child to have the slot",
        });
      },
    });
    const idle = defineJob("idle", { run: () => {} });
    await using world = await openWorld({ jobs: [parent, child, idle], worker: one });
    const id = await world.forge.dispatch(parent, {});
    expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed" });
    finish.open();
    expect(await world.forge.jobs.wait(await world.forge.dispatch(idle, {}))).toMatchObject({ status: "completed" });
    const ids = await world.forge.dispatchMany(idle, [1, 2, 3]);
    for (const next of ids) expect(await world.forge.jobs.wait(next)).toMatchObject({ status: "completed" });
  });

  test("a tracked parent shows the mean of its children, and ends at all of them", async () => {
    const half = gate();
    const halfSeen = gate();
    const child = defineJob("child", {
      run: async (ctx, input: "quick" | "slow") => {
        if (input === "quick") return;
        ctx.progress(50);
        half.open();
        await halfSeen.opened;
      },
    });
    const parent = defineJob("parent", {
      run: async (ctx) => {
        const first = await ctx.dispatchChild(child, "quick");
        ctx.trackChildren();
        ctx.trackChildren();
        await ctx.waitForJobs([first, await ctx.dispatchChild(child, "slow")]);
        await until(async () => (await ctx.jobs.get(ctx.jobId))?.progress === 100, { what: "the end to be shown" });
      },
    });
    await using world = await openWorld({ jobs: [parent, child] });
    const id = await world.forge.dispatch(parent, {});
    await half.opened;
    await until(async () => (await world.forge.jobs.get(id))?.progress === 75, { what: "the mean of 100 and 50" });
    halfSeen.open();
    expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", progress: 100 });
  });
});
