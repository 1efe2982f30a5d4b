import { type CronDefinition, defineCron } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { Ticker } from "../../src/cron/ticker.ts";
import type { CronVerbs, Store } from "../../src/store.ts";
import { sqliteDatabase } from "../support/stores.ts";
import { type LogLine, recordingLogger } from "../support/world.ts";
import { cronWorld, HOUR_MS, hourly } from "./cron-world.ts";

interface Running {
  readonly logs: LogLine[];
  /** How far this process's monotonic clock is ahead. */
  readonly watch: { aheadMs: number };
  /** How often it has looked at its rows. */
  readonly looks: () => number;
  [Symbol.asyncDispose](): Promise<void>;
}

async function startTicker({ crons, changes }: Store, ...definitions: CronDefinition[]): Promise<Running> {
  const logs: LogLine[] = [];
  const watch = { aheadMs: 0 };
  let looks = 0;
  const counted: CronVerbs = { ...crons, read: (args) => (looks++, crons.read(args)) };
  const now = (): number => performance.now() + watch.aheadMs;
  const onMade = async (): Promise<void> => {};
  const ticker = new Ticker({
    crons: counted,
    changes,
    definitions,
    onMade,
    log: recordingLogger(logs),
    random: Math.random,
    now,
  });
  await ticker.register();
  ticker.start();
  return { logs, watch, looks: () => looks, [Symbol.asyncDispose]: () => ticker.stop() };
}

test("what nobody has any more is taken over by a version that still runs, with the ticks since", async () => {
  await using world = await cronWorld(sqliteDatabase);
  const { crons, jobs } = world.store;
  await using old = await startTicker(world.store, hourly().cron);
  // A new version that registers, and is gone at once.
  const after = hourly({ expression: "30 * * * *" }).cron;
  await crons.register({ crons: [after], takeOver: false });
  const hour = world.toNextHour();
  const hashNow = async (): Promise<string | undefined> => (await crons.read({ names: null })).crons[0]?.hash;
  // The old one has to see for half a minute, by its own watch, that nobody is there.
  await until(() => old.looks() >= 3, { what: "the old one to look several times" });
  expect(await hashNow()).toBe(after.hash);
  old.watch.aheadMs += 31_000;
  await world.decided(hour);
  expect(await hashNow()).toBe(hourly().cron.hash);
  expect(
    (await jobs.list({ type: "cron:hourly", limit: 10 })).map(({ input }) => JSON.parse(input) as unknown),
  ).toMatchObject([{ scheduledTime: new Date(hour).toISOString(), isCatchUp: false }]);
});

test("a version that is there is not taken over, however long ago the other registered", async () => {
  await using world = await cronWorld(sqliteDatabase);
  const { crons } = world.store;
  await using old = await startTicker(world.store, hourly().cron);
  const after = hourly({ expression: "30 * * * *" }).cron;
  await using young = await startTicker(world.openStore(), after);
  for (let n = 0; n < 4; n++) {
    world.clock.offsetMs += 11_000;
    for (const { watch } of [old, young]) watch.aheadMs += 11_000;
    const seen = (await crons.read({ names: null })).now;
    const isSeen = async (): Promise<boolean> => (await crons.read({ names: null })).crons[0]!.seenAt >= seen;
    await until(isSeen, { what: "the new one to say that it is there" });
  }
  expect((await crons.read({ names: null })).crons[0]?.hash).toBe(after.hash);
});

test("a row that somebody deleted is registered again", async () => {
  await using world = await cronWorld(sqliteDatabase);
  await using ticker = await startTicker(world.store, hourly().cron);
  await world.database.query("DELETE FROM forge_crons");
  await until(async () => (await world.store.crons.read({ names: null })).crons.length === 1, { what: "the row" });
  expect(ticker.logs).toEqual([]);
});

