import { createForge, defineJob, type Forge } from "@forge-jobs/core";
import { describe, expect, inject, test } from "vitest";
import { type Address, openStore, postgresDatabase, sqliteDatabase } from "./support/stores.ts";
import { recordingLogger } from "./support/world.ts";

const DATABASES = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
] as const;

const ENGINES = 5;
const DISPATCHERS = 50;
const ROUNDS = 8;

const keyed = defineJob("keyed", { idempotent: { key: ({ key }: { key: string }) => key }, run: () => {} });
const kept = defineJob("kept", { idempotent: { key: ({ key }: { key: string }) => key, for: "30d" }, run: () => {} });

const LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const PROCESS = { host: "h", bootId: "b", pidNamespace: "n", pid: 1, processStart: "s" };

/** Engines that only dispatch, as so many processes have them. */
async function openEngines(address: Address): Promise<{ engines: Forge[] } & AsyncDisposable> {
  const engines = Array.from({ length: ENGINES }, () =>
    createForge({ store: openStore(address), jobs: [keyed, kept], worker: false, logger: recordingLogger([]) }),
  );
  await Promise.all(engines.map((engine) => engine.start()));
  return {
    engines,
    [Symbol.asyncDispose]: async () => void (await Promise.all(engines.map((engine) => engine.stop()))),
  };
}

const dispatchers = (engines: readonly Forge[], key: string): Promise<string>[] =>
  Array.from({ length: DISPATCHERS }, async (_, n) => engines[n % ENGINES]!.dispatch(keyed, { key }));

