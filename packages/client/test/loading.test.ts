import { expect, test } from "vitest";
import { newId, snapshot } from "./wire-values.ts";
import { attach, BACKOFF_MS, createWorld, record } from "./world.ts";

test("a store on an id is loading until its first state", async () => {
  const { server, client } = await createWorld();
  const id = newId();
  const recording = record(client.jobStore(id));
  expect(recording.views).toEqual([
    {
      jobId: id,
      status: "pending",
      progress: null,
      message: null,
      output: null,
      error: null,
      loading: true,
      connection: "connecting",
    },
  ]);

  const events = await server.next("/events");
  expect(events.method).toBe("POST");
  expect(events.query).toBe("?v=1");
  expect(events.body).toEqual({ watch: [{ id, revision: 0 }] });

  const stream = events.connect();
  const acknowledged = await recording.when((view) => view.connection === "live");
  expect(acknowledged.loading).toBe(true);

  stream.job(snapshot(id, 1, { progress: 20, message: "Fetching users..." }));
  const view = await recording.when((seen) => !seen.loading);
  expect(view).toEqual({
    jobId: id,
    status: "running",
    progress: 20,
    message: "Fetching users...",
    output: null,
    error: null,
    loading: false,
    connection: "live",
  });
});

test("a store with an initial state shows it at once and is not loading", async () => {
  const { server, client } = await createWorld();
  const id = newId();
  const { revision: _, ...initial } = snapshot(id, 4, { progress: 40 });
  const store = client.jobStore(id, { initial });
  expect(store.get()).toEqual({ ...initial, loading: false, connection: "connecting" });
  // Its revision may be another database's, so the gateway is asked for everything.
  expect((await server.next("/events")).body.watch).toEqual([{ id, revision: 0 }]);
});

test("a store whose initial state has settled is closed", async () => {
  const { client } = await createWorld();
  const id = newId();
  const store = client.jobStore(id, { initial: { ...snapshot(id, 1), status: "completed", output: { count: 3 } } });
  expect(store.get()).toMatchObject({
    status: "completed",
    output: { count: 3 },
    loading: false,
    connection: "closed",
  });
});

test("a store takes only the fields of a state from its initial", async () => {
  const { client } = await createWorld();
  const id = newId();
  const initial = { ...snapshot(id, 1), surprise: true };
  expect(Object.keys(client.jobStore(id, { initial }).get()).toSorted()).toEqual([
    "connection",
    "error",
    "jobId",
    "loading",
    "message",
    "output",
    "progress",
    "status",
  ]);
});

test("on a server a store shows its initial state and reaches for nothing", async () => {
  const { server, client, clock } = await createWorld({ page: null });
  const id = newId();
  const store = client.jobStore(id, { initial: snapshot(id, 1, { progress: 5 }) });
  store.subscribe(() => {})();
  await server.quiet();
  expect(store.get()).toMatchObject({ progress: 5, connection: "connecting" });
  expect(server.log).toEqual([]);
  expect(clock.pending).toEqual([]);
});

test("a job that the gateway does not know is not found", async () => {
  const { server, client } = await createWorld();
  const id = newId();
  const store = client.jobStore(id);
  const recording = record(store);
  const { done } = store;
  (await server.next("/events")).connect().job(snapshot(id, 0, { status: "not_found" }));
  const view = await recording.when((seen) => !seen.loading);
  expect(view).toMatchObject({ jobId: id, status: "not_found", connection: "closed" });
  await expect(done).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("a job that is found after all comes back", async () => {
  const { server, client } = await createWorld();
  const id = newId();
  const recording = record(client.jobStore(id));
  const stream = (await server.next("/events")).connect();
  stream.job(snapshot(id, 0, { status: "not_found" }));
  await recording.when((view) => view.status === "not_found");
  stream.job(snapshot(id, 1, { status: "pending" }));
  await recording.when((view) => view.status === "pending" && view.connection === "live");
});

test("an id that is no UUID fails without a request", async () => {
  const { server, client } = await createWorld();
  const store = client.jobStore("latest");
  expect(store.get()).toMatchObject({
    jobId: "latest",
    status: "failed",
    error: "latest is no job id.",
    loading: false,
    connection: "closed",
  });
  await expect(store.done).rejects.toMatchObject({ code: "BAD_REQUEST" });
  await expect(store.cancel()).rejects.toMatchObject({ code: "BAD_REQUEST" });
  await server.quiet();
  expect(server.log).toEqual([]);
});

test("an id in capitals is the same job", async () => {
  const { server, client } = await createWorld();
  const id = newId();
  const recording = record(client.jobStore(id.toUpperCase()));
  const events = await server.next("/events");
  expect(events.body.watch).toEqual([{ id, revision: 0 }]);
  events.connect().job(snapshot(id, 1));
  await recording.when((view) => view.status === "running");
});

test.each([
  [401, "UNAUTHENTICATED"],
  [403, "FORBIDDEN_ORIGIN"],
] as const)("a stream refused by %d %s ends the loading, and is tried again", async (status, code) => {
  const { server, client, clock } = await createWorld();
  const id = newId();
  const store = client.jobStore(id);
  const recording = record(store);
  const { done } = store;
  (await server.next("/events")).refuse(status, code, "Not for you.");
  const view = await recording.when((seen) => !seen.loading);
  expect(view).toMatchObject({ status: "failed", error: "Not for you.", connection: "closed" });
  await expect(done).rejects.toMatchObject({ code });

  await clock.fire(BACKOFF_MS[0]);
  (await server.next("/events")).connect().job(snapshot(id, 2));
  await recording.when((seen) => seen.status === "running" && seen.connection === "live");
});

test.each([
  [429, "RATE_LIMITED"],
  [500, "INTERNAL"],
  [503, "UNAVAILABLE"],
] as const)(
  "a stream answered by %d %s leaves its jobs loading, and is tried again when asked for",
  async (status, code) => {
    const { server, client, clock } = await createWorld({ random: () => 0 });
    const recording = record(client.jobStore(newId()));
    (await server.next("/events")).refuse(status, code, "Later.", { retryAfterMs: 7_000 });
    const view = await recording.when((seen) => seen.connection === "offline");
    expect(view.loading).toBe(true);
    await clock.advance(6_999);
    await server.quiet();
    expect(server.count("/events")).toBe(1);
    await clock.advance(1);
    await server.next("/events");
  },
);

test("a job that was refused first and fails later says why it failed", async () => {
  const { server, client, clock } = await createWorld();
  const id = newId();
  const store = client.jobStore(id);
  const recording = record(store);
  (await server.next("/events")).refuse(403, "FORBIDDEN_ORIGIN");
  await recording.when((view) => view.status === "failed");
  await clock.fire(BACKOFF_MS[0]);
  const stream = (await server.next("/events")).connect();
  stream.job(snapshot(id, 1));
  await recording.when((view) => view.status === "running");
  const { done } = store;
  stream.job(snapshot(id, 2, { status: "failed", error: "The disk is full." }));
  await expect(done).rejects.toMatchObject({ code: "FAILED", message: "The disk is full." });
});

test("a stream that is refused later leaves the jobs that have a state as they are", async () => {
  const { server, clock, stream, recording } = await attach();
  stream.end();
  await clock.fire(BACKOFF_MS[0]);
  (await server.next("/events")).refuse(401, "UNAUTHENTICATED", "Sign in.");
  const view = await recording.when((seen) => seen.connection === "offline");
  expect(view).toMatchObject({ status: "running", error: null });
});
