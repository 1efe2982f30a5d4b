import { defineJob } from "@forge-jobs/core";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { gate, openWorld } from "./support/world.ts";

test("a dispatch into an idle process starts its handler without a claim of its own", async () => {
  const quick = defineJob("quick", { run: (ctx) => ctx.attempt });
  await using world = await openWorld({ jobs: [quick] });
  // Once the loop's first claim has come back empty. Revision 2 is inserted as claimed, then completed; a claim of its own
  // would make it 3.
  const atOnce = async (): Promise<boolean> => {
    const job = await world.forge.jobs.wait(await world.forge.dispatch(quick, {}));
    expect(job).toMatchObject({ status: "completed", attempts: 1, output: 1 });
    return job.revision === 2;
  };
  await until(atOnce, { what: "a job to start at once" });
});

test("many dispatches at once never run more handlers than there are slots, and all run", async () => {
  let running = 0;
  let most = 0;
  const full = gate();
  const job = defineJob("job", {
    run: async () => {
      most = Math.max(most, ++running);
      if (running === 3) full.open();
      await full.opened;
      // What else would start has its turn.
      await nextTurn();
      running--;
    },
  });
  await using world = await openWorld({ jobs: [job], worker: { queues: { default: 3 } } });
  const ids = await Promise.all(Array.from({ length: 30 }, () => world.forge.dispatch(job, {})));
  for (const id of ids) expect((await world.forge.jobs.wait(id)).status).toBe("completed");
  expect(most).toBe(3);
});

test("a job with a key, a delay or no slot takes the ordinary way", async () => {
  const release = gate();
  const busy = defineJob("busy", { run: () => release.opened });
  const keyed = defineJob("keyed", { idempotent: true, run: () => {} });
  await using world = await openWorld({ jobs: [busy, keyed], worker: { queues: { default: 1 } } });
  const first = await world.forge.dispatch(busy, {});
  await until(async () => (await world.forge.jobs.get(first))?.status === "running", {
    what: "the only slot to be taken",
  });
  const second = await world.forge.dispatch(keyed, {});
  const third = await world.forge.dispatch(keyed, { n: 3 }, { delay: "1h" });
  expect((await world.forge.jobs.get(second))?.status).toBe("pending");
  release.open();
  expect((await world.forge.jobs.wait(second)).status).toBe("completed");
  expect((await world.forge.jobs.get(third))?.status).toBe("pending");
});
