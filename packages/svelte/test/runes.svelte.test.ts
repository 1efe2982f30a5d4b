import { flushSync } from "svelte";
import { get, type Readable } from "svelte/store";
import { afterEach, beforeEach, expect, expectTypeOf, test } from "vitest";
import { until } from "../../client/test/until.ts";
import { WireServer } from "../../client/test/wire-server.ts";
import { newId, snapshot } from "../../client/test/wire-values.ts";
import {
  configureForge,
  createForgeClient,
  createJobStore,
  type JobStore,
  jobStore,
  type JobView,
  resetForge,
} from "../src/index.ts";

let server: WireServer;

beforeEach(async () => {
  server = await WireServer.open();
  configureForge({ url: server.url });
});

afterEach(async () => {
  resetForge();
  await server.close();
});

test("$state does not proxy a store", () => {
  const store = jobStore(newId());
  const held = $state({ store });
  expect(held.store).toBe(store);
});

test("an effect that reads current runs again when the view changes, and no more", async () => {
  const id = newId();
  const job = jobStore(id);
  const seen: string[] = [];
  const stop = $effect.root(() => {
    $effect(() => {
      seen.push(`${job.current.status} ${job.current.connection}`);
    });
  });
  flushSync();
  expect(seen).toEqual(["pending connecting"]);
  const stream = (await server.next("/events")).connect();
  stream.job(snapshot(id, 1));
  await until(() => (flushSync(), seen.at(-1) === "running live"));
  stream.job(snapshot(id, 2));
  stream.job(snapshot(id, 3, { status: "completed", output: 7 }));
  await until(() => (flushSync(), seen.at(-1) === "completed closed"));
  // The acknowledgement and the first state arrive apart or together.
  expect(seen.filter((face) => face !== "pending live")).toEqual([
    "pending connecting",
    "running live",
    "completed closed",
  ]);
  stop();
});

test("a derived follows current", async () => {
  const id = newId();
  const job = jobStore(id);
  const half = $derived((job.current.progress ?? 0) / 2);
  const seen: number[] = [];
  const stop = $effect.root(() => {
    $effect(() => {
      seen.push(half);
    });
  });
  flushSync();
  const stream = (await server.next("/events")).connect();
  stream.job(snapshot(id, 1, { progress: 40 }));
  await until(() => (flushSync(), seen.at(-1) === 20));
  expect(seen).toEqual([0, 20]);
  stop();
});

test("current holds the job for as long as an effect reads it", async () => {
  const id = newId();
  const other = newId();
  const job = jobStore(id);
  jobStore(other).subscribe(() => {});
  const stop = $effect.root(() => {
    $effect(() => void job.current);
  });
  flushSync();
  const stream = (await server.next("/events")).connect();
  stream.job(snapshot(id, 1));
  await until(() => job.get().connection === "live");
  stop();
  const change = await server.next("/subscribe");
  expect(change.body).toMatchObject({ remove: [id] });
  change.ok({ states: [] });
  expect(job.get().connection).toBe("closed");
});

test("current outside of effects is the view now", () => {
  const id = newId();
  const job = jobStore(id, { initial: snapshot(id, 1, { progress: 5 }) });
  expect(job.current).toBe(job.get());
  expect(job.current.progress).toBe(5);
});

test("a store obeys the contract of Svelte's stores", () => {
  const id = newId();
  const job = jobStore<{ at: Date }>(id);
  expectTypeOf(job).toExtend<Readable<JobView<{ at: string }>>>();
  const stop = job.subscribe(() => {});
  expect(get(job)).toBe(job.get());
  stop();
});

test("done settles as the client's does", async () => {
  const job = createJobStore<object, { count: number }>("export_users", {});
  const { done } = job;
  expect(job.done).toBe(done);
  const id = newId();
  (await server.next("/rpc/export_users")).ok({ jobId: id });
  (await server.next("/events")).connect().job(snapshot(id, 1, { status: "completed", output: { count: 3 } }));
  await expect(done).resolves.toEqual({ count: 3 });
});

test("a client of its own makes stores with current, too", async () => {
  const own = createForgeClient({ url: server.url });
  const id = newId();
  const attached = own.jobStore<{ at: Date }>(id);
  const started = own.createJobStore<object, { at: Date }>("export_users", {});
  expectTypeOf(attached).toEqualTypeOf<JobStore<{ at: string }>>();
  expectTypeOf(started).toEqualTypeOf<JobStore<{ at: string }>>();
  expect(attached.current.jobId).toBe(id);
  expect(started.current.jobId).toBe("");
  const events = await server.next("/events");
  own.close();
  await events.closed;
  expect(attached.current.connection).toBe("closed");
});
