import { expect, test } from "vitest";
import { newId, snapshot } from "./wire-values.ts";
import { attach, createWorld, record } from "./world.ts";

const FIVE_MINUTES = 300_000;
const HALF_A_MINUTE = 30_000;

/** Keeps a stream's watchdog content for so long. */
async function advanceLive(world: Awaited<ReturnType<typeof attach>>, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 15_000) {
    world.stream.send("ping", {});
    await world.server.quiet();
    await world.clock.advance(Math.min(left, 15_000));
  }
}

test("a page that was hidden for five minutes gives its stream up and polls every thirty seconds", async () => {
  const world = await attach();
  const { id, server, clock, page, stream, recording } = world;
  page.setHidden(true);
  await advanceLive(world, FIVE_MINUTES - 1);
  expect(recording.views.at(-1)?.connection).toBe("live");
  await clock.advance(1);
  await stream.closed;

  const poll = await server.next("/poll");
  expect(poll.body.watch).toEqual([{ id, revision: 1 }]);
  poll.ok({ states: [snapshot(id, 2, { progress: 20 })] });
  await recording.when((view) => view.progress === 20 && view.connection === "polling");
  await clock.fire(HALF_A_MINUTE);
  (await server.next("/poll")).drop();
  await recording.when((view) => view.connection === "offline");
  await clock.fire(HALF_A_MINUTE);
  (await server.next("/poll")).ok({ states: [] });
  await recording.when((view) => view.connection === "polling");
  expect(server.count("/events")).toBe(1);
});

test("a hidden page that is visible in time keeps its stream", async () => {
  const world = await attach();
  const { server, page, recording } = world;
  page.setHidden(true);
  await advanceLive(world, FIVE_MINUTES - 1);
  page.setHidden(false);
  await advanceLive(world, FIVE_MINUTES);
  expect(recording.views.at(-1)?.connection).toBe("live");
  expect(server.log).toEqual(["POST /_api/events"]);
});

test("a page that is visible again after that opens a stream at once", async () => {
  const world = await attach();
  const { server, clock, page, recording } = world;
  page.setHidden(true);
  await advanceLive(world, FIVE_MINUTES);
  (await server.next("/poll")).ok({ states: [] });
  await recording.when((view) => view.connection === "polling");
  page.setHidden(false);
  (await server.next("/events")).connect();
  await recording.when((view) => view.connection === "live");
  await clock.advance(HALF_A_MINUTE);
  await server.quiet();
  expect(server.count("/poll")).toBe(1);
});

test("a poll under way does not delay the stream of a page that is visible again", async () => {
  const world = await attach();
  const { server, page, recording } = world;
  page.setHidden(true);
  await advanceLive(world, FIVE_MINUTES);
  const poll = await server.next("/poll");
  page.setHidden(false);
  await poll.closed;
  await server.next("/events");
  expect(recording.views.map(({ connection }) => connection)).not.toContain("offline");
});

test("a hidden page polls unfinished jobs only", async () => {
  const world = await attach();
  const { id, server, client, clock, page, stream, recording } = world;
  const second = newId();
  const other = record(client.jobStore(second));
  (await server.next("/subscribe")).ok({ states: [snapshot(second, 1)] });
  stream.send("subscribed", { n: 1 });
  stream.job(snapshot(id, 2, { status: "completed", output: 7 }));
  await recording.when((view) => view.output === 7);
  page.setHidden(true);
  await advanceLive(world, FIVE_MINUTES);
  const poll = await server.next("/poll");
  expect(poll.body.watch).toEqual([{ id: second, revision: 1 }]);
  poll.ok({ states: [snapshot(second, 2, { status: "failed" })] });
  await other.when((view) => view.status === "failed");
  await clock.fire(HALF_A_MINUTE);
  await clock.advance(FIVE_MINUTES);
  await server.quiet();
  expect(server.count("/poll")).toBe(1);
});

test("a hidden page with nothing unfinished releases the connection", async () => {
  const world = await attach();
  const { id, server, clock, page, stream, recording } = world;
  stream.job(snapshot(id, 2, { status: "completed", output: 7 }));
  await recording.when((view) => view.output === 7);
  page.setHidden(true);
  await advanceLive(world, FIVE_MINUTES);
  await stream.closed;
  await clock.advance(FIVE_MINUTES);
  await server.quiet();
  expect(server.log).toEqual(["POST /_api/events"]);
  page.setHidden(false);
  expect((await server.next("/events")).body.watch).toEqual([{ id, revision: 2 }]);
});

test("a page that was opened in the background falls asleep, too", async () => {
  const { server, clock, page, client } = await createWorld({ hidden: true });
  const id = newId();
  record(client.jobStore(id));
  expect(page.document.hidden).toBe(true);
  const stream = (await server.next("/events")).connect({ heartbeatMs: FIVE_MINUTES });
  await clock.advance(FIVE_MINUTES);
  await stream.closed;
  expect((await server.next("/poll")).body.watch).toEqual([{ id, revision: 0 }]);
});

test("coming online while asleep polls at once and opens no stream", async () => {
  const world = await attach();
  const { server, page, recording } = world;
  page.setHidden(true);
  await advanceLive(world, FIVE_MINUTES);
  (await server.next("/poll")).drop();
  await recording.when((view) => view.connection === "offline");
  page.fire("online");
  (await server.next("/poll")).ok({ states: [] });
  await recording.when((view) => view.connection === "polling");
  expect(server.count("/events")).toBe(1);
});
