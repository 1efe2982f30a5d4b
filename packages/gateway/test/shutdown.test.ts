import { expect, test } from "vitest";
import { puppet } from "./support/puppet.ts";
import { stalledReader } from "./support/stalled-reader.ts";
import { openWorld } from "./support/world.ts";

test("closing tells every stream when to come back, each at another time, and ends it", async () => {
  await using world = await openWorld({ timings: { spreadMs: 5_000 } });
  const streams = await Promise.all(Array.from({ length: 20 }, () => world.stream()));
  await world.app.close();
  const goodbyes = await Promise.all(streams.map((stream) => stream.next("goaway")));
  await Promise.all(streams.map(({ ended }) => ended));
  expect(new Set(goodbyes.map(({ reason }) => reason))).toEqual(new Set(["shutdown"]));
  const delays = goodbyes.map(({ retryMs }) => retryMs);
  expect(new Set(delays).size).toBeGreaterThan(10);
  expect(Math.max(...delays)).toBeLessThanOrEqual(5_000);
});

test("closing does not wait for a reader that has stopped reading", async () => {
  const work = puppet();
  await using world = await openWorld({
    jobs: [work.job],
    worker: { queues: { default: 50 } },
    gateway: { heartbeat: "150ms" },
    timings: { endMs: 200 },
  });
  const reader = await stalledReader(world, work, 50);
  await reader.fill();
  await world.app.close();
  reader.socket.destroy();
});

test("a stream that is being opened while the server closes is told so", async () => {
  const work = puppet();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<boolean>();
  await using world = await openWorld({
    jobs: [work.job],
    worker: false,
    gateway: {
      authorize: () => {
        asked.resolve();
        return answer.promise;
      },
    },
  });
  const jobId = await world.forge.dispatch(work.job, null);
  const opening = world.call(`/events?v=1&job=${jobId}`);
  await asked.promise;
  const closing = world.app.close();
  await expect.poll(() => world.app.forgeGateway.stats().sessions).toBe(0);
  answer.resolve(true);
  expect(await opening).toMatchObject({
    status: 503,
    result: { error: { code: "UNAVAILABLE", retryAfterMs: expect.any(Number) } },
  });
  await closing;
});
