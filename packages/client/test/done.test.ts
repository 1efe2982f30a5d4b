import { expect, test } from "vitest";
import { newId, snapshot } from "./wire-values.ts";
import { attach, createWorld } from "./world.ts";

test("done resolves with the output", async () => {
  const { id, store, stream } = await attach();
  const { done } = store;
  stream.job(snapshot(id, 2, { status: "completed", output: { count: 3 } }));
  await expect(done).resolves.toEqual({ count: 3 });
});

test.each([
  ["failed", "FAILED"],
  ["dead_letter", "DEAD_LETTER"],
  ["cancelled", "CANCELLED"],
] as const)("done of a job that ends as %s rejects with %s", async (status, code) => {
  const { id, store, stream } = await attach();
  const { done } = store;
  stream.job(snapshot(id, 2, { status, error: "The disk is full." }));
  await expect(done).rejects.toMatchObject({
    name: "JobFailed",
    code,
    message: "The disk is full.",
    state: { jobId: id, status, error: "The disk is full." },
  });
});

test("done rejects with a sentence of its own where the job has none", async () => {
  const { id, store, stream } = await attach();
  const { done } = store;
  stream.job(snapshot(id, 2, { status: "cancelled" }));
  await expect(done).rejects.toMatchObject({ message: "The job is cancelled." });
});

test("done that is read after the end settles at once, and stays the same promise", async () => {
  const { id, store, stream, recording } = await attach();
  stream.job(snapshot(id, 2, { status: "completed", output: 7 }));
  await recording.when((view) => view.status === "completed");
  expect(store.done).toBe(store.done);
  await expect(store.done).resolves.toBe(7);
});

test("a failure whose done nobody has read is no unhandled rejection", async () => {
  const { id, stream, recording } = await attach();
  let unhandled = 0;
  const count = (): void => {
    unhandled += 1;
  };
  process.on("unhandledRejection", count);
  stream.job(snapshot(id, 2, { status: "failed" }));
  await recording.when((view) => view.status === "failed");
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", count);
  expect(unhandled).toBe(0);
});

test("after a retry done is a new promise", async () => {
  const { id, store, stream, recording } = await attach();
  const first = store.done;
  stream.job(snapshot(id, 2, { status: "failed" }));
  await expect(first).rejects.toMatchObject({ code: "FAILED" });
  stream.job(snapshot(id, 3, { status: "pending" }));
  await recording.when((view) => view.status === "pending");
  const second = store.done;
  expect(second).not.toBe(first);
  stream.job(snapshot(id, 4, { status: "completed", output: 7 }));
  await expect(second).resolves.toBe(7);
});

test("done holds a store that nobody has subscribed to", async () => {
  const { server, client, clock } = await createWorld();
  const id = newId();
  const store = client.jobStore(id);
  const { done } = store;
  const stream = (await server.next("/events")).connect();
  await clock.advance(14_000);
  stream.job(snapshot(id, 1, { status: "completed", output: 7 }));
  await expect(done).resolves.toBe(7);
  // Then nothing holds it: 5 s until it lets go, 5 s until the connection closes.
  await clock.advance(9_999);
  await server.quiet();
  let isClosed = false;
  void stream.closed.then(() => (isClosed = true));
  await server.quiet();
  expect(isClosed).toBe(false);
  await clock.advance(1);
  await stream.closed;
});
