import { expect, test } from "vitest";
import { until } from "./until.ts";
import { newId, snapshot } from "./wire-values.ts";
import { attach, createWorld, record } from "./world.ts";

test("a store that nobody subscribes to lets go after five seconds", async () => {
  const { server, client, clock } = await createWorld();
  const store = client.jobStore(newId());
  const stream = (await server.next("/events")).connect();
  await until(() => store.get().connection === "live");
  await clock.advance(4_999);
  expect(store.get().connection).toBe("live");
  await clock.advance(1);
  expect(store.get().connection).toBe("closed");
  await clock.advance(5_000);
  await stream.closed;
});

test("a started job is not watched once nobody has wanted it for five seconds", async () => {
  const { server, client, clock } = await createWorld();
  const store = client.createJobStore("export_users", {});
  const rpc = await server.next("/rpc/export_users");
  await clock.advance(5_000);
  const id = newId();
  rpc.ok({ jobId: id });
  await until(() => store.get().jobId === id);
  await server.quiet();
  expect(server.count("/events")).toBe(0);
  expect(store.get()).toMatchObject({ loading: true, connection: "closed" });
});

test("a store lets go as its last subscriber leaves", async () => {
  const { store, recording } = await attach();
  const second = record(store);
  recording.stop();
  expect(store.get().connection).toBe("live");
  second.stop();
  expect(store.get().connection).toBe("closed");
});

test("unsubscribe tells the subscribers closed and drops them, and may be called twice", async () => {
  const { id, store, stream, recording } = await attach();
  store.unsubscribe();
  store.unsubscribe();
  expect(recording.views.at(-1)).toMatchObject({ status: "running", connection: "closed" });
  const emitted = recording.views.length;
  stream.job(snapshot(id, 2, { progress: 1 }));
  const again = record(store);
  await again.when((view) => view.progress === 1);
  expect(recording.views).toHaveLength(emitted);
  recording.stop();
});

test("a store that was let go attaches again at the next subscribe", async () => {
  const { id, server, clock, store, stream, recording } = await attach();
  recording.stop();
  await clock.advance(5_000);
  await stream.closed;

  const again = record(store);
  expect(again.views[0]).toMatchObject({ status: "running", loading: false, connection: "connecting" });
  const events = await server.next("/events");
  expect(events.body.watch).toEqual([{ id, revision: 1 }]);
  events.connect().job(snapshot(id, 3, { progress: 60 }));
  await again.when((view) => view.progress === 60 && view.connection === "live");
});

test("several stores on one id share its watch", async () => {
  const { id, server, client, stream, store, recording } = await attach();
  const other = client.jobStore(id);
  expect(other.get()).toEqual(store.get());
  const second = record(other);
  stream.job(snapshot(id, 2, { progress: 9 }));
  await recording.when((view) => view.progress === 9);
  await second.when((view) => view.progress === 9);
  recording.stop();
  await server.quiet();
  expect(server.count("/subscribe")).toBe(0);
  stream.job(snapshot(id, 3, { progress: 10 }));
  await second.when((view) => view.progress === 10);
});

test("a second store's initial state shows in the first where that has none", async () => {
  const { server, client } = await createWorld();
  const id = newId();
  const first = client.jobStore(id);
  client.jobStore(id, { initial: snapshot(id, 1, { progress: 3 }) });
  (await server.next("/events")).connect();
  const view = await record(first).when((seen) => !seen.loading);
  expect(view.progress).toBe(3);
});

test("closing the client closes its stores and ends the stream", async () => {
  const { client, store, stream, recording, server } = await attach();
  client.close();
  await stream.closed;
  expect(recording.views.at(-1)).toMatchObject({ status: "running", connection: "closed" });
  store.unsubscribe();
  record(store);
  record(client.jobStore(newId()));
  await server.quiet();
  expect(server.count("/events")).toBe(1);
});

test("closing the client ends a start that waits for its next attempt", async () => {
  const { server, client, clock } = await createWorld();
  const store = client.createJobStore("export_users", {});
  const recording = record(store);
  (await server.next("/rpc/export_users")).drop();
  await recording.when((view) => view.connection === "offline");
  client.close();
  await recording.when((view) => view.connection === "closed");
  await expect(store.done).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await clock.advance(60_000);
  await server.quiet();
  expect(server.count("/rpc/export_users")).toBe(1);
});
