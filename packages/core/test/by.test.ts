import { type ActOptions, type Forge, defineCron } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { openWorld } from "./support/world.ts";

const ID = "0193a4b2-7c1e-7000-8000-000000000000";
const nightly = defineCron("0 3 * * *", { name: "nightly", run: () => {} });

/** Every verb by which somebody changes what exists. */
const WRITES: Record<string, (forge: Forge, options: ActOptions) => Promise<unknown>> = {
  "jobs.cancel": ({ jobs }, options) => jobs.cancel(ID, options),
  "jobs.retry": ({ jobs }, options) => jobs.retry(ID, options),
  "jobs.retryAll": ({ jobs }, options) => jobs.retryAll(options),
  "jobs.discard": ({ jobs }, options) => jobs.discard(ID, options),
  "jobs.delete": ({ jobs }, options) => jobs.delete(ID, options),
  "queues.ensure": ({ queues }, options) => queues.ensure("media", options),
  "queues.configure": ({ queues }, options) => queues.configure("media", options),
  "queues.pause": ({ queues }, options) => queues.pause("media", options),
  "queues.resume": ({ queues }, options) => queues.resume("media", options),
  "workers.drain": ({ workers }, options) => workers.drain(ID, options),
  "rateLimits.configure": ({ rateLimits }, options) => rateLimits.configure("slack", { perHour: 1, ...options }),
  "crons.trigger": ({ crons }, options) => crons.trigger("nightly", options),
  "crons.pause": ({ crons }, options) => crons.pause("nightly", options),
  "crons.resume": ({ crons }, options) => crons.resume("nightly", options),
};

const READS = ["get", "list", "wait", "deadLetters", "states", "preview"];

test("every verb that changes something takes by, and refuses what is nobody's name before it changes anything", async () => {
  await using world = await openWorld({ jobs: [], crons: [nightly] });
  const { forge } = world;
  const before = await forge.crons.get("nightly");
  for (const subject of ["jobs", "queues", "workers", "rateLimits", "crons"] as const) {
    const writes = Object.keys(forge[subject]).filter((verb) => !READS.includes(verb));
    for (const verb of writes) expect(Object.keys(WRITES)).toContain(`${subject}.${verb}`);
  }
  for (const [name, write] of Object.entries(WRITES)) {
    for (const by of ["", "a\0b", "x".repeat(1_001), 7 as never]) {
      const refused = { code: "BAD_REQUEST", message: expect.stringContaining("by must be text") as string };
      await expect(write(forge, { by }), name).rejects.toMatchObject(refused);
    }
  }
  expect((await forge.queues.list()).map(({ name }) => name)).toEqual(["default"]);
  expect(await forge.rateLimits.list()).toEqual([]);
  expect(await forge.crons.get("nightly")).toEqual(before);
});

test("queues, workers, rate limits and crons tell who changed them", async () => {
  await using world = await openWorld({ jobs: [], crons: [nightly] });
  const { queues, workers, rateLimits, crons } = world.forge;
  const queue = async () => (await queues.list()).find(({ name }) => name === "media");
  const at = { changedAt: expect.any(Date) as Date };
  expect((await queues.list())[0]).toMatchObject({ name: "default", changedAt: null, changedBy: null, pausedBy: null });
  await queues.ensure("media", { concurrency: 3, by: "deploy 7" });
  expect(await queue()).toMatchObject({ concurrency: 3, changedBy: "deploy 7", pausedBy: null, ...at });
  await queues.pause("media", { by: "ada" });
  await queues.configure("media", { concurrency: 4, by: "bob" });
  await queues.ensure("media", { concurrency: 3, by: "deploy 8" });
  expect(await queue()).toMatchObject({ concurrency: 4, pausedBy: "ada", changedBy: "bob", ...at });
  await queues.resume("media", { by: "ada" });
  expect(await queue()).toMatchObject({ pausedAt: null, pausedBy: null, changedBy: "ada", ...at });
  await rateLimits.configure("slack", { perHour: 5, by: "ada" });
  await rateLimits.configure("slack", { perHour: 5, by: "bob" });
  expect(await rateLimits.get("slack")).toMatchObject({ changedBy: "ada", ...at });
  await crons.pause("nightly", { by: "ada" });
  expect(await crons.get("nightly")).toMatchObject({ pausedAt: expect.any(Date) as Date, changedBy: "ada", ...at });
  const [worker] = await workers.list();
  expect(worker).toMatchObject({ draining: false, drainingBy: null });
  await workers.drain(worker!.id, { by: "ada" });
  expect(await workers.list()).toMatchObject([{ draining: true, drainingBy: "ada" }]);
});
