import { createForge, defineJob, type Forge, type ForgeOptions, JobAborted, type Store } from "@forge-jobs/core";
import { describe, expect, inject, test } from "vitest";
import { z } from "zod";
import { until } from "../../../test/support/until.ts";
import { openStore, postgresDatabase, sqliteDatabase, type TestDatabase } from "./support/stores.ts";
import { beginIn, type UsersTransaction } from "./support/users-transaction.ts";
import { gate, type LogLine, recordingLogger } from "./support/world.ts";

interface World extends AsyncDisposable {
  readonly forge: Forge;
  readonly database: TestDatabase;
  readonly logs: LogLine[];
  readonly begin: () => Promise<UsersTransaction>;
  /** Commits what `work` did, or rolls it back and throws what it threw. */
  readonly transaction: (work: (open: UsersTransaction) => Promise<void>) => Promise<void>;
  /** How many rows the application's transactions wrote. */
  readonly written: () => Promise<number>;
  /** How often this process renewed its lease. */
  readonly beats: () => number;
}

async function openWorld(
  opened: Promise<TestDatabase>,
  options: (world: Pick<World, "begin" | "transaction" | "database">) => Omit<ForgeOptions, "store" | "logger">,
): Promise<World> {
  const database = await opened;
  await database.query("CREATE TABLE effects (n int)");
  const begin = (): Promise<UsersTransaction> => beginIn(database.address);
  const transaction: World["transaction"] = async (work) => {
    const open = await begin();
    try {
      await work(open);
    } catch (error) {
      await open.rollback();
      throw error;
    }
    await open.commit();
  };
  let beats = 0;
  const store = openStore(database.address);
  const beat: Store["workers"]["beat"] = async (args) => {
    const answer = await store.workers.beat(args);
    beats++;
    return answer;
  };
  const logs: LogLine[] = [];
  const forge = createForge({
    ...options({ begin, transaction, database }),
    store: { ...store, workers: { ...store.workers, beat } },
    logger: recordingLogger(logs),
  });
  await forge.start();
  return {
    forge,
    database,
    logs,
    begin,
    transaction,
    written: async () => (await database.query("SELECT n FROM effects")).length,
    beats: () => beats,
    [Symbol.asyncDispose]: async () => {
      await forge.stop({ timeout: "0ms" });
      await database[Symbol.asyncDispose]();
    },
  };
}

const DATABASES: Readonly<Record<string, () => Promise<TestDatabase>>> = {
  SQLite: sqliteDatabase,
  PostgreSQL: () => postgresDatabase(inject("postgres")[18]),
};
const soon = { baseDelay: "1ms", maxBackoff: "2ms" } as const;

