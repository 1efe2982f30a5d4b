import { defineJob } from "@forge-jobs/core";
import { LIMITS } from "@forge-jobs/protocol";
import cors from "@fastify/cors";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { connect } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { puppet } from "./support/puppet.ts";
import { openWorld } from "./support/world.ts";

test("a dispatched job is watched from its first state to its last", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  const { jobId } = (await world.call("/rpc/puppet", { body: { args: { n: 1 } } })).data as { jobId: string };
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  const run = await work.run(jobId);
  await stream.next("job", ({ status }) => status === "running");
  run.ctx.progress(40, "Almost half");
  expect(await stream.next("job", ({ progress }) => progress === 40)).toMatchObject({ message: "Almost half" });
  run.finish({ count: 3 });
  const last = await stream.next("job", ({ status }) => status === "completed");
  expect(last).toEqual({
    revision: last.revision,
    jobId,
    status: "completed",
    progress: 40,
    message: "Almost half",
    output: { count: 3 },
    error: null,
  });
  const revisions = stream.states(jobId).map(({ revision }) => revision);
  expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
});

test("a stream opens with who it is, and tells proxies to leave it alone", async () => {
  await using world = await openWorld({ gateway: { heartbeat: "9s", poll: "3s" } });
  const { connected, response } = await world.stream();
  expect(connected).toEqual({
    sessionId: expect.stringMatching(/^[\w-]{12}\.[\w-]{20}$/),
    sessionSecret: expect.stringMatching(/^[\w-]{43}$/),
    protocol: 1,
    epoch: (await world.forge.identity()).epoch,
    heartbeatMs: 9_000,
    pollMs: 3_000,
  });
  expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
  expect(response.headers.get("x-accel-buffering")).toBe("no");
});

test("a stream that says nothing still gives signs of life", async () => {
  await using world = await openWorld({ gateway: { heartbeat: "150ms" } });
  const streams = await Promise.all([1, 2, 3].map(() => world.stream()));
  for (const _ of [1, 2, 3]) {
    for (const ping of await Promise.all(streams.map((stream) => stream.next("ping")))) expect(ping).toEqual({});
  }
});

test("each stream is told another time to come back", async () => {
  await using world = await openWorld({ timings: { spreadMs: 5_000 } });
  const retries = await Promise.all([1, 2, 3, 4].map(() => firstBytes(world.url, /retry: (\d+)\nevent: connected\n/)));
  expect(new Set(retries).size).toBeGreaterThan(1);
  for (const retry of retries) expect(Number(retry)).toBeGreaterThanOrEqual(1_000);
});

test("headers that other plugins set reach the stream", async () => {
  await using world = await openWorld({
    before: async (app) => {
      await app.register(cors, { origin: "https://app.example.com", credentials: true });
      app.addHook("onRequest", async (_request, reply) => {
        void reply.header("x-served-by", "blue").header("set-cookie", ["a=1", "b=2"]);
      });
    },
  });
  const { response } = await world.stream("/events?v=1", { headers: { origin: "https://app.example.com" } });
  expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example.com");
  expect(response.headers.get("access-control-allow-credentials")).toBe("true");
  expect(response.headers.get("x-served-by")).toBe("blue");
  expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
});

test("a browser's EventSource reads it, reconnects after goaway, and needs no code of ours", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], timings: { sessionMs: 150 } });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  run.ctx.progress(10, "Zürich ✓ 🎉");
  const script = `
    const source = new EventSource(${JSON.stringify(`${world.url}/_api/events?v=1&job=${jobId}`)});
    // Its own pause before it reconnects does not keep the process alive.
    const alive = setInterval(() => {}, 1000);
    let connections = 0;
    source.addEventListener("connected", () => { connections++; });
    source.addEventListener("job", ({ data }) => {
      const state = JSON.parse(data);
      if (connections < 2 || state.progress !== 10) return;
      console.log(JSON.stringify(state));
      source.close();
      clearInterval(alive);
    });`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--experimental-eventsource", "-e", script], {
    timeout: 15_000,
  });
  expect(JSON.parse(stdout)).toMatchObject({ jobId, status: "running", message: "Zürich ✓ 🎉" });
});

