import { Dead, defineWorkflow, PublicError, RateLimited, Snooze } from "@forge-jobs/core";
import { describe, expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { DATABASES, openRuns, type RunsWorld } from "../support/runs.ts";
import { beginIn } from "../support/users-transaction.ts";
import { gate } from "../support/world.ts";

const soon = { baseDelay: "1ms", maxBackoff: "2ms" } as const;

async function effects({ database }: RunsWorld): Promise<number> {
  return (await database.query("SELECT n FROM effects")).length;
}

for (const [name, open] of Object.entries(DATABASES)) {
  describe(`on ${name}`, () => {
    test("a step in a transaction of the code's own commits with it, and is not done again", async () => {
      let calls = 0;
      let world: RunsWorld | null = null;
      const work = defineWorkflow("work", {
        run: async (ctx) => {
          const users = await beginIn(world!.database.address);
          const got = await ctx.stepIn(users.tx, "write", async () => {
            calls++;
            await users.write();
            return calls;
          });
          await users.commit();
          await ctx.waitForEvent("go");
          return got;
        },
      });
      await using opened = await openRuns(open(), { workflows: [work] });
      world = opened;
      await opened.database.query("CREATE TABLE effects (n int)");
      const id = await opened.forge.startWorkflow(work, {});
      await opened.untilWaiting(id);
      await opened.forge.workflows.signal(id, "go");
      expect(await opened.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: 1 });
      expect(await effects(opened)).toBe(1);
      expect(calls).toBe(1);
    });

    test("a transaction that is rolled back leaves neither write nor step; the next one is the same step", async () => {
      let calls = 0;
      let world: RunsWorld | null = null;
      const work = defineWorkflow("work", {
        run: async (ctx) => {
          for (let tries = 1; ; tries++) {
            const users = await beginIn(world!.database.address);
            const got = await ctx.stepIn(users.tx, "write", async () => {
              calls++;
              await users.write();
              return calls;
            });
            if (got === 1 && tries === 1) {
              await users.rollback();
              continue;
            }
            await users.commit();
            await ctx.waitForEvent("go");
            return got;
          }
        },
      });
      await using opened = await openRuns(open(), { workflows: [work] });
      world = opened;
      await opened.database.query("CREATE TABLE effects (n int)");
      const id = await opened.forge.startWorkflow(work, {});
      await opened.untilWaiting(id);
      expect(await effects(opened)).toBe(1);
      await opened.restart();
      await opened.forge.workflows.signal(id, "go");
      const run = await opened.forge.workflows.wait(id);
      expect(run).toMatchObject({ status: "completed", output: 2 });
      expect(run.steps.map((step) => `${step.name} ${step.status}`)).toEqual(["write completed", "go completed"]);
      expect(await effects(opened)).toBe(1);
      expect(calls).toBe(2);
    });

    test("what is thrown in a transaction fails it, and is the code's to catch", async () => {
      let world: RunsWorld | null = null;
      const work = defineWorkflow("work", {
        run: async (ctx) => {
          const users = await beginIn(world!.database.address);
          const failed = await ctx
            .stepIn(users.tx, "write", async () => {
              await users.write();
              return 1n;
            })
            .catch((error: unknown) => error);
          await users.rollback();
          return (failed as Error).message;
        },
      });
      await using opened = await openRuns(open(), { workflows: [work], replays: false });
      world = opened;
      await opened.database.query("CREATE TABLE effects (n int)");
      const id = await opened.forge.startWorkflow(work, {});
      const run = await opened.forge.workflows.wait(id);
      expect(run).toMatchObject({ status: "completed", output: expect.stringContaining("bigint"), steps: [] });
      expect(await effects(opened)).toBe(0);
    });

    test("a step that was put off waits each time anew, and uses up no attempt", async () => {
      const at: number[] = [];
      const work = defineWorkflow("work", {
        run: (ctx) =>
          ctx.step(
            "put off",
            ({ attempt }) => {
              at.push(performance.now());
              if (at.length < 4) throw Snooze("100ms");
              return attempt;
            },
            { retry: { ...soon, maxAttempts: 1 } },
          ),
      });
      await using world = await openRuns(open(), { workflows: [work] });
      const id = await world.forge.startWorkflow(work, {});
      expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: 1 });
      const waits = at.slice(1).map((time, n) => time - at[n]!);
      for (const wait of waits) expect(wait).toBeGreaterThan(80);
    });

    test("a long put-off frees the slot, and holds over a restart", async () => {
      let calls = 0;
      const work = defineWorkflow("work", {
        run: (ctx) =>
          ctx.step("put off", () => {
            if (++calls === 1) throw Snooze("1h");
            return calls;
          }),
      });
      await using world = await openRuns(open(), { workflows: [work] });
      const id = await world.forge.startWorkflow(work, {});
      await world.untilWaiting(id, "put off");
      await world.restart();
      expect(calls).toBe(1);
      world.clock.offsetMs += 3_700_000;
      expect(await world.forge.workflows.wait(id)).toMatchObject({ status: "completed", output: 2 });
    });

    test("a service that turned a step away drains the bucket, and the step comes again", async () => {
      let calls = 0;
      const work = defineWorkflow("work", {
        run: (ctx) =>
          ctx.step("call", () => {
            if (++calls === 1) throw RateLimited("slack", "200ms");
            return calls;
          }),
      });
      await using world = await openRuns(open(), { workflows: [work] });
      await world.forge.rateLimits.configure("slack", { perMinute: 100 });
      const id = await world.forge.startWorkflow(work, {});
      await until(() => calls === 1, { what: "the call" });
      await until(async () => (await world.forge.rateLimits.list())[0]!.available === 0, {
        what: "the bucket to be drained",
        every: 5,
      });
      expect(await world.forge.workflows.wait(id)).toMatchObject({ output: 2, steps: [{ attempt: 1 }] });
    });
  });
}

