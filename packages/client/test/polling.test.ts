import { expect, test } from "vitest";
import type { World } from "./world.ts";
import { until } from "./until.ts";
import { newId, snapshot } from "./wire-values.ts";
import { attach, BACKOFF_MS, createWorld, record } from "./world.ts";

const POLL_MS = 2_000;

/** Three streams in a row that bring nothing, each followed by a poll that is answered. */
async function holdBack({ server, clock }: World): Promise<void> {
  for (let stream = 0; stream < 3; stream++) {
    (await server.next("/events")).accept().end();
    (await server.next("/poll")).ok({ states: [] });
    if (stream < 2) await clock.fire(POLL_MS);
  }
}

test("a stream that is accepted and says nothing for five seconds is replaced by polls", async () => {
  const { server, client, clock } = await createWorld();
  const id = newId();
  const recording = record(client.jobStore(id));
  const held = (await server.next("/events")).accept();
  await clock.advance(4_999);
  // What a proxy pads the stream with is no sign of it.
  held.write(": padding\n\n");
  await server.quiet();
  expect(server.count("/poll")).toBe(0);
  await clock.advance(1);
  await held.closed;

  const poll = await server.next("/poll");
  expect(poll.body).toEqual({ watch: [{ id, revision: 0 }] });
  poll.ok({ states: [snapshot(id, 1, { progress: 12 })] });
  const view = await recording.when((seen) => seen.connection === "polling");
  expect(view).toMatchObject({ progress: 12, loading: false });
});

test("a request for a stream that nobody answers is replaced by polls, too", async () => {
  const { server, client, clock } = await createWorld();
  const recording = record(client.jobStore(newId()));
  const events = await server.next("/events");
  await clock.advance(5_000);
  await events.closed;
  (await server.next("/poll")).ok({ states: [] });
  await recording.when((view) => view.connection === "polling");
});

test("polls ask every two seconds for what has moved since", async () => {
  const world = await createWorld();
  const { server, client, clock } = world;
  const id = newId();
  const recording = record(client.jobStore(id));
  await holdBack(world);
  await clock.fire(POLL_MS);
  (await server.next("/poll")).ok({ states: [snapshot(id, 4, { progress: 40 })] });
  await recording.when((view) => view.progress === 40 && view.connection === "polling");
  await clock.fire(POLL_MS);
  const poll = await server.next("/poll");
  expect(poll.body.watch).toEqual([{ id, revision: 4 }]);
  poll.ok({ states: [snapshot(id, 5, { status: "completed", output: 7 })] });
  await recording.when((view) => view.output === 7 && view.connection === "closed");
});

test("polls follow the interval that the gateway names", async () => {
  const { server, clock, stream, recording } = await attach();
  stream.end();
  await clock.fire(BACKOFF_MS[0]);
  (await server.next("/events")).connect({ pollMs: 7_000 }).end();
  (await server.next("/poll")).ok({ states: [] });
  await recording.when((view) => view.connection === "polling");
  await clock.fire(7_000);
  await server.next("/events");
});

test("after three streams that brought nothing the next is tried each minute, with polls between", async () => {
  const world = await createWorld();
  const { server, client, clock } = world;
  const recording = record(client.jobStore(newId()));
  await holdBack(world);
  for (let minute = 0; minute < 2; minute++) {
    const polls = server.count("/poll");
    const streams = server.count("/events");
    while (server.count("/events") === streams) {
      const requests = server.log.length;
      await clock.fire(POLL_MS);
      await until(() => server.log.length > requests);
      if (server.count("/events") === streams) (await server.next("/poll")).ok({ states: [] });
    }
    const between = server.count("/poll") - polls;
    expect(between).toBeGreaterThanOrEqual(25);
    expect(between).toBeLessThanOrEqual(30);
    expect(recording.views.at(-1)?.connection).toBe("polling");
    (await server.next("/events")).drop();
    (await server.next("/poll")).ok({ states: [] });
  }
});

test("a stream that connects ends the polling", async () => {
  const world = await createWorld();
  const { server, client, clock, page } = world;
  const id = newId();
  const recording = record(client.jobStore(id));
  await holdBack(world);
  await until(() => clock.pending.includes(POLL_MS));
  expect(recording.views.at(-1)?.connection).toBe("polling");
  // At once, though a stream is not due for most of a minute.
  page.fire("online");
  const stream = (await server.next("/events")).connect();
  await recording.when((view) => view.connection === "live");
  stream.job(snapshot(id, 1));
  const polls = server.count("/poll");
  await clock.advance(10_000);
  await server.quiet();
  expect(server.count("/poll")).toBe(polls);
});

test("a poll that fails means offline, and streams are tried again with backoff", async () => {
  const world = await createWorld();
  const { server, client, clock } = world;
  const recording = record(client.jobStore(newId()));
  await holdBack(world);
  await clock.fire(POLL_MS);
  (await server.next("/poll")).drop();
  await recording.when((view) => view.connection === "offline");
  await clock.fire(BACKOFF_MS[0]);
  await server.next("/events");
});

test("a poll that the gateway refuses ends the loading", async () => {
  const { server, client } = await createWorld();
  const recording = record(client.jobStore(newId()));
  (await server.next("/events")).accept().end();
  (await server.next("/poll")).refuse(401, "UNAUTHENTICATED", "Sign in.");
  const view = await recording.when((seen) => !seen.loading);
  expect(view).toMatchObject({ status: "failed", error: "Sign in." });
});

test("a store that joins while polls go on is in the next one", async () => {
  const world = await createWorld();
  const { server, client, clock } = world;
  record(client.jobStore(newId()));
  await holdBack(world);
  const second = newId();
  const recording = record(client.jobStore(second));
  await clock.fire(POLL_MS);
  const poll = await server.next("/poll");
  expect(poll.body.watch).toContainEqual({ id: second, revision: 0 });
  poll.ok({ states: [snapshot(second, 0, { status: "not_found" })] });
  await recording.when((view) => view.status === "not_found");
});
