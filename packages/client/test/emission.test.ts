import { expect, test } from "vitest";
import { snapshot } from "./wire-values.ts";
import { attach, BACKOFF_MS, record } from "./world.ts";

test("a store emits when a field has changed and never otherwise", async () => {
  const { id, stream, recording } = await attach();
  const before = recording.views.length;
  stream.job(snapshot(id, 2, { progress: 10 }));
  stream.job(snapshot(id, 3, { progress: 10 }));
  stream.send("ping", {});
  stream.job(snapshot(id, 4, { progress: 10, message: "Halfway" }));
  await recording.when((view) => view.message === "Halfway");
  expect(recording.views.slice(before).map(({ progress, message }) => [progress, message])).toEqual([
    [10, null],
    [10, "Halfway"],
  ]);
});

test("the view is the same reference until it changes", async () => {
  const { id, stream, store, recording } = await attach();
  const view = store.get();
  stream.job(snapshot(id, 2));
  stream.job(snapshot(id, 3, { progress: 1 }));
  await recording.when((seen) => seen.progress === 1);
  expect(recording.views.at(-2)).toBe(view);
  expect(store.get()).toBe(recording.views.at(-1));
  expect(store.get()).not.toBe(view);
});

test("the emission that settles a job says closed already", async () => {
  const { id, stream, recording } = await attach();
  const before = recording.views.length;
  stream.job(snapshot(id, 2, { status: "completed", progress: 100, output: { count: 3 } }));
  await recording.when((view) => view.status === "completed");
  expect(recording.views.slice(before)).toEqual([
    expect.objectContaining({ status: "completed", output: { count: 3 }, connection: "closed" }),
  ]);
});

test("after it has settled a store is silent, whatever the connection does", async () => {
  const { id, server, clock, stream, recording } = await attach();
  stream.job(snapshot(id, 2, { status: "completed", output: [1] }));
  await recording.when((view) => view.status === "completed");
  const emitted = recording.views.length;

  stream.send("status", { stale: true });
  stream.job(snapshot(id, 1, { status: "running" }));
  stream.job(snapshot(id, 2, { status: "completed", output: [1] }));
  stream.end();
  await clock.fire(BACKOFF_MS[0]);
  (await server.next("/events")).drop();
  (await server.next("/poll")).drop();
  await clock.fire(BACKOFF_MS[1]);
  (await server.next("/events")).connect().job(snapshot(id, 2, { status: "completed", output: [1] }));
  await server.quiet();
  expect(recording.views).toHaveLength(emitted);
});

test("someone's retry of a settled job is told", async () => {
  const { id, stream, recording } = await attach();
  stream.job(snapshot(id, 2, { status: "failed", error: "The disk is full." }));
  await recording.when((view) => view.connection === "closed");
  stream.job(snapshot(id, 3, { status: "pending" }));
  const view = await recording.when((seen) => seen.status === "pending");
  expect(view).toMatchObject({ error: null, connection: "live", loading: false });
});

test("unknown events, fields and statuses are ignored; an unknown status is unfinished", async () => {
  const { id, stream, recording } = await attach();
  stream.send("weather", { sunny: true });
  stream.write("event: future\ndata: not json\n\n");
  stream.write(": a comment\n\n");
  stream.send("job", { ...snapshot(id, 2), status: "paused", progress: 30, mood: "fine" });
  const paused = await recording.when((view) => view.progress === 30);
  expect(paused).toMatchObject({ status: "running", connection: "live" });
  expect(paused).not.toHaveProperty("mood");

  stream.job(snapshot(id, 3, { status: "failed" }));
  await recording.when((view) => view.status === "failed");
  stream.send("job", { ...snapshot(id, 4), status: "paused" });
  await recording.when((view) => view.status === "pending" && view.connection === "live");
});

test("a state without its optional fields is filled with null", async () => {
  const { id, stream, recording } = await attach();
  stream.job({ jobId: id, revision: 2, status: "cancelled" });
  const view = await recording.when((seen) => seen.status === "cancelled");
  expect(view).toMatchObject({ progress: null, message: null, output: null, error: null });
});

test("a new subscriber is told the view at once", async () => {
  const { store } = await attach();
  const late = record(store);
  expect(late.views).toEqual([store.get()]);
});

test("one function may subscribe twice", async () => {
  const { id, store, stream, recording } = await attach();
  let calls = 0;
  const run = (): void => {
    calls += 1;
  };
  const stopFirst = store.subscribe(run);
  store.subscribe(run);
  stopFirst();
  stopFirst();
  stream.job(snapshot(id, 2, { progress: 1 }));
  await recording.when((view) => view.progress === 1);
  expect(calls).toBe(3);
});

test("a subscriber that throws is reported, and stops neither the others nor the stream", async () => {
  const { id, store, stream } = await attach();
  store.subscribe(({ progress }) => {
    if (progress === 1) throw new Error("a component's fault");
  });
  const other = record(store);

  const listeners = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  const reported = new Promise((resolve) => process.once("unhandledRejection", resolve));
  stream.job(snapshot(id, 2, { progress: 1 }));
  stream.job(snapshot(id, 3, { progress: 2 }));
  await other.when((view) => view.progress === 2);
  expect(await reported).toMatchObject({ message: "a component's fault" });
  for (const listener of listeners) process.on("unhandledRejection", listener);
  store.unsubscribe();
});

test("a subscriber that brings a newer view leaves the others with that, and only that", async () => {
  const { id, client, store, stream } = await attach();
  store.subscribe((view) => {
    if (view.progress === 1) client.close();
  });
  const last = record(store);
  stream.job(snapshot(id, 2, { progress: 1 }));
  await last.when((view) => view.connection === "closed");
  expect(last.views.map(({ progress, connection }) => [progress, connection])).toEqual([
    [null, "live"],
    [1, "closed"],
  ]);
  expect(store.get()).toBe(last.views.at(-1));
});

test("a subscriber that lets the job go leaves the others with closed", async () => {
  const { id, store, stream, recording } = await attach();
  store.subscribe((view) => {
    if (view.progress === 1) store.unsubscribe();
  });
  stream.job(snapshot(id, 2, { progress: 1 }));
  await recording.when((view) => view.connection === "closed");
  expect(recording.views.at(-1)).toMatchObject({ progress: 1, connection: "closed" });
});
