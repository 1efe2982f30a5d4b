import { createForge, Dead, defineJob, type Hooks, Snooze } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { DatabaseSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { gate, openWorld } from "./support/world.ts";

const soon = { baseDelay: "1ms", maxBackoff: "2ms" } as const;

/** Hooks that write down what they hear of, each with the given mark. */
function listener(heard: unknown[], mark = ""): Hooks {
  return {
    beforePerform: ({ name, input, attempt }, ctx) =>
      heard.push([`${mark}before`, name, input, attempt, ctx.attempt === attempt]),
    afterPerform: ({ output }) => heard.push([`${mark}after`, output]),
    onDispatch: ({ name, input, attempt }) => heard.push([`${mark}dispatched`, name, input, attempt]),
    onError: ({ error, willRetry }) => heard.push([`${mark}error`, (error as Error).message, willRetry]),
    onStateChange: ({ status }) => heard.push([`${mark}state`, status]),
  };
}

const statesIn = (heard: unknown[]): unknown[] =>
  heard.filter((one) => (one as unknown[])[0] === "state").map((one) => (one as unknown[])[1]);
const exceptStates = (heard: unknown[]): unknown[] => heard.filter((one) => (one as unknown[])[0] !== "state");

test("hooks hear of a job from its dispatch to its end, in order, with what they are about", async () => {
  const heard: unknown[] = [];
  const flaky = defineJob("flaky", {
    input: z.object({ n: z.coerce.number() }),
    retry: { maxAttempts: 3, ...soon },
    run: (ctx, { n }) => {
      heard.push(["handler", n]);
      if (ctx.isRetry) return { doubled: n * 2 };
      throw new Error("once");
    },
  });
  const { before, ...done } = await (async () => {
    await using world = await openWorld({ jobs: [flaky], hooks: listener(heard) });
    // A delay keeps the dispatch from starting it at once, so that its hook comes first.
    const id = await world.forge.dispatch(flaky, { n: "21" }, { delay: "1ms" });
    return { before: [...heard], job: await world.forge.jobs.wait(id) };
  })();
  expect(exceptStates(before)[0]).toEqual(["dispatched", "flaky", { n: "21" }, 0]);
  expect(done.job.status).toBe("completed");
  expect(exceptStates(heard)).toEqual([
    ["dispatched", "flaky", { n: "21" }, 0],
    ["before", "flaky", { n: "21" }, 1, true],
    ["handler", 21],
    ["error", "once", true],
    ["before", "flaky", { n: "21" }, 2, true],
    ["handler", 21],
    ["after", { doubled: 42 }],
  ]);
  // A start that is written together with its outcome is told as the outcome.
  expect(statesIn(heard).filter((status) => status !== "running")).toEqual(["pending", "retry", "completed"]);
});

test("any number of hooks run one after another, the engine's before the job's own", async () => {
  const heard: string[] = [];
  const slow = (what: string): Hooks => ({
    beforePerform: async () => {
      heard.push(`${what} begins`);
      // Whatever else has begun by now has its say before this goes on.
      for (let turn = 0; turn < 3; turn++) await nextTurn();
      heard.push(`${what} ends`);
    },
  });
  const job = defineJob("job", { hooks: [slow("c"), slow("d")], run: () => heard.push("handler") });
  const other = defineJob("other", { run: () => heard.push("other") });
  await using world = await openWorld({ jobs: [job, other], hooks: [slow("a"), slow("b")] });
  await world.forge.jobs.wait(await world.forge.dispatch(job, {}));
  await world.forge.jobs.wait(await world.forge.dispatch(other, {}));
  const whole = (...hooks: string[]): string[] => hooks.flatMap((what) => [`${what} begins`, `${what} ends`]);
  expect(heard).toEqual([...whole("a", "b", "c", "d"), "handler", ...whole("a", "b"), "other"]);
});

test("a hook that throws or rejects is logged, and changes nothing", async () => {
  const broken: Hooks = {
    beforePerform: () => Promise.reject(new Error("hook")),
    afterPerform: () => {
      throw new Error("hook");
    },
    onDispatch: () => Promise.reject(new Error("hook")),
    onError: () => {
      throw new Error("hook");
    },
    onStateChange: () => Promise.reject(new Error("hook")),
  };
  const job = defineJob("job", {
    retry: { maxAttempts: 2, ...soon },
    run: (ctx) => {
      if (!ctx.isRetry) throw new Error("once");
      return "done";
    },
  });
  const lines = await (async () => {
    await using world = await openWorld({ jobs: [job], hooks: broken });
    const id = await world.forge.dispatch(job, {}, { delay: "1ms" });
    expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", output: "done", attempts: 2 });
    await world.forge.stop();
    return world.logs;
  })();
  const hooks = lines.filter(({ message }) => message.startsWith("A hook threw")).map(({ fields }) => fields["hook"]);
  expect(new Set(hooks)).toEqual(new Set(Object.keys(broken)));
});

test("a hook that never ends holds up no job for longer than 5 s", { timeout: 30_000 }, async () => {
  const job = defineJob("job", { run: () => "done" });
  const hooks: Hooks = { afterPerform: () => new Promise(() => {}) };
  await using world = await openWorld({ jobs: [job], hooks, worker: { queues: { default: 1 } } });
  const ids = await world.forge.dispatchMany(job, [1, 2]);
  for (const id of ids) expect((await world.forge.jobs.wait(id)).status).toBe("completed");
});

test("onError is silent about cancellations, snoozes and what discardIf drops, and hears of Dead and bad inputs", async () => {
  const heard: unknown[] = [];
  const hooks: Hooks = { onError: ({ name, willRetry }) => heard.push([name, willRetry]) };
  const thrower = (name: string, error: () => unknown, discard = false) =>
    defineJob(name, {
      discardIf: () => discard,
      run: (ctx) => {
        if (name === "snoozed" && ctx.saved["ran"] === true) return;
        throw error();
      },
    });
  let snoozes = 0;
  const snoozed = defineJob("snoozed", {
    run: () => {
      if (snoozes++ === 0) throw new Snooze("1ms");
    },
  });
  const dead = thrower("dead", () => new Dead("dead"));
  const dropped = thrower("dropped", () => new Error("gone"), true);
  const started = gate();
  const cancelled = defineJob("cancelled", {
    run: (ctx) =>
      new Promise((_, reject) => {
        ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason));
        started.open();
      }),
  });
  const before = defineJob("changed", { run: () => {} });
  const changed = defineJob("changed", { input: z.object({ must: z.string() }), run: () => {} });
  await using old = await openWorld({ jobs: [before], worker: false });
  const badId = await old.forge.dispatch(before, {});
  await using world = await openWorld({ jobs: [snoozed, dead, dropped, cancelled, changed], hooks, file: old.file });
  const { forge } = world;
  const ids = [
    badId,
    await forge.dispatch(snoozed, {}),
    await forge.dispatch(dead, {}),
    await forge.dispatch(dropped, {}),
    await forge.dispatch(cancelled, {}),
  ];
  await started.opened;
  await forge.jobs.cancel(ids[4]!);
  for (const id of ids) await forge.jobs.wait(id);
  expect(heard.map((one) => JSON.stringify(one)).toSorted((a, b) => a.localeCompare(b))).toEqual([
    '["changed",false]',
    '["dead",false]',
  ]);
});