const open = DATABASES["SQLite"]!;

test("a step that may run at most once is not repeated when its end is not known", async () => {
  let calls = 0;
  const begun = gate();
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const error = await ctx
        .step(
          "pay",
          ({ signal }) => {
            calls++;
            begun.open();
            return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
          },
          { atMostOnce: true },
        )
        .catch((thrown: unknown) => thrown);
      return (error as { errorName: string }).errorName;
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await begun.opened;
  await world.restart();
  expect(await world.forge.workflows.wait(id)).toMatchObject({
    status: "completed",
    output: "StepInterrupted",
    steps: [{ name: "pay", status: "failed", attempt: 1 }],
  });
  expect(calls).toBe(1);
});

test("a step that failed and may run at most once is not repeated either, and one that was put off is begun again", async () => {
  let calls = 0;
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const first = await ctx
        .step("fails", () => Promise.reject(new RangeError("no")), { atMostOnce: true })
        .catch(String);
      const second = await ctx.step(
        "later",
        () => {
          if (++calls === 1) throw Snooze("5ms");
          return calls;
        },
        { atMostOnce: true },
      );
      return [first, second];
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  expect(await world.forge.workflows.wait(id)).toMatchObject({
    output: [expect.stringContaining("no"), 2],
    steps: [{ attempt: 1, errorName: "RangeError" }, { status: "completed" }],
  });
});