test("HTTP/1.0 gets the stream without chunks", async () => {
  await using world = await openWorld();
  const text = await rawRequest(world.url, "GET /_api/events?v=1 HTTP/1.0\r\n\r\n", /event: connected\ndata: .*\n\n$/);
  expect(text).not.toMatch(/transfer-encoding/i);
  expect(text.split("\r\n\r\n")[1]).toMatch(/^retry: \d+\nevent: connected\n/);
});

test("a stream behind another answer on the same connection waits for its turn", async () => {
  await using world = await openWorld({ timings: { sessionMs: 60_000 } });
  const requests = "GET /_api/ready HTTP/1.1\r\nhost: x\r\n\r\nGET /_api/events?v=1 HTTP/1.1\r\nhost: x\r\n\r\n";
  const text = await rawRequest(world.url, requests, /event: connected\ndata: .*\n\n\r\n$/);
  expect(text.indexOf('{"status":"ok"}')).toBeGreaterThan(0);
  expect(text.indexOf('{"status":"ok"}')).toBeLessThan(text.indexOf("event: connected"));
});

test("HTTP/2 carries several streams on one connection", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], fastify: { http2: true } as object });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  const client = connectHttp2(world.url);
  try {
    const readers = [1, 2].map(() => readHttp2(client, `/_api/events?v=1&job=${jobId}`, /"status":"completed"/));
    await Promise.all(readers.map(({ connected }) => connected));
    run.finish("done");
    for (const { text } of readers) expect(await text).toMatch(/^retry: \d+\nevent: connected\n/);
  } finally {
    client.destroy();
  }
});

test("POST opens a stream that says only what its client lacks", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  const [known, behind] = await Promise.all([1, 2].map(() => world.forge.dispatch(work.job, null)));
  const runs = await Promise.all([known!, behind!].map((id) => work.run(id)));
  const watcher = await world.stream(`/events?v=1&job=${known}&job=${behind}`);
  const current = await watcher.next("job", ({ jobId, status }) => jobId === known && status === "running");
  const watch = [
    { id: known, revision: current.revision },
    { id: behind, revision: 1 },
  ];
  const stream = await world.stream("/events?v=1", { body: { watch } });
  await stream.next("job", ({ jobId, status }) => jobId === behind && status === "running");
  runs[0]?.finish();
  await stream.next("job", ({ jobId, status }) => jobId === known && status === "completed");
  expect(stream.states(known!).map(({ status }) => status)).toEqual(["completed"]);
});

test("an id that comes twice is watched once", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  const stream = await world.stream(`/events?v=1&job=${jobId}&job=${jobId.toUpperCase()}`);
  run.finish();
  await stream.next("job", ({ status }) => status === "completed");
  expect(stream.states(jobId).filter(({ status }) => status === "completed")).toHaveLength(1);
});

test("an id whose transaction has not committed yet is unknown, and told about once it has", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  using transaction = begin(world.file);
  const jobId = await world.forge.dispatch(work.job, null, { tx: transaction.db });
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  expect(await stream.next("job")).toEqual({
    revision: 0,
    jobId,
    status: "not_found",
    progress: null,
    message: null,
    output: null,
    error: null,
  });
  transaction.commit();
  expect(await stream.next("job", ({ status }) => status === "running")).toMatchObject({ jobId });
});

test("an id that appears but belongs to somebody else stays unknown", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  using transaction = begin(world.file);
  const jobId = await world.forge.dispatch(work.job, null, { tx: transaction.db, owner: "ana" });
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  await stream.next("job", ({ status }) => status === "not_found");
  transaction.commit();
  await expect.poll(() => world.app.forgeGateway.stats().watchedJobs).toBe(0);
  expect(stream.states(jobId)).toHaveLength(1);
});

test("an unknown id is let go after a while", async () => {
  await using world = await openWorld({ timings: { unknownMs: 1_000 } });
  const stream = await world.stream(`/events?v=1&job=${randomUUID()}`);
  await stream.next("job", ({ status }) => status === "not_found");
  expect(world.app.forgeGateway.stats().watchedJobs).toBe(1);
  await expect.poll(() => world.app.forgeGateway.stats().watchedJobs).toBe(0);
});

test("a state over the limit goes out as partial, and whole to whoever asks for it", async () => {
  const large = { text: "ü".repeat(LIMITS.stateBytes / 2) };
  const big = defineJob("big", { public: true, run: () => large });
  await using world = await openWorld({ jobs: [big] });
  const jobId = await world.forge.dispatch(big, null);
  await world.forge.jobs.wait(jobId);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  expect(await stream.next("job")).toMatchObject({ status: "completed", output: null, partial: true });
  const whole = (await world.call(`/jobs/${jobId}`)).data;
  expect(whole).toMatchObject({ status: "completed", output: large });
  expect(whole).not.toHaveProperty("partial");
});