for (const [name, open] of Object.entries(DATABASES)) {
  describe(`on ${name}`, () => {
    test("a job completes with its transaction, with the output given there and not the one returned", async () => {
      await using world = await openWorld(open(), ({ transaction }) => ({
        jobs: [
          defineJob("work", {
            output: z.object({ n: z.number().transform(String) }),
            run: async (ctx) => {
              await transaction(async ({ tx, write }) => {
                await write();
                await ctx.settleIn(tx, { n: 7 });
              });
              return { n: 8 };
            },
          }),
        ],
      }));
      const { id } = await world.forge.dispatchNamed("work", {}, { owner: null });
      expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", output: { n: "7" }, attempts: 1 });
      await world.forge.stop();
      expect(await world.written()).toBe(1);
      expect(world.logs.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
    });

    test("what a handler throws after the commit is logged and settles nothing", async () => {
      await using world = await openWorld(open(), ({ transaction }) => ({
        jobs: [
          defineJob("work", {
            run: async (ctx) => {
              await transaction(async ({ tx, write }) => {
                await write();
                await ctx.settleIn(tx, "done");
              });
              throw new Error("too late");
            },
          }),
        ],
      }));
      const { id } = await world.forge.dispatchNamed("work", {}, { owner: null });
      await world.forge.jobs.wait(id);
      const line = await until(() => world.logs.find(({ level }) => level === "warn"), { what: "the warning" });
      expect(line).toMatchObject({ fields: { jobId: id, cause: new Error("too late") } });
      expect(await world.forge.jobs.get(id)).toMatchObject({ status: "completed", output: "done", attempts: 1 });
      expect(world.logs.filter(({ message }) => message === "A run failed")).toEqual([]);
    });

    test("a transaction that rolls back leaves the job to its handler's throw, and the next run settles it", async () => {
      await using world = await openWorld(open(), ({ transaction }) => ({
        jobs: [
          defineJob("work", {
            retry: { maxAttempts: 2, ...soon },
            run: (ctx) =>
              transaction(async ({ tx, write }) => {
                await write();
                await ctx.settleIn(tx, ctx.attempt);
                if (ctx.attempt === 1) throw new Error("after all not");
              }),
          }),
        ],
      }));
      const { id } = await world.forge.dispatchNamed("work", {}, { owner: null });
      expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", output: 2, attempts: 2 });
      expect(await world.written()).toBe(1);
    });

    test("a handler that hides that its transaction rolled back does not complete its job", async () => {
      await using world = await openWorld(open(), ({ begin }) => ({
        jobs: [
          defineJob("work", {
            retry: false,
            run: async (ctx) => {
              const { tx, write, rollback } = await begin();
              await write();
              await ctx.settleIn(tx, "done");
              await rollback();
              return "done";
            },
          }),
        ],
      }));
      const { id } = await world.forge.dispatchNamed("work", {}, { owner: null });
      const job = await world.forge.jobs.wait(id);
      expect(job).toMatchObject({ status: "failed", output: null });
      expect(job.error).toContain("SettledInVain");
      expect(await world.written()).toBe(0);
    });

    test("a handler may return before its transaction ends, and the job goes with that", async () => {
      const ends: ("commit" | "rollback")[] = ["rollback", "commit"];
      const opened: UsersTransaction[] = [];
      await using world = await openWorld(open(), ({ begin }) => ({
        jobs: [
          defineJob("work", {
            retry: { maxAttempts: 2, ...soon },
            run: async (ctx) => {
              const transaction = await begin();
              await transaction.write();
              await ctx.settleIn(transaction.tx, ctx.attempt);
              opened.push(transaction);
            },
          }),
        ],
      }));
      const { id } = await world.forge.dispatchNamed("work", {}, { owner: null });
      for (const [n, end] of ends.entries()) {
        const transaction = await until(() => opened[n], { what: `run ${n + 1}` });
        expect((await world.forge.jobs.get(id))?.status).toMatch(/claimed|running/);
        await transaction[end]();
      }
      expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", output: 2, attempts: 2 });
      expect(await world.written()).toBe(1);
    });

    test("hooks hear that the job was performed and completed, after the commit", async () => {
      const heard: unknown[] = [];
      await using world = await openWorld(open(), ({ transaction }) => ({
        hooks: {
          afterPerform: ({ output }) => void heard.push(output),
          onError: ({ error }) => void heard.push(error),
          onStateChange: ({ status }) => void heard.push(status),
        },
        jobs: [
          defineJob("work", {
            run: async (ctx) => {
              await transaction(({ tx }) => ctx.settleIn(tx, "done"));
              throw new Error("too late");
            },
          }),
        ],
      }));
      await world.forge.dispatchNamed("work", {}, { owner: null });
      await until(() => heard.includes("completed"), { what: "the change to completed" });
      await world.forge.stop();
      // The start is told where it was written before the transaction.
      expect(heard.filter((word) => word !== "pending" && word !== "running")).toEqual(["done", "completed"]);
    });

    test("an output that its schema refuses fails the job without retry, and the transaction with it", async () => {
      await using world = await openWorld(open(), ({ transaction }) => ({
        jobs: [
          defineJob("work", {
            output: z.object({ n: z.number() }),
            run: async (ctx) => {
              await transaction(async ({ tx, write }) => {
                await write();
                await ctx.settleIn(tx, { n: "seven" });
              });
              return { n: 7 };
            },
          }),
        ],
      }));
      const { id } = await world.forge.dispatchNamed("work", {}, { owner: null });
      const job = await world.forge.jobs.wait(id);
      expect(job).toMatchObject({ status: "failed", attempts: 1 });
      expect(job.error).toContain("OUTPUT_INVALID");
      expect(await world.written()).toBe(0);
    });

    for (const says of ["something", "nothing"]) {
      test(`a handler that goes on after the commit and says ${says} is neither aborted nor heard`, async () => {
        const committed = gate<AbortSignal>();
        const leave = gate();
        await using world = await openWorld(open(), ({ transaction, database }) => ({
          worker: { lease: "500ms" },
          jobs: [
            defineJob("work", {
              run: async (ctx) => {
                const running = "SELECT id FROM forge_jobs WHERE status = 'running'";
                await until(async () => (await database.query(running)).length, { what: "the start to be written" });
                await transaction(({ tx }) => ctx.settleIn(tx, "done"));
                if (says === "something") ctx.progress(50, "tidying up");
                committed.open(ctx.signal);
                await leave.opened;
              },
            }),
          ],
        }));
        await world.forge.dispatchNamed("work", {}, { owner: null });
        const signal = await committed.opened;
        const beats = world.beats();
        await until(() => world.beats() >= beats + 3, { what: "three beats" });
        expect(signal.aborted).toBe(false);
        leave.open();
        await world.forge.stop();
        const jobs = "SELECT status, message, attempts FROM forge_jobs";
        expect(await world.database.query(jobs)).toEqual([{ status: "completed", message: null, attempts: 1 }]);
      });
    }

    test("a run that lost its job cannot settle it, so the transaction rolls back", async () => {
      const caught: unknown[] = [];
      await using world = await openWorld(open(), ({ transaction, database }) => ({
        worker: { lease: "500ms" },
        jobs: [
          defineJob("work", {
            run: async (ctx) => {
              // As another worker's claim does.
              if (caught.length === 0) await database.query("UPDATE forge_live SET claim_no = claim_no + 1");
              await transaction(async ({ tx, write }) => {
                await write();
                await ctx.settleIn(tx, "done");
              }).catch((error: unknown) => {
                caught.push(error, ctx.signal.aborted);
                throw error;
              });
            },
          }),
        ],
      }));
      const { id } = await world.forge.dispatchNamed("work", {}, { owner: null });
      // The row is marked as this worker's, which knows of no such claim: its beats give it back, and it runs again.
      expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", output: "done" });
      expect(caught).toEqual([expect.any(JobAborted), true]);
      expect(caught[0]).toMatchObject({ code: "LEASE_LOST" });
      expect(await world.written()).toBe(1);
    });

    test("a job that was asked to stop may still complete", async () => {
      const stop = gate();
      await using world = await openWorld(open(), ({ transaction }) => ({
        jobs: [
          defineJob("work", {
            run: async (ctx) => {
              ctx.signal.addEventListener("abort", () => stop.open());
              ctx.progress(1);
              await stop.opened;
              await transaction(({ tx }) => ctx.settleIn(tx, "done"));
            },
          }),
        ],
      }));
      const { id } = await world.forge.dispatchNamed("work", {}, { owner: null });
      await until(async () => (await world.forge.jobs.get(id))?.status === "running", { what: "the job to run" });
      await world.forge.jobs.cancel(id);
      expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", output: "done" });
    });

    test("a run settles once, and not after its end", async () => {
      let late: ((tx: unknown) => Promise<void>) | undefined;
      const caught: unknown[] = [];
      await using world = await openWorld(open(), ({ transaction }) => ({
        jobs: [
          defineJob("work", {
            run: async (ctx) => {
              late = ctx.settleIn;
              await transaction(async ({ tx }) => {
                await ctx.settleIn(tx, 1);
                await ctx.settleIn(tx, 2).catch((error: unknown) => caught.push(error));
              });
            },
          }),
        ],
      }));
      const { id } = await world.forge.dispatchNamed("work", {}, { owner: null });
      expect(await world.forge.jobs.wait(id)).toMatchObject({ status: "completed", output: 1 });
      await world.forge.stop();
      await late?.({}).catch((error: unknown) => caught.push(error));
      expect(caught).toMatchObject([{ code: "CONFLICT" }, { code: "CONFLICT" }]);
    });
  });
}
