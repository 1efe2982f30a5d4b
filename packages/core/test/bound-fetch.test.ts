import { defineJob, type JobContext } from "@forge-jobs/core";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, test, vi } from "vitest";
import { gate, openWorld } from "./support/world.ts";

/** A server that answers /ok, sends the head of /half and nothing more, and leaves everything else waiting. */
async function openServer(): Promise<{ url: string; asked: Promise<void> } & AsyncDisposable> {
  const asked = gate();
  const server: Server = createServer((request, response) => {
    asked.open();
    if (request.url === "/ok") response.end(`${request.method} ok`);
    if (request.url === "/half") response.write("half");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked: asked.opened,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Runs a handler once and answers what it returned, or the name of what it threw. */
async function inHandler(run: (ctx: JobContext) => unknown): Promise<unknown> {
  const job = defineJob("fetching", {
    retry: false,
    run: async (ctx) => {
      try {
        return await run(ctx);
      } catch (error) {
        return `threw ${(error as Error).name}`;
      }
    },
  });
  await using world = await openWorld({ jobs: [job] });
  return (await world.forge.jobs.wait(await world.forge.dispatch(job, {}))).output;
}

test("ctx.fetch is fetch", async () => {
  await using server = await openServer();
  const text = await inHandler(async (ctx) => (await ctx.fetch(`${server.url}/ok`, { method: "POST" })).text());
  expect(text).toBe("POST ok");
  const byRequest = await inHandler(async (ctx) => (await ctx.fetch(new Request(`${server.url}/ok`))).text());
  expect(byRequest).toBe("GET ok");
});

test("a cancellation aborts it, with the signal's reason", async () => {
  await using server = await openServer();
  const thrown = gate<unknown>();
  const job = defineJob("fetching", { run: (ctx) => ctx.fetch(server.url).catch(thrown.open) });
  await using world = await openWorld({ jobs: [job] });
  const id = await world.forge.dispatch(job, {});
  await server.asked;
  await world.forge.jobs.cancel(id);
  expect(await thrown.opened).toMatchObject({ name: "JobAborted", code: "CANCELLED" });
});

test("it has 30 s unless timeout says otherwise, and the limit covers the body", async () => {
  await using server = await openServer();
  const limit = vi.spyOn(AbortSignal, "timeout");
  try {
    await inHandler((ctx) => ctx.fetch(`${server.url}/ok`).then(() => null));
    expect(limit.mock.calls).toEqual([[30_000]]);
    await inHandler((ctx) => ctx.fetch(`${server.url}/ok`, { timeout: false }).then(() => null));
    expect(limit).toHaveBeenCalledTimes(1);
  } finally {
    limit.mockRestore();
  }
  expect(await inHandler((ctx) => ctx.fetch(server.url, { timeout: "20ms" }))).toBe("threw TimeoutError");
  const body = await inHandler(async (ctx) => (await ctx.fetch(`${server.url}/half`, { timeout: "50ms" })).text());
  expect(body).toBe("threw TimeoutError");
  expect(await inHandler((ctx) => ctx.fetch(server.url, { timeout: "soon" as never }))).toBe("threw ForgeError");
});

test("a signal of the caller's own is heeded, in the options and on a request", async () => {
  await using server = await openServer();
  const signal = AbortSignal.abort(new RangeError("mine"));
  expect(await inHandler((ctx) => ctx.fetch(server.url, { signal }))).toBe("threw RangeError");
  expect(await inHandler((ctx) => ctx.fetch(new Request(server.url, { signal })))).toBe("threw RangeError");
});

test("ctx.jobs has the verbs of forge.jobs: a handler may retry another job", async () => {
  let broken = true;
  const other = defineJob("other", {
    retry: false,
    run: () => {
      if (broken) throw new Error("no");
    },
  });
  const retrier = defineJob("retrier", {
    run: async (ctx) => {
      const { jobs } = await ctx.jobs.list({ status: "failed" });
      for (const { id } of jobs) await ctx.jobs.retry(id);
      return jobs.length;
    },
  });
  await using world = await openWorld({ jobs: [other, retrier] });
  const { forge } = world;
  const id = await forge.dispatch(other, {});
  expect((await forge.jobs.wait(id)).status).toBe("failed");
  broken = false;
  expect((await forge.jobs.wait(await forge.dispatch(retrier, {}))).output).toBe(1);
  expect((await forge.jobs.wait(id)).status).toBe("completed");
});
