import { defineJob } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { jobIn } from "../conformance/job-in.ts";
import { Retention } from "../src/maintenance/retain.ts";
import { Sweeper } from "../src/maintenance/sweep.ts";
import type { Store } from "../src/store.ts";
import { type LogLine, openWorld, recordingLogger } from "./support/world.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Place {
  readonly store: Store;
  readonly clock: { offsetMs: number };
  readonly mono: { ms: number };
  readonly logs: LogLine[];
  readonly retention: Retention;
  /** Moves all clocks on together. */
  readonly pass: (ms: number) => void;
  /** One sweep. */
  readonly sweep: () => Promise<void>;
  readonly count: () => Promise<number>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A store with clocks of the test's, and a retention over it. */
async function place(): Promise<Place> {
  const dir = await tempDir();
  const clock = { offsetMs: 0 };
  const mono = { ms: 0 };
  const host = { ms: Date.now() };
  const logs: LogLine[] = [];
  const store = sqliteStore(join(dir.path, "forge.db"), { clock });
  await store.migrate();
  const retention = new Retention({
    sweeps: store.sweeps,
    log: recordingLogger(logs),
    now: () => mono.ms,
    hostNow: () => host.ms,
    goesOn: async () => true,
  });
  return {
    store,
    clock,
    mono,
    logs,
    retention,
    pass: (ms) => {
      clock.offsetMs += ms;
      mono.ms += ms;
      host.ms += ms;
    },
    sweep: async () => {
      const { nowMs } = await store.sweeps.lead({ name: "test", holder: "test", leaseMs: HOUR_MS });
      await retention.sweep(nowMs);
    },
    count: async () => (await store.jobs.list({ limit: 1_000 })).length,
    [Symbol.asyncDispose]: async () => {
      await store.close();
      await dir.remove();
    },
  };
}

let made = 0;

