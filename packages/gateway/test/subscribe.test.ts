import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { StatesData } from "@forge-jobs/protocol";
import { puppet } from "./support/puppet.ts";
import type { Stream } from "./support/stream.ts";
import { openWorld } from "./support/world.ts";

const proofOf = ({ connected: { sessionId, sessionSecret } }: Stream) => ({ sessionId, sessionSecret });

test("subscribe answers what the client lacks, and the stream acknowledges it", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  const stream = await world.stream();
  const [first, second] = await Promise.all([1, 2].map(() => world.forge.dispatch(work.job, null)));
  const runs = await Promise.all([first!, second!].map((id) => work.run(id)));
  await expect.poll(async () => (await world.forge.jobs.list({ status: "running" })).jobs.length).toBe(2);
  const { revision } = (await world.call(`/jobs/${first}`)).data as { revision: number };

  const body = { ...proofOf(stream), n: 7, add: [{ id: first, revision }, { id: second }], remove: [] };
  const { states } = (await world.call("/subscribe", { body })).data as StatesData;
  expect(states).toMatchObject([{ jobId: second, status: "running" }]);
  expect(await stream.next("subscribed")).toEqual({ n: 7 });
  expect(stream.states(second!)).toEqual([]);

  for (const run of runs) run.finish();
  await stream.next("job", ({ jobId, status }) => jobId === first && status === "completed");
});

test("a repeated subscribe answers the same again and is acknowledged again", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  const stream = await world.stream();
  const id = await world.forge.dispatch(work.job, null);
  await work.run(id);
  await expect.poll(async () => (await world.forge.jobs.get(id))?.status).toBe("running");
  const body = { ...proofOf(stream), n: 1, add: [{ id }], remove: [] };
  const [once, again] = [await world.call("/subscribe", { body }), await world.call("/subscribe", { body })];
  expect(again.data).toEqual(once.data);
  await stream.next("subscribed");
  expect(await stream.next("subscribed")).toEqual({ n: 1 });
  expect(world.app.forgeGateway.stats().watchedJobs).toBe(1);
});

test("what is removed is not told about any more", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  const [kept, dropped] = await Promise.all([1, 2].map(() => world.forge.dispatch(work.job, null)));
  const runs = await Promise.all([dropped!, kept!].map((id) => work.run(id)));
  const stream = await world.stream(`/events?v=1&job=${kept}&job=${dropped}`);
  await world.call("/subscribe", { body: { ...proofOf(stream), n: 1, add: [], remove: [dropped, randomUUID()] } });
  for (const run of runs) run.finish();
  await stream.next("job", ({ jobId, status }) => jobId === kept && status === "completed");
  expect(stream.states(dropped!).map(({ status }) => status)).not.toContain("completed");
  expect(world.app.forgeGateway.stats().watchedJobs).toBe(1);
});

test("a job that was subscribed to under two names goes with the second", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  const stream = await world.stream();
  const jobId = await world.forge.dispatch(work.job, null);
  const send = (path: string, subscriptionId: string) =>
    world.call(path, { body: { ...proofOf(stream), jobId, subscriptionId } });
  expect((await send("/subscribe-job", "panel")).data).toMatchObject({ jobId });
  await send("/subscribe-job", "toast");
  await send("/unsubscribe", "panel");
  await send("/unsubscribe", "panel");
  expect(world.app.forgeGateway.stats().watchedJobs).toBe(1);
  await send("/unsubscribe", "toast");
  expect(world.app.forgeGateway.stats().watchedJobs).toBe(0);
});

test("subscribing to an unknown job answers not_found", async () => {
  await using world = await openWorld();
  const stream = await world.stream();
  const jobId = randomUUID();
  const { status, data } = await world.call("/subscribe-job", { body: { ...proofOf(stream), jobId } });
  expect([status, data]).toMatchObject([200, { jobId, status: "not_found", revision: 0 }]);
});

test("poll answers what moved, and nothing else", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  const [moved, still] = await Promise.all([1, 2].map(() => world.forge.dispatch(work.job, null)));
  await Promise.all([moved!, still!].map((id) => work.run(id)));
  await expect.poll(async () => (await world.forge.jobs.list({ status: "running" })).jobs.length).toBe(2);
  const { revision } = (await world.call(`/jobs/${still}`)).data as { revision: number };
  const unknown = randomUUID();
  const watch = [
    { id: moved, revision: 1 },
    { id: still, revision },
    { id: unknown, revision: 0 },
  ];
  const { states } = (await world.call("/poll", { body: { watch } })).data as StatesData;
  expect(states).toMatchObject([
    { jobId: moved, status: "running" },
    { jobId: unknown, status: "not_found" },
  ]);
});

test("cancel and retry answer the new state", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], worker: false });
  const jobId = await world.forge.dispatch(work.job, null);
  const cancelled = await world.call(`/jobs/${jobId}/cancel`, { method: "POST" });
  expect(cancelled.data).toMatchObject({ jobId, status: "cancelled", error: "cancelled by user" });
  const retried = await world.call(`/jobs/${jobId}/retry`, { body: {} });
  expect(retried.data).toMatchObject({ jobId, status: "pending", error: null });
  const again = await world.call(`/jobs/${jobId}/retry`, { body: {} });
  expect([again.status, again.result]).toMatchObject([409, { error: { code: "CONFLICT" } }]);
});
