import { createForge, defineJob, PublicError } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempDir } from "../../../test/support/temp-dir.ts";
import { until } from "../../../test/support/until.ts";
import { gate, openWorld } from "./support/world.ts";

test("stop ends although more handlers ignore their signal than there are slots", { timeout: 30_000 }, async () => {
  const release = gate();
  let started = 0;
  const deaf = defineJob("deaf", {
    timeout: "10ms",
    retry: { maxAttempts: 1 },
    run: () => {
      started++;
      return release.opened;
    },
  });
  await using world = await openWorld({ jobs: [deaf], worker: { queues: { default: 1 } } });
  await world.forge.dispatchMany(deaf, [1, 2]);
  await until(() => started === 2, { what: "both to be stuck" });
  await world.forge.stop({ timeout: "10ms" });
  release.open();
});

test("a dispatch under way when the engine stops leaves no claimed row behind", async () => {
  const idle = defineJob("idle", { run: () => {} });
  await using world = await openWorld({ jobs: [idle] });
  await world.forge.jobs.wait(await world.forge.dispatch(idle, {}));
  const dispatched = world.forge.dispatch(idle, {});
  await world.forge.stop();
  const id = await dispatched;
  await using after = await openWorld({ jobs: [idle], worker: false, file: world.file });
  expect(["pending", "completed"]).toContain((await after.forge.jobs.get(id))?.status);
});

test("start twice is one start, stop during start ends it, and start after stop is refused", async () => {
  const job = defineJob("job", { run: () => 1 });
  await using dir = await tempDir();
  const forge = createForge({ store: sqliteStore(join(dir.path, "a.db")), jobs: [job] });
  await Promise.all([forge.start(), forge.start()]);
  expect((await forge.jobs.wait(await forge.dispatch(job, {}))).output).toBe(1);
  await forge.stop();
  await expect(forge.start()).rejects.toMatchObject({ code: "CONFLICT" });
  const other = createForge({ store: sqliteStore(join(dir.path, "b.db")), jobs: [job] });
  const starting = other.start();
  await Promise.all([other.stop(), starting]);
});

test("a start that failed may be repeated", async () => {
  const job = defineJob("job", { run: () => 1 });
  await using dir = await tempDir();
  const file = join(dir.path, "sub", "forge.db");
  const forge = createForge({ store: sqliteStore(file), jobs: [job] });
  await expect(forge.start()).rejects.toThrow("sub");
  await mkdir(join(dir.path, "sub"));
  await forge.start();
  expect((await forge.jobs.wait(await forge.dispatch(job, {}))).output).toBe(1);
  await forge.stop();
});

test("heartbeats that nobody awaits, and a logger that throws, end neither the job nor the process", async () => {
  await using dir = await tempDir();
  const throwing = (): never => {
    throw new Error("disk full");
  };
  const beating = defineJob("beating", {
    timeout: "20ms",
    retry: { maxAttempts: 1 },
    run: async (ctx) => {
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
      for (let n = 0; n < 3; n++) void ctx.heartbeat();
      ctx.log.error("as it is");
      throw new Error("over");
    },
  });
  const forge = createForge({
    store: sqliteStore(join(dir.path, "forge.db")),
    jobs: [beating],
    logger: { debug: throwing, info: throwing, warn: throwing, error: throwing },
  });
  await forge.start();
  expect((await forge.jobs.wait(await forge.dispatch(beating, {}))).status).toBe("failed");
  await forge.stop();
});

test("errors with hostile getters and messages settle their jobs with a neutral sentence", async () => {
  const getter = new PublicError("x");
  Object.defineProperty(getter, "message", {
    get: () => {
      throw new Error("trap");
    },
  });
  const noText = new PublicError("x");
  Object.defineProperty(noText, "message", { value: Object.create(null) });
  let reads = 0;
  const second = Object.defineProperty(new Error("x"), "cause", {
    get: () => {
      if (++reads > 1) throw new Error("trap");
      return undefined;
    },
  });
  const thrown = [getter, noText, second];
  const job = defineJob("job", {
    retry: { maxAttempts: 1 },
    run: (_ctx, index: number) => Promise.reject(thrown[index]),
  });
  await using world = await openWorld({ jobs: [job] });
  for (const id of await world.forge.dispatchMany(job, [0, 1, 2])) {
    expect(await world.forge.jobs.wait(id)).toMatchObject({
      status: "failed",
      publicError: `The job failed (…${id.slice(-8)})`,
    });
  }
});
