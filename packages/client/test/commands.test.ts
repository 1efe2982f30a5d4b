import { expect, test } from "vitest";
import { JobFailed } from "../src/failed.ts";
import { newId, snapshot } from "./wire-values.ts";
import { attach, BACKOFF_MS, createWorld, record } from "./world.ts";

test("cancel asks the gateway and shows its answer", async () => {
  const { id, server, store, recording } = await attach();
  const cancelled = store.cancel();
  const request = await server.next(`/jobs/${id}/cancel`);
  expect(request.method).toBe("POST");
  expect(request.headers["content-type"]).toBe("application/json");
  request.ok(snapshot(id, 2, { status: "cancel_requested" }));
  await cancelled;
  expect(recording.views.at(-1)).toMatchObject({ status: "cancel_requested", connection: "live" });
});

test("cancel before the id is known waits for it", async () => {
  const { server, client } = await createWorld();
  const store = client.createJobStore("export_users", {});
  const recording = record(store);
  const rpc = await server.next("/rpc/export_users");
  const cancelled = store.cancel();
  await server.quiet();
  expect(server.log).toEqual(["POST /_api/rpc/export_users"]);
  const id = newId();
  rpc.ok({ jobId: id });
  (await server.next(`/jobs/${id}/cancel`)).ok(snapshot(id, 2, { status: "cancelled" }));
  await cancelled;
  await recording.when((view) => view.status === "cancelled" && view.connection === "closed");
});

test("cancel of a job whose start was refused rejects with that refusal", async () => {
  const { server, client } = await createWorld();
  const store = client.createJobStore("export_users", {});
  const cancelled = store.cancel();
  (await server.next("/rpc/export_users")).refuse(400, "INVALID_ARGS", "No format.");
  await expect(cancelled).rejects.toMatchObject({ code: "INVALID_ARGS", message: "No format." });
});

test("retry reopens a settled store", async () => {
  const { id, server, store, stream, recording } = await attach();
  stream.job(snapshot(id, 2, { status: "failed", error: "The disk is full." }));
  await recording.when((view) => view.connection === "closed");
  const retried = store.retry();
  (await server.next(`/jobs/${id}/retry`)).ok(snapshot(id, 3, { status: "pending" }));
  await retried;
  expect(recording.views.at(-1)).toMatchObject({ status: "pending", error: null, connection: "live" });
});

test("retry of a store that was let go attaches it again", async () => {
  const { id, server, store, stream, clock, recording } = await attach();
  stream.job(snapshot(id, 2, { status: "failed" }));
  await recording.when((view) => view.connection === "closed");
  recording.stop();
  await clock.advance(5_000);
  await stream.closed;
  const retried = store.retry();
  (await server.next(`/jobs/${id}/retry`)).ok(snapshot(id, 3, { status: "pending" }));
  await retried;
  expect(store.get()).toMatchObject({ status: "pending", connection: "connecting" });
  await server.next("/events");
});

test("the answer of a command is shown by a store that was let go meanwhile, too", async () => {
  const { id, server, clock, store, recording } = await attach();
  recording.stop();
  const cancelled = store.cancel();
  const request = await server.next(`/jobs/${id}/cancel`);
  await clock.advance(20_000);
  expect(store.get().connection).toBe("closed");
  request.ok(snapshot(id, 2, { status: "cancelled" }));
  await cancelled;
  expect(store.get().status).toBe("cancelled");
});

test("a refused command rejects with the gateway's code and sentence, and changes nothing", async () => {
  const { id, server, store } = await attach();
  const view = store.get();
  const retried = store.retry();
  (await server.next(`/jobs/${id}/retry`)).refuse(409, "CONFLICT", "The job is running.");
  const error = await retried.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(JobFailed);
  expect(error).toMatchObject({
    code: "CONFLICT",
    message: "The job is running.",
    state: { jobId: id, status: "running" },
  });
  expect(store.get()).toBe(view);
});

test("a command is repeated until the gateway answers", async () => {
  const { id, server, clock, store } = await attach();
  const cancelled = store.cancel();
  (await server.next(`/jobs/${id}/cancel`)).drop();
  await clock.fire(BACKOFF_MS[0]);
  (await server.next(`/jobs/${id}/cancel`)).refuse(503, "UNAVAILABLE", "The database is down.", {
    retryAfterMs: 10_000,
  });
  await clock.fire(BACKOFF_MS[1] + 10_000);
  (await server.next(`/jobs/${id}/cancel`)).ok(snapshot(id, 2, { status: "cancelled" }));
  await cancelled;
  expect(store.get().status).toBe("cancelled");
});

test("members work without their store", async () => {
  const { id, server, store } = await attach();
  const { cancel, get, subscribe, unsubscribe } = store;
  const cancelled = cancel();
  (await server.next(`/jobs/${id}/cancel`)).ok(snapshot(id, 2, { status: "cancelled" }));
  await cancelled;
  subscribe(() => {})();
  unsubscribe();
  expect(get().status).toBe("cancelled");
});
