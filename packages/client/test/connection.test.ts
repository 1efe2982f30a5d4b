import { expect, test } from "vitest";
import { until } from "./until.ts";
import { newId, snapshot } from "./wire-values.ts";
import { attach, BACKOFF_MS, createWorld, record } from "./world.ts";

test("a client connects at its first watch", async () => {
  const { server, client } = await createWorld();
  await server.quiet();
  expect(server.log).toEqual([]);
  client.jobStore(newId());
  await server.next("/events");
});

test("the connection closes five seconds after the last watch", async () => {
  const { server, clock, stream, recording } = await attach();
  let isClosed = false;
  void stream.closed.then(() => (isClosed = true));
  recording.stop();
  await clock.advance(4_999);
  await server.quiet();
  expect(isClosed).toBe(false);
  await clock.advance(1);
  await stream.closed;
  await clock.advance(60_000);
  await server.quiet();
  expect(server.log).toEqual(["POST /_api/events"]);
});

test("a watch within those five seconds keeps the stream, and knows what came meanwhile", async () => {
  const { id, server, client, clock, stream, store, recording } = await attach();
  recording.stop();
  await clock.advance(4_000);
  stream.job(snapshot(id, 2, { progress: 70 }));
  await server.quiet();
  const other = record(client.jobStore(id));
  expect(other.views[0]).toMatchObject({ progress: 70, loading: false, connection: "live" });
  expect(store.get()).toMatchObject({ connection: "closed" });
  await clock.advance(60_000 / 2);
  stream.job(snapshot(id, 3, { progress: 71 }));
  await other.when((view) => view.progress === 71);
  expect(server.log).toEqual(["POST /_api/events"]);
});

test("a client that had given up and comes back says connecting, not what it said last", async () => {
  const { server, client, clock } = await createWorld();
  const recording = record(client.jobStore(newId()));
  (await server.next("/events")).drop();
  (await server.next("/poll")).drop();
  await recording.when((view) => view.connection === "offline");
  recording.stop();
  await clock.advance(60_000);
  const again = record(client.jobStore(newId()));
  expect(again.views[0]?.connection).toBe("connecting");
  await server.next("/events");
});

test("a stream that breaks is opened again with backoff, which grows while nothing is reached", async () => {
  const { server, clock, stream, recording } = await attach();
  stream.end();
  await recording.when((view) => view.connection === "connecting");
  for (const delay of BACKOFF_MS) {
    await clock.fire(delay);
    (await server.next("/events")).drop();
    (await server.next("/poll")).drop();
    await recording.when((view) => view.connection === "offline");
  }
  await clock.fire(9_000);
  (await server.next("/events")).connect();
  const view = await recording.when((seen) => seen.connection === "live");
  expect(view.loading).toBe(false);
});

test("the backoff begins anew only after an event that is more than `connected`", async () => {
  const { server, clock, stream, recording } = await attach();
  stream.end();
  await clock.fire(BACKOFF_MS[0]);
  (await server.next("/events")).connect().end();
  // Nothing came of it, so it is asked for what a stream would have said.
  (await server.next("/poll")).drop();
  await clock.fire(BACKOFF_MS[1]);
  (await server.next("/events")).connect().end();
  (await server.next("/poll")).drop();
  await clock.fire(BACKOFF_MS[2]);

  const live = (await server.next("/events")).connect();
  live.send("ping", {});
  live.end();
  await recording.when((view) => view.connection === "connecting");
  await clock.fire(BACKOFF_MS[0]);
  await server.next("/events");
});

test.each(["online", "pageshow"] as const)("a wait for the next attempt ends at once at %s", async (event) => {
  const { server, page, recording, stream } = await attach();
  stream.end();
  await recording.when((view) => view.connection === "connecting");
  await server.quiet();
  page.fire(event);
  await server.next("/events");
});

test("a wait for the next attempt ends at once when the page is visible again", async () => {
  const { server, page, recording, stream } = await attach();
  page.setHidden(true);
  stream.end();
  await recording.when((view) => view.connection === "connecting");
  await server.quiet();
  page.setHidden(false);
  await server.next("/events");
});

test("coming online replaces a stream that was open before", async () => {
  const { id, server, page, stream } = await attach();
  page.fire("online");
  await stream.closed;
  expect((await server.next("/events")).body.watch).toEqual([{ id, revision: 1 }]);
});

test("being shown leaves an open stream and one that is being opened alone", async () => {
  const { server, page, client } = await createWorld();
  client.jobStore(newId());
  const events = await server.next("/events");
  page.fire("pageshow");
  page.setHidden(false);
  await server.quiet();
  events.connect();
  page.fire("pageshow");
  page.setHidden(false);
  await server.quiet();
  expect(server.count("/events")).toBe(1);
});