test("a store that does not answer is said once, and the tick is made when it does again", async () => {
  await using world = await cronWorld(sqliteDatabase);
  const { jobs } = world.store;
  await using ticker = await startTicker(world.store, hourly().cron);
  await world.database.query("ALTER TABLE forge_crons RENAME TO away");
  const warnings = (): LogLine[] => ticker.logs.filter(({ level }) => level === "warn");
  await until(() => warnings().length > 0, { what: "the warning" });
  world.toNextHour();
  await world.database.query("ALTER TABLE away RENAME TO forge_crons");
  await until(async () => (await jobs.list({ limit: 10 })).length === 1, { what: "the tick" });
  expect(warnings()).toHaveLength(1);
});

test("one cron's trouble does not hold up the others", async () => {
  await using world = await cronWorld(sqliteDatabase);
  const { jobs } = world.store;
  await using ticker = await startTicker(world.store, hourly({ name: "bad" }).cron, hourly({ name: "good" }).cron);
  await world.database.query(
    "CREATE TRIGGER no_bad BEFORE UPDATE OF turn ON forge_crons WHEN NEW.name = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END",
  );
  const hour = world.toNextHour();
  await world.decided(hour, "good");
  await until(() => ticker.logs.some(({ fields }) => fields["cron"] === "bad"), { what: "the warning" });
  expect((await jobs.list({ limit: 10 })).map(({ type }) => type)).toEqual(["cron:good"]);
  await world.database.query("DROP TRIGGER no_bad");
  await world.decided(hour, "bad");
});

test("missed ticks that wait begin as soon as the job before them ends", async () => {
  await using world = await cronWorld(sqliteDatabase);
  const { crons, jobs, workers } = world.store;
  const { cron } = hourly({ catchUp: true });
  await crons.register({ crons: [cron], takeOver: false });
  world.clock.offsetMs += 5 * HOUR_MS;
  world.toNextHour(HOUR_MS / 2);
  const workerId = "0190a5c2-0000-7000-8000-000000000001";
  const process = { host: "h", bootId: "b", pidNamespace: "n", pid: 1, processStart: "1" };
  await workers.register({ workerId, leaseMs: HOUR_MS, process });
  await using ticker = await startTicker(world.store, cron);
  const outcome = { kind: "completed", output: null } as const;
  const runOne = async (): Promise<boolean> => {
    const claim = { workerId, queue: "default", types: ["cron:hourly"], limit: 1, oldestFirst: false };
    const [job] = await jobs.claim(claim);
    if (job === undefined) return false;
    const says = { started: true, progress: undefined, message: undefined, outcome };
    await jobs.update({ updates: [{ id: job.id, claimNo: job.claimNo, ...says }] });
    return true;
  };
  const startedAt = performance.now();
  for (let n = 0; n < 6; n++) await until(runOne, { what: `run ${n}`, every: 5 });
  // By itself it looks once a second.
  expect(ticker.looks()).toBeGreaterThan((performance.now() - startedAt) / 1_000 + 3);
});

test("ticks that are passed over are logged", async () => {
  await using world = await cronWorld(sqliteDatabase);
  await using ticker = await startTicker(world.store, hourly().cron);
  const hour = world.toNextHour(HOUR_MS / 2);
  await world.decided(hour);
  await until(() => ticker.logs.length > 0, { what: "the line" });
  expect(ticker.logs).toMatchObject([{ level: "info", fields: { scheduledTime: new Date(hour).toISOString() } }]);
});

test("a tick made while the database's clock is set back is not made again", async () => {
  await using world = await cronWorld(sqliteDatabase);
  const { jobs } = world.store;
  const seconds = defineCron("* * * * * *", { name: "seconds", overlap: "allow", run: () => {} });
  await using ticker = await startTicker(world.store, seconds);
  const count = async (): Promise<number> => (await jobs.list({ limit: 1_000 })).length;
  await until(async () => (await count()) >= 2, { what: "two ticks" });
  world.clock.offsetMs -= 3_000;
  const before = await count();
  await until(async () => (await count()) >= before + 2, { what: "two ticks more", within: 15_000 });
  const ticks = (await jobs.list({ limit: 1_000 })).map(
    ({ input }) => (JSON.parse(input) as { scheduledTime: string }).scheduledTime,
  );
  expect(new Set(ticks).size).toBe(ticks.length);
  expect(ticker.logs.filter(({ level }) => level === "warn")).toEqual([]);
});
