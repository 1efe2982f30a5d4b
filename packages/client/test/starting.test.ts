import { expect, test } from "vitest";
import { JobFailed } from "../src/failed.ts";
import { newId, snapshot } from "./wire-values.ts";
import { BACKOFF_MS, createWorld, record } from "./world.ts";

const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/;

test("a store that starts a job shows it before its id is known, then watches it", async () => {
  const { server, client } = await createWorld();
  const recording = record(client.createJobStore("export_users", { format: "csv" }));
  expect(recording.views[0]).toMatchObject({ jobId: "", status: "pending", loading: true, connection: "connecting" });

  const rpc = await server.next("/rpc/export_users");
  expect(rpc.method).toBe("POST");
  expect(rpc.body.args).toEqual({ format: "csv" });
  expect(rpc.body.requestId).toMatch(UUID);
  const id = newId();
  rpc.ok({ jobId: id });

  const events = await server.next("/events");
  expect(events.body.watch).toEqual([{ id, revision: 0 }]);
  const known = await recording.when((view) => view.jobId === id);
  expect(known.loading).toBe(true);

  events.connect().job(snapshot(id, 1));
  await recording.when((view) => view.status === "running" && !view.loading);
});

test("each start has a request id of its own", async () => {
  const { server, client } = await createWorld();
  client.createJobStore("export_users", {});
  client.createJobStore("export_users", {});
  const first = await server.next("/rpc/export_users");
  const second = await server.next("/rpc/export_users");
  expect(first.body.requestId).not.toBe(second.body.requestId);
});

test("a job type is encoded in the path", async () => {
  const { server, client } = await createWorld();
  client.createJobStore("reports/yearly?", {});
  await server.next("/rpc/reports%2Fyearly%3F");
});

test("a refused start is failed, closed, and says the gateway's sentence", async () => {
  const { server, client } = await createWorld();
  const store = client.createJobStore("export_users", { format: "xml" });
  const recording = record(store);
  const { done } = store;
  (await server.next("/rpc/export_users")).refuse(400, "INVALID_ARGS", "format: expected csv or json.");

  const view = await recording.when((seen) => !seen.loading);
  expect(view).toMatchObject({
    jobId: "",
    status: "failed",
    error: "format: expected csv or json.",
    connection: "closed",
  });
  const error = await done.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(JobFailed);
  expect(error).toMatchObject({ code: "INVALID_ARGS", message: "format: expected csv or json.", name: "JobFailed" });
  expect(server.count("/events")).toBe(0);
});

test.each([
  [409, "CONFLICT"],
  [413, "TOO_LARGE"],
  [429, "RATE_LIMITED"],
  [500, "INTERNAL"],
] as const)("a start answered by %d %s is not repeated", async (status, code) => {
  const { server, client, clock } = await createWorld();
  const store = client.createJobStore("export_users", {});
  (await server.next("/rpc/export_users")).refuse(status, code);
  await expect(store.done).rejects.toMatchObject({ code });
  await clock.advance(60_000);
  await server.quiet();
  expect(server.count("/rpc/export_users")).toBe(1);
});

test("an unreachable gateway leaves the start loading and offline, and gets the same request id again", async () => {
  const { server, client, clock } = await createWorld();
  const recording = record(client.createJobStore("export_users", { format: "csv" }));
  const first = await server.next("/rpc/export_users");
  const { requestId } = first.body;
  first.drop();
  const offline = await recording.when((view) => view.connection === "offline");
  expect(offline).toMatchObject({ loading: true, status: "pending", error: null });

  await clock.fire(BACKOFF_MS[0]);
  const second = await server.next("/rpc/export_users");
  expect(second.body).toEqual({ args: { format: "csv" }, requestId });
  const id = newId();
  second.ok({ jobId: id });
  const started = await recording.when((view) => view.jobId === id);
  expect(started).toMatchObject({ loading: true, connection: "connecting" });
});

test("a start answered by UNAVAILABLE is repeated after the time that the gateway asks for", async () => {
  const { server, client, clock } = await createWorld({ random: () => 0 });
  const recording = record(client.createJobStore("export_users", {}));
  (await server.next("/rpc/export_users")).refuse(503, "UNAVAILABLE", "The database is down.", { retryAfterMs: 4_000 });
  await recording.when((view) => view.connection === "offline");
  await clock.advance(3_999);
  await server.quiet();
  expect(server.count("/rpc/export_users")).toBe(1);
  await clock.advance(1);
  await server.next("/rpc/export_users");
});

