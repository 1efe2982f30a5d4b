import { LIMITS } from "@forge-jobs/protocol";
import { expect, test } from "vitest";
import { MOST_IDS } from "../src/watched.ts";
import { newId, snapshot } from "./wire-values.ts";
import { attach, BACKOFF_MS, createWorld, record } from "./world.ts";

test("stores that a page makes in one turn go into one request", async () => {
  const { server, client } = await createWorld();
  const ids = [newId(), newId(), newId()];
  for (const id of ids) client.jobStore(id);
  const events = await server.next("/events");
  expect(events.body.watch).toEqual(ids.map((id) => ({ id, revision: 0 })));
  events.connect();
  await server.quiet();
  expect(server.log).toEqual(["POST /_api/events"]);
});

test("a store that joins an open stream is live once the stream says so", async () => {
  const { server, client } = await attach();
  const id = newId();
  const recording = record(client.jobStore(id));
  expect(recording.views[0]?.connection).toBe("connecting");

  const subscribe = await server.next("/subscribe");
  expect(subscribe.body).toEqual({
    sessionId: "gateway.session",
    sessionSecret: "secret",
    n: 1,
    add: [{ id, revision: 0 }],
    remove: [],
  });
  subscribe.ok({ states: [snapshot(id, 5, { progress: 50 })] });
  const loaded = await recording.when((view) => !view.loading);
  expect(loaded).toMatchObject({ progress: 50, connection: "connecting" });
});

test("the stream's acknowledgement makes a store live", async () => {
  const { server, client, stream } = await attach();
  const id = newId();
  const recording = record(client.jobStore(id));
  const subscribe = await server.next("/subscribe");
  stream.send("subscribed", { n: 7 });
  await server.quiet();
  expect(recording.views.at(-1)?.connection).toBe("connecting");
  stream.send("subscribed", { n: subscribe.body.n });
  const acknowledged = await recording.when((view) => view.connection === "live");
  expect(acknowledged.loading).toBe(true);
  subscribe.ok({ states: [snapshot(id, 5)] });
  await recording.when((view) => !view.loading);
});

test("one change is in flight; what changes meanwhile goes with the next", async () => {
  const { id, server, client, stream, recording } = await attach();
  const second = newId();
  const third = newId();
  const fourth = newId();
  client.jobStore(second);
  const first = await server.next("/subscribe");
  record(client.jobStore(third));
  await server.quiet();
  record(client.jobStore(fourth));
  recording.stop();
  await server.quiet();
  expect(server.count("/subscribe")).toBe(1);

  stream.send("subscribed", { n: 1 });
  await server.quiet();
  expect(server.count("/subscribe")).toBe(1);
  first.ok({ states: [] });

  const next = await server.next("/subscribe");
  expect(next.body).toMatchObject({
    n: 2,
    add: [
      { id: third, revision: 0 },
      { id: fourth, revision: 0 },
    ],
    remove: [id],
  });
});

test("a change that is not acknowledged within two seconds is sent again under its number", async () => {
  const { server, client, clock, stream } = await attach();
  const id = newId();
  const recording = record(client.jobStore(id));
  const first = await server.next("/subscribe");
  first.ok({ states: [snapshot(id, 1)] });
  await recording.when((view) => !view.loading);
  await clock.advance(1_999);
  await server.quiet();
  expect(server.count("/subscribe")).toBe(1);

  await clock.advance(1);
  const again = await server.next("/subscribe");
  expect(again.body).toEqual(first.body);
  again.ok({ states: [snapshot(id, 1)] });
  stream.send("subscribed", { n: 1 });
  await recording.when((view) => view.connection === "live");
  await server.quiet();
  await clock.advance(10_000);
  await server.quiet();
  expect(server.count("/subscribe")).toBe(2);
});

test("a change whose answer is lost is sent again, though the stream has acknowledged it", async () => {
  const { server, client, clock, stream } = await attach();
  const id = newId();
  const recording = record(client.jobStore(id));
  (await server.next("/subscribe")).drop();
  stream.send("subscribed", { n: 1 });
  await recording.when((view) => view.connection === "live");
  await clock.advance(2_000);
  (await server.next("/subscribe")).ok({ states: [snapshot(id, 1)] });
  await recording.when((view) => !view.loading);
});

test("a change that the database is too busy for is sent again on the same stream", async () => {
  const { server, client, clock, stream } = await attach();
  record(client.jobStore(newId()));
  (await server.next("/subscribe")).refuse(503, "UNAVAILABLE");
  await clock.advance(2_000);
  await server.next("/subscribe");
  stream.send("ping", {});
  await server.quiet();
  expect(server.count("/events")).toBe(1);
});

test("a session that the gateway does not know is replaced by a new stream with every watch", async () => {
  const { id, server, client, clock, stream } = await attach();
  const second = newId();
  record(client.jobStore(second));
  (await server.next("/subscribe")).refuse(404, "NOT_FOUND");
  await stream.closed;
  await clock.fire(BACKOFF_MS[0]);
  const events = await server.next("/events");
  expect(events.body.watch).toEqual([
    { id, revision: 1 },
    { id: second, revision: 0 },
  ]);
});

