import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { configureForge, createForgeClient, createJobStore, jobStore, resetForge } from "../src/index.ts";
import { newId, snapshot } from "./wire-values.ts";
import { TestPage, record } from "./world.ts";
import { WireServer } from "./wire-server.ts";

let server: WireServer;

// A page for the client's own effects to find; what a browser has, and Node has not.
beforeEach(async () => {
  server = await WireServer.open();
  const page = new TestPage();
  vi.stubGlobal("window", page);
  vi.stubGlobal("document", page.document);
});

afterEach(async () => {
  resetForge();
  vi.unstubAllGlobals();
  await server.close();
});

test("the page's client is at /_api of the page's origin until it is configured", async () => {
  const urls: unknown[] = [];
  vi.stubGlobal("fetch", (url: string) => {
    urls.push(url);
    return new Promise(() => {});
  });
  jobStore(newId());
  createJobStore("export_users", {});
  await vi.waitFor(() => expect(urls).toHaveLength(2));
  expect(new Set(urls)).toEqual(new Set(["/_api/events?v=1", "/_api/rpc/export_users"]));
});

test("a store of the page's client starts and follows a job", async () => {
  configureForge({ url: server.url });
  const store = createJobStore<{ format: string }, { at: Date }>("export_users", { format: "csv" });
  const { done } = store;
  const rpc = await server.next("/rpc/export_users");
  expect(rpc.body.requestId).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/);
  const id = newId();
  rpc.ok({ jobId: id });
  const stream = (await server.next("/events")).connect();
  stream.job(snapshot(id, 1, { status: "completed", output: { at: "2026-11-22T00:00:00.000Z" } }));
  await expect(done).resolves.toEqual({ at: "2026-11-22T00:00:00.000Z" });
});

test("a module that is replaced in development finds the open connection", async () => {
  configureForge({ url: server.url });
  const id = newId();
  const recording = record(jobStore(id));
  (await server.next("/events")).connect().job(snapshot(id, 1, { progress: 5 }));
  await recording.when((view) => view.progress === 5);

  vi.resetModules();
  const replaced = await import("../src/index.ts");
  expect(replaced.jobStore).not.toBe(jobStore);
  replaced.configureForge({ url: server.url, getToken: () => "t1" });
  const again = record(replaced.jobStore(id));
  expect(again.views[0]).toMatchObject({ progress: 5, connection: "live" });

  replaced.jobStore(newId());
  const change = await server.next("/subscribe");
  expect(change.headers.authorization).toBe("Bearer t1");
  expect(server.count("/events")).toBe(1);
});

test("resetForge ends the connection and forgets the options", async () => {
  configureForge({ url: server.url });
  const recording = record(jobStore(newId()));
  const stream = (await server.next("/events")).connect();
  await recording.when((view) => view.connection === "live");
  resetForge();
  await stream.closed;
  expect(recording.views.at(-1)?.connection).toBe("closed");
  resetForge();

  const urls: unknown[] = [];
  vi.stubGlobal("fetch", (url: string) => {
    urls.push(url);
    return new Promise(() => {});
  });
  jobStore(newId());
  await vi.waitFor(() => expect(urls).toEqual(["/_api/events?v=1"]));
});

test("a client of its own does not share the page's connection", async () => {
  configureForge({ url: server.url });
  const id = newId();
  record(jobStore(id));
  const own = createForgeClient({ url: server.url });
  record(own.jobStore(id));
  const first = (await server.next("/events")).connect();
  const second = (await server.next("/events")).connect();
  own.close();
  await Promise.race([first.closed, second.closed]);
});