test("an attempt that takes longer than its time is aborted and counts as failed", async () => {
  const seen: unknown[] = [];
  const work = defineWorkflow("work", {
    run: (ctx) =>
      ctx.step(
        "slow",
        ({ attempt, signal }) => {
          if (attempt === 3) return "done";
          return new Promise(() =>
            signal.addEventListener("abort", () => seen.push((signal.reason as { code: string }).code)),
          );
        },
        { timeout: "20ms", retry: soon },
      ),
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  expect(await world.forge.workflows.wait(id)).toMatchObject({ output: "done", steps: [{ attempt: 3 }] });
  expect(seen).toEqual(["TIMEOUT", "TIMEOUT"]);
});

test("a step is repeated for the errors that retry.on names, and for no others; Dead ends it at once", async () => {
  const tries: Record<string, number> = {};
  const failing = (key: string, error: () => Error) => (): never => {
    tries[key] = (tries[key] ?? 0) + 1;
    throw error();
  };
  const named = { ...soon, maxAttempts: 3, on: ["TypeError"] };
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const names = [];
      for (const [key, error] of [
        ["type", () => new TypeError("t")],
        ["range", () => new RangeError("r")],
        ["dead", () => Dead("d")],
      ] as const) {
        const thrown = await ctx.step(key, failing(key, error), { retry: named }).catch((caught: unknown) => caught);
        names.push((thrown as { errorName: string }).errorName);
      }
      return names;
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  expect(await world.forge.workflows.wait(id)).toMatchObject({ output: ["TypeError", "RangeError", "Dead"] });
  expect(tries).toEqual({ type: 3, range: 1, dead: 1 });
});

test("what a step's PublicError says leaves the server when the run fails by it, also after a restart", async () => {
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const error = await ctx
        .step("charge", () => Promise.reject(new PublicError("Your card was declined.")), { retry: false })
        .catch((thrown: unknown) => thrown);
      await ctx.waitForEvent("go");
      throw error;
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  await world.untilWaiting(id);
  await world.restart();
  await world.forge.workflows.signal(id, "go");
  const run = await world.forge.workflows.wait(id);
  expect(run).toMatchObject({ status: "failed", publicError: "Your card was declined." });
});

test("Dead thrown by a run fails it, and it is no dead letter", async () => {
  const work = defineWorkflow("work", { run: () => Promise.reject(Dead("hopeless")) });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  expect(await world.forge.workflows.wait(id)).toMatchObject({
    status: "failed",
    error: expect.stringContaining("hopeless"),
  });
  expect((await world.forge.jobs.deadLetters()).jobs).toEqual([]);
});

test("a step may return nothing; what JSON cannot hold, or is too large, fails it without another attempt", async () => {
  let tries = 0;
  const work = defineWorkflow("work", {
    run: async (ctx) => {
      const nothing = await ctx.step("nothing", () => {});
      const failures = [];
      for (const value of [1n, "x".repeat(2 * 1024 * 1024)]) {
        const error = await ctx
          .step("bad", () => {
            tries++;
            return value;
          })
          .catch((thrown: unknown) => thrown);
        failures.push((error as Error).message);
      }
      return { nothing: nothing ?? null, failures };
    },
  });
  await using world = await openRuns(open(), { workflows: [work] });
  const id = await world.forge.startWorkflow(work, {});
  const run = await world.forge.workflows.wait(id);
  expect(run).toMatchObject({
    status: "completed",
    output: { nothing: null, failures: [expect.stringContaining("bigint"), expect.stringContaining("2097154 bytes")] },
  });
  expect(tries).toBe(2);
});

test("an output that its schema or JSON refuses fails the run, and undoes it", async () => {
  const undone: unknown[] = [];
  const refusing = {
    "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [{ message: "not that" }] }) },
  } as const;
  const kinds = {
    refused: defineWorkflow("refused", {
      output: refusing,
      run: (ctx) => ctx.step("done", () => 1, { compensate: (n) => void undone.push(n) }),
    }),
    bigint: defineWorkflow("bigint", {
      run: async (ctx) => {
        await ctx.step("done", () => 2, { compensate: (n) => void undone.push(n) });
        return 1n;
      },
    }),
  };
  await using world = await openRuns(open(), { workflows: Object.values(kinds), replays: false });
  for (const workflow of Object.values(kinds)) {
    const id = await world.forge.startWorkflow(workflow, {});
    expect(await world.forge.workflows.wait(id)).toMatchObject({
      status: "compensated",
      error: expect.stringContaining("OUTPUT_INVALID"),
    });
  }
  expect(undone).toEqual([1, 2]);
});