test("line breaks and separators in what a job says do not break the stream", async () => {
  const text = 'a\nb\r\nc\u2028d\u2029e data: x\n\nevent: goaway "quoted" \\ \u0001';
  const echo = defineJob("echo", {
    public: true,
    run: (ctx, input: unknown) => (ctx.progress(1, text.slice(0, 20)), input),
  });
  await using world = await openWorld({ jobs: [echo] });
  const jobId = await world.forge.dispatch(echo, { text });
  await world.forge.jobs.wait(jobId);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  expect(await stream.next("job")).toMatchObject({ output: { text }, message: text.slice(0, 20) });
  expect(stream.events.map(({ event }) => event)).toEqual(["connected", "job"]);
});

test("what a failed job says is the public sentence, never the error", async () => {
  const bad = defineJob("bad", {
    public: true,
    retry: { maxAttempts: 1 },
    run: () => {
      throw new Error("password=hunter2");
    },
  });
  await using world = await openWorld({ jobs: [bad] });
  const jobId = await world.forge.dispatch(bad, null);
  await world.forge.jobs.wait(jobId);
  const { text, data } = await world.call(`/jobs/${jobId}`);
  expect(data).toMatchObject({ status: "failed", error: expect.stringMatching(/^The job failed/) });
  expect(text).not.toContain("hunter2");
});

test("a client that leaves is forgotten with all it watched", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  const jobId = await world.forge.dispatch(work.job, null);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  expect(world.app.forgeGateway.stats()).toMatchObject({ sessions: 1, watchedJobs: 1 });
  stream.close();
  await expect.poll(() => world.app.forgeGateway.stats()).toMatchObject({ sessions: 0, watchedJobs: 0 });
});

test("a client that leaves while its rights are asked for is forgotten too", async () => {
  const work = puppet();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<boolean>();
  await using world = await openWorld({
    jobs: [work.job],
    gateway: {
      authorize: async () => {
        asked.resolve();
        return answer.promise;
      },
    },
  });
  const jobId = await world.forge.dispatch(work.job, null);
  // The server must have noticed that the client is gone before the answer comes.
  world.app.server.on("connection", (socket) => socket.once("close", () => world.app.server.emit("forge:gone")));
  const abort = new AbortController();
  const opening = world.call(`/events?v=1&job=${jobId}`, { signal: abort.signal }).catch(() => {});
  await asked.promise;
  const gone = once(world.app.server, "forge:gone");
  abort.abort();
  await opening;
  await gone;
  answer.resolve(true);
  await expect.poll(() => world.app.forgeGateway.stats()).toMatchObject({ sessions: 0, watchedJobs: 0 });
});

/** Opens a transaction of the application's own on the engine's file. */
function begin(file: string): { db: DatabaseSync; commit: () => void; [Symbol.dispose]: () => void } {
  const db = new DatabaseSync(file);
  db.exec("BEGIN IMMEDIATE");
  return { db, commit: () => db.exec("COMMIT"), [Symbol.dispose]: () => db.close() };
}

/** Sends bytes over a plain socket and reads until they match. */
async function rawRequest(url: string, request: string, until: RegExp): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.setEncoding("utf8").write(request);
  let text = "";
  try {
    for await (const part of socket) {
      text += part as string;
      if (until.test(text)) break;
    }
  } finally {
    socket.destroy();
  }
  return text;
}

async function firstBytes(url: string, pattern: RegExp): Promise<string | undefined> {
  const text = await rawRequest(url, "GET /_api/events?v=1 HTTP/1.1\r\nhost: x\r\n\r\n", pattern);
  return pattern.exec(text)?.[1];
}

function readHttp2(
  client: ClientHttp2Session,
  path: string,
  until: RegExp,
): { connected: Promise<void>; text: Promise<string> } {
  const connected = Promise.withResolvers<void>();
  const read = async (): Promise<string> => {
    let text = "";
    const stream = client.request({ ":path": path });
    for await (const part of stream.setEncoding("utf8")) {
      text += part as string;
      if (text.includes("event: connected")) connected.resolve();
      if (until.test(text)) break;
    }
    return text;
  };
  return { connected: connected.promise, text: read() };
}
