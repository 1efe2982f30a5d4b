import type { JobSnapshot } from "@forge-jobs/protocol";
import { createParser } from "eventsource-parser";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { puppet } from "./support/puppet.ts";
import { stalledReader } from "./support/stalled-reader.ts";
import { openWorld } from "./support/world.ts";

const JOBS = 50;
const slots = { queues: { default: JOBS } };

/** The server's ends of all connections. */
function serverSockets(app: {
  server: { on: (event: "connection", listener: (socket: Socket) => void) => unknown };
}): Socket[] {
  const sockets: Socket[] = [];
  app.server.on("connection", (socket) => sockets.push(socket));
  return sockets;
}

test("a reader that stops costs one state per watched job, and ends on the last of each", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], worker: slots });
  const sockets = serverSockets(world.app);
  const reader = await stalledReader(world, work, JOBS);
  await reader.fill();
  const buffered = sockets[0]?.writableLength ?? 0;

  for (let round = 0; round < 60; round++) await reader.moveAll(round % 100);
  for (const run of reader.runs) run.finish("done");
  await Promise.all(reader.jobIds.map((id) => world.forge.jobs.wait(id)));
  // 3,000 states of more than 1 KB each were committed meanwhile; nothing more was handed to the socket.
  expect(world.app.forgeGateway.stats().waitingStates).toBeLessThanOrEqual(JOBS);
  expect(sockets[0]?.writableLength).toBe(buffered);
  expect(buffered).toBeLessThan(128 * 1_024);

  const revisions = new Map<string, number[]>();
  const last = new Map<string, JobSnapshot>();
  const allDone = Promise.withResolvers<void>();
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (event !== "job") return;
      const state = JSON.parse(data) as JobSnapshot;
      revisions.set(state.jobId, [...(revisions.get(state.jobId) ?? []), state.revision]);
      last.set(state.jobId, state);
      if ([...last.values()].filter(({ status }) => status === "completed").length === JOBS) allDone.resolve();
    },
  });
  readChunks(reader.socket, (text) => parser.feed(text));
  await allDone.promise;
  for (const seen of revisions.values()) expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b));
  reader.socket.destroy();
});

test("a reader that takes nothing for too long is cut, and reads the truth when it comes back", async () => {
  const work = puppet();
  await using world = await openWorld({
    jobs: [work.job],
    worker: slots,
    gateway: { heartbeat: "150ms" },
    timings: { drainMs: 300 },
  });
  const reader = await stalledReader(world, work, JOBS);
  await reader.fill();
  await expect
    .poll(() => world.app.forgeGateway.stats())
    .toMatchObject({ sessions: 0, watchedJobs: 0, waitingStates: 0 });
  reader.socket.destroy();
  const jobId = reader.jobIds[0] ?? "";
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  expect(await stream.next("job")).toMatchObject({ revision: (await world.forge.jobs.get(jobId))?.revision });
});

test("a reader that stops does not hold up the others", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], worker: slots });
  const reader = await stalledReader(world, work, JOBS);
  const watched = reader.jobIds[0] ?? "";
  const stream = await world.stream(`/events?v=1&job=${watched}`);
  await reader.fill();
  await reader.moveAll(77);
  await stream.next("job", ({ progress }) => progress === 77);
  reader.runs[0]?.finish();
  await stream.next("job", ({ status }) => status === "completed");
  reader.socket.destroy();
});

test("a flood of progress reaches a reader as what it can take, in order, down to the last word", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job] });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  for (let n = 1; n <= 20_000; n++) {
    run.ctx.progress(n / 200, `step ${n}`);
    if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await stream.next("job", ({ message }) => message === "step 20000");
  run.finish();
  await stream.next("job", ({ status }) => status === "completed");
  const states = stream.states(jobId);
  const steps = states.map(({ message }) => Number(message?.slice(5) ?? 0));
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  expect(states.length).toBeLessThan(5_000);
});

/** Reads the body of a chunked HTTP/1.1 answer, as text. */
function readChunks(socket: Socket, onText: (text: string) => void): void {
  let bytes = Buffer.alloc(0);
  let hasHead = false;
  const decoder = new TextDecoder();
  socket.on("data", (part: Buffer) => {
    bytes = Buffer.concat([bytes, part]);
    if (!hasHead) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      expect(bytes.subarray(0, end).toString()).toMatch(/transfer-encoding: chunked/i);
      bytes = bytes.subarray(end + 4);
      hasHead = true;
    }
    for (;;) {
      const line = bytes.indexOf("\r\n");
      const size = Number.parseInt(bytes.subarray(0, line).toString(), 16);
      if (line < 0 || bytes.length < line + 2 + size + 2) return;
      onText(decoder.decode(bytes.subarray(line + 2, line + 2 + size), { stream: true }));
      expect(bytes.subarray(line + 2 + size, line + 4 + size).toString()).toBe("\r\n");
      bytes = bytes.subarray(line + 4 + size);
    }
  });
  socket.resume();
}