test("onStateChange hears of verbs over jobs, and knows a cancellation from a failure", async () => {
  const heard: unknown[] = [];
  const started = gate();
  const wait = defineJob("wait", {
    run: (ctx) =>
      new Promise((_, reject) => {
        ctx.signal.addEventListener("abort", () => reject(new Error("stopped")));
        started.open();
      }),
  });
  await (async () => {
    await using world = await openWorld({ jobs: [wait], hooks: listener(heard) });
    const { forge } = world;
    const waiting = await forge.dispatch(wait, {}, { delay: "1h" });
    await forge.jobs.cancel(waiting);
    await expect.poll(() => statesIn(heard)).toEqual(["pending", "cancelled"]);
    await forge.jobs.retry(waiting);
    await started.opened;
    await expect.poll(() => statesIn(heard)).toContain("running");
    await forge.jobs.cancel(waiting);
    await forge.jobs.wait(waiting);
    await forge.stop();
  })();
  expect(statesIn(heard)).toEqual(["pending", "cancelled", "pending", "running", "cancel_requested", "cancelled"]);
});

test("onDispatch runs for each new job, also in a transaction before its commit, and not for a key's holder", async () => {
  const heard: unknown[] = [];
  const job = defineJob("job", { idempotent: true, run: () => {} });
  await using world = await openWorld({ jobs: [job], worker: false, hooks: listener(heard) });
  await world.forge.dispatchMany(job, [{ n: 1 }, { n: 2 }, { n: 1 }]);
  await world.forge.dispatch(job, { n: 2 });
  expect(exceptStates(heard)).toEqual([
    ["dispatched", "job", { n: 1 }, 0],
    ["dispatched", "job", { n: 2 }, 0],
  ]);
  await expect.poll(() => statesIn(heard)).toEqual(["pending", "pending"]);
  heard.length = 0;
  const db = new DatabaseSync(world.file);
  db.exec("BEGIN IMMEDIATE");
  await world.forge.dispatch(job, { n: 3 }, { tx: db });
  db.exec("ROLLBACK");
  db.close();
  expect(heard).toEqual([["dispatched", "job", { n: 3 }, 0]]);
});

test("a hook outside a handler finds the application's context, fetch, jobs and dispatch on its ctx", async () => {
  const seen: string[][] = [];
  const job = defineJob("job", { run: () => {} });
  const hooks: Hooks = { onDispatch: (_, ctx) => seen.push(Object.keys(ctx).toSorted()) };
  await using world = await openWorld({ jobs: [job], worker: false, context: { db: 1 }, hooks });
  await world.forge.dispatch(job, {});
  expect(seen).toEqual([["db", "dispatch", "fetch", "jobs", "log"]]);
});

test("a hook that is none is refused by name", () => {
  const store = sqliteStore(":memory:");
  const make = (hooks: unknown) => () => createForge({ store, jobs: [], hooks: hooks as Hooks });
  expect(make({ beforeRun: () => {} })).toThrow(/no option "beforeRun"/);
  expect(make([{ onError: "log" }])).toThrow(/onError in the hooks of createForge must be a function/);
  expect(() => defineJob("job", { hooks: { onError: 1 } as never, run: () => {} })).toThrow(/onError in the hooks/);
});