test("a page that goes away gives its stream up, and opens one when it is shown again", async () => {
  const { id, server, clock, page, client, stream, recording } = await attach();
  page.fire("pagehide");
  await stream.closed;
  await recording.when((view) => view.connection === "connecting");
  const second = newId();
  record(client.jobStore(second));
  await clock.advance(60_000);
  await server.quiet();
  expect(server.count("/events")).toBe(1);

  page.fire("pageshow");
  expect((await server.next("/events")).body.watch).toEqual([
    { id, revision: 1 },
    { id: second, revision: 0 },
  ]);
});

test("a page that goes away and comes back at once opens one stream", async () => {
  const { server, page, stream } = await attach();
  page.fire("pagehide");
  page.fire("pageshow");
  await stream.closed;
  (await server.next("/events")).connect();
  await server.quiet();
  expect(server.count("/events")).toBe(2);
});

test("a stream that is silent for two and a half heartbeats is given up", async () => {
  const { server, client, clock } = await createWorld();
  const id = newId();
  const recording = record(client.jobStore(id));
  const stream = (await server.next("/events")).connect({ heartbeatMs: 10_000 });
  stream.job(snapshot(id, 1));
  await recording.when((view) => !view.loading);
  await clock.advance(24_999);
  stream.write(": still here\n\n");
  await until(() => clock.pending.includes(25_000));
  await clock.advance(24_999);
  expect(recording.views.at(-1)?.connection).toBe("live");
  await clock.advance(1);
  await stream.closed;
  await recording.when((view) => view.connection === "connecting");
  await clock.fire(BACKOFF_MS[0]);
  await server.next("/events");
});

test("goaway is followed after the time it asks for", async () => {
  const { server, clock, stream, recording } = await attach();
  stream.send("goaway", { reason: "shutdown", retryMs: 1_234 });
  await stream.closed;
  expect((await recording.when((view) => view.connection === "connecting")).status).toBe("running");
  await until(() => clock.pending.includes(1_234));
  // The watchdog of the stream that ended has ended with it.
  expect(clock.pending).not.toContain(2.5 * 15_000);
  await clock.fire(1_234);
  await server.next("/events");
  expect(server.count("/poll")).toBe(0);
});

test("nothing that follows goaway on its stream counts", async () => {
  const { id, stream, recording } = await attach();
  const goaway = `event: goaway\ndata: {"reason":"shutdown","retryMs":500}\n\n`;
  stream.write(`${goaway}event: job\ndata: ${JSON.stringify(snapshot(id, 2, { progress: 99 }))}\n\n`);
  await stream.closed;
  expect(recording.views.map(({ progress }) => progress)).not.toContain(99);
});

test("a stale database shows in every store until it is well again", async () => {
  const { stream, recording } = await attach();
  stream.send("status", { stale: true });
  expect(await recording.when((view) => view.connection === "stale")).toMatchObject({ status: "running" });
  stream.send("status", { stale: false });
  await recording.when((view) => view.connection === "live");
});

test("a problem ends its stream, and the next is opened with growing backoff", async () => {
  const { server, clock, stream } = await attach();
  stream.send("problem", { code: "RATE_LIMITED", message: "Too many streams." });
  await stream.closed;
  await clock.fire(BACKOFF_MS[0]);
  (await server.next("/events")).connect().send("problem", { code: "RATE_LIMITED", message: "Too many streams." });
  await clock.fire(BACKOFF_MS[1]);
  await server.next("/events");
});

test("a problem that may pass leaves its jobs loading", async () => {
  const { server, client } = await createWorld();
  const recording = record(client.jobStore(newId()));
  (await server.next("/events")).connect().send("problem", { code: "RATE_LIMITED", message: "Too many streams." });
  await recording.when((view) => view.loading && view.connection === "offline");
});

test("a protocol that is not served ends the client with a sentence", async () => {
  const { server, client, clock, page } = await createWorld();
  const first = newId();
  const settled = client.jobStore(newId(), { initial: snapshot(first, 1, { status: "completed", output: 7 }) });
  const store = client.jobStore(first, { initial: snapshot(first, 1, { progress: 5 }) });
  const recording = record(store);
  const { done } = store;
  (await server.next("/events")).refuse(426, "PROTOCOL_UNSUPPORTED", "Reload the page.");
  const view = await recording.when((seen) => seen.connection === "closed");
  expect(view).toMatchObject({ status: "failed", progress: 5, error: "Reload the page.", loading: false });
  await expect(done).rejects.toMatchObject({ code: "PROTOCOL_UNSUPPORTED" });
  expect(settled.get()).toMatchObject({ status: "completed", output: 7 });

  const late = record(client.jobStore(newId()));
  await late.when((seen) => seen.status === "failed" && seen.error === "Reload the page.");
  page.fire("online");
  await clock.advance(600_000);
  await server.quiet();
  expect(server.log).toEqual(["POST /_api/events"]);
});

test("a protocol that is no longer served in mid-stream ends the client, too", async () => {
  const { server, clock, stream, recording } = await attach();
  stream.send("problem", { code: "PROTOCOL_UNSUPPORTED", message: "Reload the page." });
  await recording.when((view) => view.error === "Reload the page." && view.connection === "closed");
  await clock.advance(600_000);
  await server.quiet();
  expect(server.count("/events")).toBe(1);
});