test("a rate limit on changes is waited for", async () => {
  const { server, client, clock, stream } = await attach();
  record(client.jobStore(newId()));
  (await server.next("/subscribe")).refuse(429, "RATE_LIMITED", "Too many changes.", { retryAfterMs: 7_000 });
  await stream.closed;
  await clock.fire(7_000);
  await server.next("/events");
});

test("a watch that ends is taken from the stream", async () => {
  const { id, server, client, stream, recording } = await attach();
  const second = newId();
  record(client.jobStore(second));
  (await server.next("/subscribe")).ok({ states: [] });
  stream.send("subscribed", { n: 1 });
  await server.quiet();
  recording.stop();
  const change = await server.next("/subscribe");
  expect(change.body).toMatchObject({ n: 2, add: [], remove: [id] });
});

test("a store that leaves and comes back within a turn asks for nothing", async () => {
  const { server, client, store, recording } = await attach();
  record(client.jobStore(newId()));
  await server.next("/subscribe");
  recording.stop();
  const again = record(store);
  expect(again.views[0]).toMatchObject({ status: "running", connection: "live" });
  await server.quiet();
  expect(server.count("/subscribe")).toBe(1);
});

test("a watch that ended and begins again asks for its state anew", async () => {
  const { id, server, client, stream, store, recording } = await attach();
  record(client.jobStore(newId()));
  (await server.next("/subscribe")).ok({ states: [] });
  stream.send("subscribed", { n: 1 });
  await server.quiet();
  recording.stop();
  const removal = await server.next("/subscribe");
  record(store);
  removal.ok({ states: [] });
  stream.send("subscribed", { n: 2 });
  const change = await server.next("/subscribe");
  expect(change.body).toMatchObject({ n: 3, add: [{ id, revision: 0 }], remove: [] });
});

test("an answer that the stream has overtaken does not say not found", async () => {
  const { server, client, stream } = await attach();
  const id = newId();
  const recording = record(client.jobStore(id));
  const subscribe = await server.next("/subscribe");
  // The row appears after the gateway has looked and before its answer arrives.
  stream.job(snapshot(id, 1, { status: "pending" }));
  await recording.when((view) => !view.loading);
  subscribe.ok({ states: [snapshot(id, 0, { status: "not_found" })] });
  stream.send("subscribed", { n: 1 });
  await recording.when((view) => view.connection === "live");
  await server.quiet();
  expect(recording.views.at(-1)).toMatchObject({ status: "pending" });
});

test("more jobs than one request may name go in parts", async () => {
  const { server, client } = await createWorld();
  expect(MOST_IDS).toBe(LIMITS.watchIds);
  const ids = Array.from({ length: MOST_IDS + 1 }, newId);
  for (const id of ids) client.jobStore(id);
  const events = await server.next("/events");
  expect(events.body.watch).toHaveLength(MOST_IDS);
  events.connect();
  const change = await server.next("/subscribe");
  expect(change.body.add).toEqual([{ id: ids.at(-1), revision: 0 }]);
});

test("polls name no more jobs than one request may", async () => {
  const { server, client } = await createWorld();
  for (let job = 0; job <= MOST_IDS; job++) client.jobStore(newId());
  (await server.next("/events")).accept().end();
  expect((await server.next("/poll")).body.watch).toHaveLength(MOST_IDS);
});

test("a late answer of an earlier change says nothing about the present one", async () => {
  const { server, client, clock, stream } = await attach();
  record(client.jobStore(newId()));
  const first = await server.next("/subscribe");
  await clock.advance(2_000);
  (await server.next("/subscribe")).ok({ states: [] });
  stream.send("subscribed", { n: 1 });
  await server.quiet();
  record(client.jobStore(newId()));
  const second = await server.next("/subscribe");
  expect(second.body.n).toBe(2);
  stream.send("subscribed", { n: 2 });
  first.ok({ states: [] });
  await server.quiet();
  second.drop();
  await clock.advance(2_000);
  expect((await server.next("/subscribe")).body.n).toBe(2);
});

test("a store that came and went while a change was in flight is not asked for", async () => {
  const { server, client, stream } = await attach();
  record(client.jobStore(newId()));
  const change = await server.next("/subscribe");
  record(client.jobStore(newId())).stop();
  change.ok({ states: [] });
  stream.send("subscribed", { n: 1 });
  await server.quiet();
  expect(server.count("/subscribe")).toBe(1);
});

test("a change ends with its stream, and the next stream brings what it asked for", async () => {
  const { id, server, client, clock, stream } = await attach();
  const second = newId();
  record(client.jobStore(second));
  await server.next("/subscribe");
  stream.end();
  await clock.fire(BACKOFF_MS[0]);
  const events = await server.next("/events");
  expect(events.body.watch).toEqual([
    { id, revision: 1 },
    { id: second, revision: 0 },
  ]);
  events.connect();
  await clock.advance(10_000);
  await server.quiet();
  expect(server.count("/subscribe")).toBe(1);
});