/** So many cancelled jobs, whose ids tell that they were dispatched now by the store's clock. */
async function cancelled({ store, clock }: Place, count: number): Promise<string[]> {
  const time = (Date.now() + clock.offsetMs).toString(16).padStart(12, "0");
  const ids = Array.from({ length: count }, () => {
    const tail = (++made).toString(16).padStart(12, "0");
    return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${tail}`;
  });
  const row = { type: "t", queue: "default", priority: "normal", input: "{}", owner: null } as const;
  const rest = { maxAttempts: 1, due: { delayMs: 0 }, overrides: null, keys: [] } as const;
  await store.jobs.insert({ jobs: ids.map((id) => ({ id, ...row, ...rest })) });
  await store.jobs.cancel({ ids, reason: "r" });
  return ids;
}

test("jobs are deleted after their time, batch behind batch, and not before", async () => {
  await using here = await place();
  await cancelled(here, 600);
  await here.sweep();
  for (let hour = 0; hour < 7 * 24 - 1; hour++) {
    here.pass(HOUR_MS);
    if (hour % 24 === 0) await here.sweep();
  }
  await here.sweep();
  expect(await here.count()).toBe(600);
  here.pass(HOUR_MS);
  await here.sweep();
  expect(await here.count()).toBe(0);
  expect(here.logs).toEqual([]);
});

test("by default completed and cancelled jobs are kept for 7 days, failed and dead ones for 30", async () => {
  await using here = await place();
  const placed = await Promise.all(
    (["completed", "cancelled", "failed", "dead_letter"] as const).map((status) => jobIn(here.store, status)),
  );
  const left = async (): Promise<string[]> => {
    const jobs = await here.store.jobs.get({ ids: placed.map(({ id }) => id) });
    return jobs.map(({ status }) => status).toSorted();
  };
  here.pass(7 * DAY_MS - HOUR_MS);
  await here.sweep();
  expect(await left()).toEqual(["cancelled", "completed", "dead_letter", "failed"]);
  here.pass(2 * HOUR_MS);
  await here.sweep();
  expect(await left()).toEqual(["dead_letter", "failed"]);
  here.pass(23 * DAY_MS - 2 * HOUR_MS);
  await here.sweep();
  expect(await left()).toEqual(["dead_letter", "failed"]);
  here.pass(2 * HOUR_MS);
  await here.sweep();
  expect(await left()).toEqual([]);
});

test("a walk goes on where the one before stopped, and starts anew once an hour", async () => {
  await using here = await place();
  const looked: (string | undefined)[] = [];
  const retention = new Retention({
    sweeps: {
      ...here.store.sweeps,
      retain: (args) => {
        if (args.status === "cancelled") looked.push(args.after);
        return here.store.sweeps.retain(args);
      },
    },
    log: recordingLogger(here.logs),
    now: () => here.mono.ms,
    hostNow: () => Date.now() + here.clock.offsetMs,
    goesOn: async () => true,
  });
  const sweep = async (): Promise<void> => {
    const { nowMs } = await here.store.sweeps.lead({ name: "test", holder: "test", leaseMs: HOUR_MS });
    await retention.sweep(nowMs);
  };
  const ids = await cancelled(here, 300);
  here.pass(6.5 * DAY_MS);
  await sweep();
  expect(looked).toEqual([undefined, ids[249]]);
  looked.length = 0;
  here.pass(60_000);
  await sweep();
  expect(looked).toEqual([ids[249]]);
  looked.length = 0;
  here.pass(HOUR_MS);
  await sweep();
  expect(looked).toEqual([undefined, ids[249]]);
});

test("a clock that jumps ahead deletes nothing for an hour, so that it can be set right", async () => {
  await using here = await place();
  await cancelled(here, 3);
  await here.sweep();
  here.pass(60_000);
  here.clock.offsetMs += 365 * DAY_MS;
  await here.sweep();
  here.pass(59 * 60_000);
  await here.sweep();
  expect(await here.count()).toBe(3);
  expect(here.logs).toMatchObject([{ level: "warn", message: expect.stringContaining("clock") as string }]);
  // Nobody set it right: it is the time, then.
  here.pass(2 * 60_000);
  await here.sweep();
  expect(await here.count()).toBe(0);
});

test("a store whose clock is ahead of this host's when the process starts is not believed at once", async () => {
  await using here = await place();
  await cancelled(here, 1);
  here.clock.offsetMs += 365 * DAY_MS;
  await here.sweep();
  expect(await here.count()).toBe(1);
  expect(here.logs).toHaveLength(1);
});

test("one process of two sweeps, and the other takes over when it resigns", async () => {
  await using here = await place();
  const sweeps: string[] = [];
  const sweeper = (holder: string): Sweeper =>
    new Sweeper({
      sweeps: {
        ...here.store.sweeps,
        expiredKeys: (args) => {
          sweeps.push(holder);
          return here.store.sweeps.expiredKeys(args);
        },
      },
      holder,
      leaseMs: HOUR_MS,
      log: recordingLogger(here.logs),
      now: () => here.mono.ms,
      hostNow: () => Date.now(),
      isStopping: () => false,
    });
  const [a, b] = [sweeper("a"), sweeper("b")];
  await a.sweep();
  await b.sweep();
  await a.sweep();
  await b.resign();
  await b.sweep();
  expect(sweeps).toEqual(["a", "a"]);
  await a.resign();
  await b.sweep();
  expect(sweeps).toEqual(["a", "a", "b"]);
});

test("a definition says how long its jobs are kept and when they are dead", async () => {
  const brief = defineJob("brief", { retain: "1h", run: () => {} });
  const stubborn = defineJob("stubborn", {
    retry: false,
    deadLetter: false,
    run: () => {
      throw new Error("no");
    },
  });
  const quick = defineJob("quick", {
    retry: false,
    deadLetter: { after: "1m", retain: "1d" },
    run: () => {
      throw new Error("no");
    },
  });
  await using world = await openWorld({ jobs: [brief, stubborn, quick] });
  const { forge } = world;
  const ids = [
    await forge.dispatch(brief, null),
    await forge.dispatch(stubborn, null),
    await forge.dispatch(quick, null),
  ];
  for (const id of ids) await forge.jobs.wait(id);
  await using store = {
    other: sqliteStore(world.file, { clock: world.clock }),
    [Symbol.asyncDispose]: () => store.other.close(),
  };
  const statuses = async (): Promise<(string | undefined)[]> =>
    Promise.all(ids.map(async (id) => (await forge.jobs.get(id))?.status));
  world.clock.offsetMs += 61_000;
  await store.other.sweeps.deadLetter({ afterMs: HOUR_MS, limit: 10 });
  expect(await statuses()).toEqual(["completed", "failed", "dead_letter"]);
  world.clock.offsetMs += HOUR_MS;
  await store.other.sweeps.deadLetter({ afterMs: HOUR_MS, limit: 10 });
  await store.other.sweeps.expired({ limit: 10 });
  expect(await statuses()).toEqual([undefined, "failed", "dead_letter"]);
  world.clock.offsetMs += DAY_MS;
  await store.other.sweeps.expired({ limit: 10 });
  expect(await statuses()).toEqual([undefined, "failed", undefined]);
});

test("wrong times are refused where they are defined", () => {
  const run = (): void => {};
  const refused = expect.objectContaining({ code: "BAD_REQUEST" }) as Error;
  expect(() => defineJob("a", { run, retain: "soon" as never })).toThrow(refused);
  expect(() => defineJob("a", { run, retain: false as never })).toThrow(refused);
  expect(() => defineJob("a", { run, deadLetter: true as never })).toThrow(refused);
  expect(() => defineJob("a", { run, deadLetter: { before: "1h" } as never })).toThrow(refused);
  expect(() => defineJob("a", { run, deadLetter: { after: "31d" } })).toThrow(refused);
  expect(() => defineJob("a", { run, deadLetter: { after: "2h", retain: "1h" } })).toThrow(refused);
  expect(() => defineJob("a", { run, deadLetter: { after: "31d", retain: "forever" } })).not.toThrow();
});