for (const [name, open] of DATABASES) {
  describe(`on ${name}`, () => {
    test("fifty dispatchers of one key make one job, and all are answered its id", async () => {
      await using database = await open();
      await using fleet = await openEngines(database.address);
      for (let round = 0; round < ROUNDS; round++) {
        const ids = await Promise.all(dispatchers(fleet.engines, `key ${round}`));
        expect(new Set(ids).size).toBe(1);
      }
      expect((await fleet.engines[0]!.jobs.list()).jobs).toHaveLength(ROUNDS);
    });

    test("bulks with duplicates, each sorted otherwise, merge into one job a key and wedge on none", async () => {
      await using database = await open();
      await using fleet = await openEngines(database.address);
      const keys = Array.from({ length: 40 }, (_, n) => `key ${n % 10}`);
      const answers = await Promise.all(
        fleet.engines.map(async (engine, n) => {
          const mine = n % 2 === 0 ? keys : keys.toReversed();
          const ids = await engine.dispatchMany(
            keyed,
            mine.map((key) => ({ key })),
          );
          return mine.map((key, at) => [key, ids[at]] as const);
        }),
      );
      const holders = new Map<string, Set<string | undefined>>();
      for (const [key, id] of answers.flat()) holders.set(key, (holders.get(key) ?? new Set()).add(id));
      expect([...holders.values()].map(({ size }) => size)).toEqual(Array.from({ length: 10 }, () => 1));
      expect((await fleet.engines[0]!.jobs.list()).jobs).toHaveLength(10);
    });

    test("a person's retry against fifty dispatchers: one of them has the key, and the others are told", async () => {
      await using database = await open();
      await using fleet = await openEngines(database.address);
      const [operator] = fleet.engines as [Forge];
      for (let round = 0; round < ROUNDS; round++) {
        const key = `key ${round}`;
        const before = await operator.dispatch(keyed, { key });
        await operator.jobs.cancel(before);
        const [retried, ...ids] = await Promise.all([
          operator.jobs.retry(before).then(
            () => "retried",
            (error: { code: string }) => error.code,
          ),
          ...dispatchers(fleet.engines, key),
        ]);
        const answered = new Set(ids);
        expect(answered.size).toBe(1);
        expect(retried).toBe(answered.has(before) ? "retried" : "KEY_HELD");
        const waiting = (await operator.jobs.list({ status: "pending" })).jobs.filter(
          ({ input }) => (input as { key: string }).key === key,
        );
        expect(waiting.map(({ id }) => id)).toEqual([...answered]);
      }
    });

    test("holders that retention deletes meanwhile wedge nobody, and completed ones hold their keys on", async () => {
      await using database = await open();
      await using fleet = await openEngines(database.address);
      const store = openStore(database.address);
      await using _ = { [Symbol.asyncDispose]: () => store.close() };
      const [operator] = fleet.engines as [Forge];
      const sweep = async (): Promise<void> => {
        for (const status of ["cancelled", "completed"] as const) {
          await store.sweeps.retain({ status, olderThanMs: 0, upTo: LAST_ID, limit: 100 });
        }
      };
      await store.workers.register({ workerId: "w", leaseMs: 3_600_000, process: PROCESS });
      for (let round = 0; round < ROUNDS; round++) {
        const cancelled = await operator.dispatch(keyed, { key: `key ${round}` });
        await operator.jobs.cancel(cancelled);
        const completed = await operator.dispatch(kept, { key: `kept ${round}` });
        const claim = { workerId: "w", queue: "default", types: ["kept"], limit: 10, oldestFirst: false };
        const [run] = await store.jobs.claim(claim);
        const said = { started: true, progress: undefined, message: undefined };
        const outcome = { kind: "completed", output: null } as const;
        await store.jobs.update({ updates: [{ id: completed, claimNo: run!.claimNo, ...said, outcome }] });
        const [free, held] = await Promise.all([
          Promise.all(dispatchers(fleet.engines, `key ${round}`)),
          Promise.all(fleet.engines.map((engine) => engine.dispatch(kept, { key: `kept ${round}` }))),
          sweep(),
          sweep(),
        ]);
        expect(new Set(free).size).toBe(1);
        expect(free).not.toContain(cancelled);
        expect(await operator.jobs.get(free[0]!)).toMatchObject({ status: "pending" });
        expect(new Set(held)).toEqual(new Set([completed]));
        await sweep();
        expect(await operator.jobs.get(completed)).toBeNull();
        expect(await operator.dispatch(kept, { key: `kept ${round}` })).toBe(completed);
      }
    });

    test("fifty dispatchers that replace leave one job, with one dispatch's input", async () => {
      await using database = await open();
      await using fleet = await openEngines(database.address);
      const [operator] = fleet.engines as [Forge];
      for (let round = 0; round < ROUNDS; round++) {
        const key = `key ${round}`;
        const ids = await Promise.all(
          Array.from({ length: DISPATCHERS }, (_, n) =>
            fleet.engines[n % ENGINES]!.dispatch(keyed, { key, n } as { key: string }, { replace: true }),
          ),
        );
        expect(new Set(ids).size).toBe(1);
        const { input, status } = (await operator.jobs.get(ids[0]!))!;
        expect(status).toBe("pending");
        expect(input).toEqual({ key, n: expect.any(Number) as number });
      }
      expect((await operator.jobs.list()).jobs).toHaveLength(ROUNDS);
    });

    test("a holder that is deleted meanwhile wedges nobody: whoever comes next makes one job", async () => {
      await using database = await open();
      await using fleet = await openEngines(database.address);
      const [operator] = fleet.engines as [Forge];
      for (let round = 0; round < ROUNDS; round++) {
        const key = `key ${round}`;
        const before = await operator.dispatch(keyed, { key });
        await operator.jobs.cancel(before);
        const [, ...ids] = await Promise.all([operator.jobs.delete(before), ...dispatchers(fleet.engines, key)]);
        expect(new Set(ids).size).toBe(1);
        expect(ids).not.toContain(before);
        expect(await operator.jobs.get(before)).toBeNull();
        expect(await operator.jobs.get(ids[0]!)).toMatchObject({ status: "pending" });
      }
    });
  });
}