test("a start that waits is repeated at once when the page comes online", async () => {
  const { server, client, page } = await createWorld();
  const recording = record(client.createJobStore("export_users", {}));
  (await server.next("/rpc/export_users")).drop();
  await recording.when((view) => view.connection === "offline");
  page.fire("online");
  await server.next("/rpc/export_users");
});

test("a start without an answer for half a minute counts as lost", async () => {
  const { server, client, clock } = await createWorld();
  const recording = record(client.createJobStore("export_users", {}));
  const first = await server.next("/rpc/export_users");
  await clock.advance(30_000);
  await first.closed;
  await recording.when((view) => view.connection === "offline");
});

test("the page of a proxy refuses a start where it says 4xx, and otherwise does not", async () => {
  const { server, client, clock } = await createWorld();
  const store = client.createJobStore("export_users", {});
  const recording = record(store);
  (await server.next("/rpc/export_users")).raw(502, "text/html", "<h1>Bad gateway</h1>");
  await recording.when((view) => view.connection === "offline");
  await clock.fire(BACKOFF_MS[0]);
  (await server.next("/rpc/export_users")).raw(404, "text/html", "<h1>Not found</h1>");
  const view = await recording.when((seen) => seen.status === "failed");
  expect(view.error).toBe(`${server.url}/rpc/export_users answered 404, no Forge gateway.`);
  await expect(store.done).rejects.toMatchObject({ code: "BAD_REQUEST" });
});

test.each(["no such page", null, { success: false, error: "no such page" }, { message: "no such page" }])(
  "JSON that is not the gateway's (%j) refuses a start where its status is 4xx",
  async (body) => {
    const { server, client } = await createWorld();
    const store = client.createJobStore("export_users", {});
    const { done } = store;
    (await server.next("/rpc/export_users")).json(404, body);
    await expect(done).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: `${server.url}/rpc/export_users answered 404, no Forge gateway.`,
    });
  },
);

test("arguments that are no JSON are the caller's error", async () => {
  const { server, client } = await createWorld();
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  expect(() => client.createJobStore("export_users", circular)).toThrow(TypeError);
  await server.quiet();
  expect(server.log).toEqual([]);
});

test("two starts that the gateway merges into one job share its watch", async () => {
  const { server, client } = await createWorld();
  const first = record(client.createJobStore("export_users", {}));
  const second = record(client.createJobStore("export_users", {}));
  const id = newId();
  (await server.next("/rpc/export_users")).ok({ jobId: id });
  (await server.next("/rpc/export_users")).ok({ jobId: id });
  const events = await server.next("/events");
  expect(events.body.watch).toEqual([{ id, revision: 0 }]);
  events.connect().job(snapshot(id, 1, { progress: 7 }));
  await first.when((view) => view.progress === 7);
  await second.when((view) => view.progress === 7);
  expect(server.count("/subscribe")).toBe(0);
});

test("on a server nothing starts, and done stays pending", async () => {
  const { server, client, clock } = await createWorld({ page: null });
  const store = client.createJobStore("export_users", {});
  const views: unknown[] = [];
  const stop = store.subscribe((view) => views.push(view));
  stop();
  let isDone = false;
  void store.done.finally(() => (isDone = true));
  await clock.advance(60_000);
  await server.quiet();
  expect(server.log).toEqual([]);
  expect(views).toHaveLength(1);
  expect(store.get()).toMatchObject({ loading: true, connection: "connecting" });
  expect(isDone).toBe(false);
  expect(clock.pending).toEqual([]);
});

test("`start: true` starts a job without a page", async () => {
  const { server, client } = await createWorld({ page: null });
  const store = client.createJobStore<object, { count: number }>("export_users", {}, { start: true });
  const { done } = store;
  const id = newId();
  (await server.next("/rpc/export_users")).ok({ jobId: id });
  (await server.next("/events")).connect().job(snapshot(id, 3, { status: "completed", output: { count: 3 } }));
  await expect(done).resolves.toEqual({ count: 3 });
});
