import { createForge, defineJob, type Forge, type ForgeOptions, type Resources } from "@forge-jobs/core";
import { describe, expect, inject, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { amountsOf, hostAmounts } from "../src/resources.ts";
import { gate } from "./support/world.ts";
import { type Address, openStore, postgresDatabase, sqliteDatabase, type TestDatabase } from "./support/stores.ts";

test.each<[Resources, ReturnType<typeof amountsOf>]>([
  [{}, { cpu: null, memory: null }],
  [{ cpu: 4 }, { cpu: 4_000, memory: null }],
  [{ cpu: 0.5 }, { cpu: 500, memory: null }],
  [{ cpu: "500m" }, { cpu: 500, memory: null }],
  [{ cpu: "2" }, { cpu: 2_000, memory: null }],
  [{ cpu: "0.1" }, { cpu: 100, memory: null }],
  [{ memory: 1_000 }, { cpu: null, memory: 1_000 }],
  [{ memory: 2 ** 45 }, { cpu: null, memory: 2 ** 45 }],
  [{ memory: "1024" }, { cpu: null, memory: 1_024 }],
  [{ memory: "8Gi" }, { cpu: null, memory: 8 * 2 ** 30 }],
  [{ memory: "1.5Mi" }, { cpu: null, memory: 1.5 * 2 ** 20 }],
  [{ memory: "64Ki" }, { cpu: null, memory: 65_536 }],
  [{ memory: "2G" }, { cpu: null, memory: 2e9 }],
  [{ memory: "3M" }, { cpu: null, memory: 3e6 }],
  [{ memory: "5k" }, { cpu: null, memory: 5_000 }],
])("%j is understood", (resources, amounts) => {
  expect(amountsOf("resources", resources)).toEqual(amounts);
});

test.each<[object, RegExp]>([
  [{ cpu: 0 }, /resources.cpu must be cores, such as 4, 0.5 or "500m", and at least a thousandth; got 0/],
  [{ cpu: -1 }, /got -1/],
  [{ cpu: Number.NaN }, /resources.cpu must be cores/],
  [{ cpu: Infinity }, /resources.cpu must be cores/],
  [{ cpu: 1e300 }, /resources.cpu must be cores/],
  [{ cpu: "4 cores" }, /got "4 cores"/],
  [{ cpu: "" }, /got ""/],
  [{ memory: "8GB" }, /resources.memory must be bytes, or text with a unit .* got "8GB"/],
  [{ memory: "8gi" }, /got "8gi"/],
  [{ memory: null }, /got null/],
  [{ memory: "0" }, /got "0"/],
  [{ disk: 1 }, /resources has no option "disk"/],
])("%j is refused", (resources, message) => {
  expect(() => amountsOf("resources", resources)).toThrow(expect.objectContaining({ code: "BAD_REQUEST" }));
  expect(() => amountsOf("resources", resources)).toThrow(message);
});

test("this machine has something to offer", () => {
  const { cpu, memory } = hostAmounts();
  expect(cpu).toBeGreaterThanOrEqual(1_000);
  expect(memory).toBeGreaterThan(2 ** 20);
});

test("bad requirements are refused with what is wrong", () => {
  const run = (): void => {};
  expect(() => defineJob("x", { requires: "media" as never, run })).toThrow(/requires of x must be a list of names/);
  expect(() => defineJob("x", { requires: ["a b"], run })).toThrow(/A name in requires of x must begin with a letter/);
  expect(() => defineJob("x", { resources: { cpu: "4c" }, run })).toThrow(/resources of x.cpu must be cores/);
});

async function engine(
  address: Address,
  options: Omit<ForgeOptions, "store" | "logger">,
): Promise<Forge & AsyncDisposable> {
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  const forge = createForge({ ...options, store: openStore(address), logger: quiet });
  await forge.start();
  return { ...forge, [Symbol.asyncDispose]: () => forge.stop({ timeout: "0ms" }) };
}

const databases: [string, () => Promise<TestDatabase>][] = [
  ["SQLite", sqliteDatabase],
  ["PostgreSQL 18", () => postgresDatabase(inject("postgres")[18])],
];

describe.each(databases)("%s", (...[, open]) => {
  test("a job runs where its requirements are met; one without any runs anywhere", async () => {
    await using database = await open();
    const ran: string[] = [];
    const jobs = (where: string) => {
      const run = (ctx: { jobId: string }): void => void ran.push(`${where} ${ctx.jobId}`);
      return {
        plain: defineJob("plain", { run }),
        media: defineJob("media", { requires: ["media"], run }),
        both: defineJob("both", { requires: ["media", "gpu"], run }),
        big: defineJob("big", { resources: { memory: "8Gi" }, run }),
      };
    };
    const [here, there] = [jobs("here"), jobs("there")];
    await using one = await engine(database.address, {
      jobs: Object.values(here),
      worker: { resources: { cpu: 1, memory: "4Gi" } },
    });
    const ids = {
      plain: await one.dispatch(here.plain, {}),
      media: await one.dispatch(here.media, {}),
      both: await one.dispatch(here.both, {}),
      big: await one.dispatch(here.big, {}),
    };
    await one.jobs.wait(ids.plain);
    expect(ran).toEqual([`here ${ids.plain}`]);
    const unserved = async (): Promise<string[] | undefined> => (await one.queues.list())[0]?.unserved;
    expect(await unserved()).toEqual(["big", "both", "media"]);
    await using _ = await engine(database.address, {
      jobs: Object.values(there),
      worker: { capabilities: ["media"], resources: { cpu: 1, memory: "16Gi" } },
    });
    await Promise.all([one.jobs.wait(ids.media), one.jobs.wait(ids.big)]);
    expect(ran.slice(1).toSorted()).toEqual([`there ${ids.media}`, `there ${ids.big}`].toSorted());
    expect(await unserved()).toEqual(["both"]);
    expect(await one.jobs.get(ids.both)).toMatchObject({ status: "pending", attempts: 0 });
  });

  test("jobs run together only while their sum fits, and hold up none that need nothing", async () => {
    await using database = await open();
    let used = 0;
    let most = 0;
    let large = 0;
    const firstStarted = gate();
    const letGo = gate();
    const heavy = (name: string, cpu: number) =>
      defineJob(name, {
        resources: { cpu },
        run: async () => {
          used += cpu;
          most = Math.max(most, used);
          large++;
          firstStarted.open();
          await letGo.opened;
          used -= cpu;
        },
      });
    const [four, three] = [heavy("four", 4), heavy("three", 3)];
    const plain = defineJob("plain", { run: () => {} });
    await using worker = await engine(database.address, {
      jobs: [four, three, plain],
      worker: { queues: { default: 10, other: 10 }, resources: { cpu: 8 } },
    });
    await using dispatcher = await engine(database.address, { jobs: [four, three, plain], worker: false });
    const ids = [
      ...(await dispatcher.dispatchMany(
        four,
        Array.from({ length: 10 }, (__, n) => n),
      )),
      ...(await dispatcher.dispatchMany(
        three,
        Array.from({ length: 10 }, (__, n) => n),
      )),
      ...(await dispatcher.dispatchMany(
        four,
        Array.from({ length: 5 }, (__, n) => n),
        { queue: "other" },
      )),
      await worker.dispatch(four, "straight"),
    ];
    await firstStarted.opened;
    const plainIds = await dispatcher.dispatchMany(
      plain,
      Array.from({ length: 200 }, (__, n) => n),
    );
    for (const id of plainIds) expect(await dispatcher.jobs.wait(id)).toMatchObject({ status: "completed" });
    // Two that use more than half would not fit.
    expect(large).toBeLessThanOrEqual(2);
    letGo.open();
    for (const id of ids) expect(await dispatcher.jobs.wait(id)).toMatchObject({ status: "completed", attempts: 1 });
    expect(most).toBeLessThanOrEqual(8);
    expect(most).toBeGreaterThanOrEqual(6);
    expect(large).toBe(ids.length);
  });

  test("what a handler used is free again when it is cancelled, fails or is given back", async () => {
    await using database = await open();
    const started: string[] = [];
    const whole = defineJob("whole", {
      resources: { memory: "1Gi" },
      retry: false,
      run: async (ctx, input: unknown) => {
        started.push(ctx.jobId);
        if (input === "fail") throw new Error("no");
        if (input === "ok") return;
        await new Promise((__, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
      },
    });
    await using worker = await engine(database.address, { jobs: [whole], worker: { resources: { memory: "1Gi" } } });
    const [hangs, fails, ok] = await worker.dispatchMany(whole, ["hang", "fail", "ok"]);
    await until(() => started.length === 1, { what: "the first to start" });
    expect(started).toEqual([hangs]);
    await worker.queues.pause("default");
    await worker.jobs.cancel(hangs!);
    await worker.jobs.wait(hangs!);
    await worker.queues.resume("default");
    expect(await worker.jobs.wait(fails!)).toMatchObject({ status: "failed" });
    expect(await worker.jobs.wait(ok!)).toMatchObject({ status: "completed" });
  });
});
