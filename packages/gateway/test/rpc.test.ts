import { defineJob } from "@forge-jobs/core";
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { as, byHeader } from "./support/users.ts";
import { openWorld, type World } from "./support/world.ts";

const plain = defineJob("plain", { public: true, run: () => null });
const merged = defineJob("merged", { public: true, idempotent: true, run: () => null });
const byUser = { authenticate: byHeader };

const start = async (world: World, name: string, body: object, user?: string) =>
  world.call(`/rpc/${name}`, { body, ...(user !== undefined && as(user)) });

test("a repeated requestId answers the same job, for its principal only", async () => {
  await using world = await openWorld({ jobs: [plain], worker: false, gateway: byUser });
  const requestId = randomUUID();
  const first = await start(world, "plain", { args: 1, requestId }, "ana");
  const again = await start(world, "plain", { args: 1, requestId }, "ana");
  expect(again.data).toEqual(first.data);
  const other = await start(world, "plain", { args: 1, requestId }, "bob");
  expect(other.data).not.toEqual(first.data);
  const without = await start(world, "plain", { args: 1 }, "ana");
  expect(without.data).not.toEqual(first.data);
  expect((await world.forge.jobs.list()).jobs).toHaveLength(3);
});

test("the job's own idempotency applies besides the requestId", async () => {
  await using world = await openWorld({ jobs: [merged], worker: false, gateway: byUser });
  const first = await start(world, "merged", { args: { a: 1, b: 2 }, requestId: randomUUID() }, "ana");
  const second = await start(world, "merged", { args: { b: 2, a: 1 }, requestId: randomUUID() }, "ana");
  expect(second.data).toEqual(first.data);
});

test("a job belongs to whoever dispatched it", async () => {
  await using world = await openWorld({ jobs: [plain], worker: false, gateway: byUser });
  const mine = (await start(world, "plain", { args: 1 }, "ana")).data as { jobId: string };
  const nobodys = (await start(world, "plain", { args: 1 })).data as { jobId: string };
  expect(await world.forge.jobs.get(mine.jobId)).toMatchObject({ owner: "ana", input: 1 });
  expect(await world.forge.jobs.get(nobodys.jobId)).toMatchObject({ owner: null });
});

test("a key that is held by a job one may not watch answers CONFLICT without its id", async () => {
  let mayWatch = true;
  await using world = await openWorld({
    jobs: [merged],
    worker: false,
    gateway: { authorize: ({ action }) => action === "dispatch" || mayWatch },
  });
  const { jobId } = (await start(world, "merged", { args: 1 })).data as { jobId: string };
  mayWatch = false;
  const { status, result, text } = await start(world, "merged", { args: 1 });
  expect([status, result]).toMatchObject([409, { success: false, error: { code: "CONFLICT" } }]);
  expect(text).not.toContain(jobId);
  expect((await world.forge.jobs.list()).jobs).toHaveLength(1);
});
