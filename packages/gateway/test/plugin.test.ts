import { defineJob } from "@forge-jobs/core";
import Fastify, { type FastifyInstance } from "fastify";
import { expect, test } from "vitest";
import { z } from "zod";
import { forgeGateway, type ForgeGatewayOptions } from "../src/index.ts";
import { openWorld } from "./support/world.ts";

const plain = defineJob("plain", { public: true, run: () => null });

/** An application with opinions of its own about everything that the gateway also decides. */
const opinionated = (app: FastifyInstance): void => {
  app.setErrorHandler((error, _request, reply) => reply.code(418).send({ own: (error as Error).message }));
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ own: "not here" }));
  app.addContentTypeParser("text/plain", { parseAs: "string" }, (_request, body, done) =>
    done(null, `parsed ${String(body)}`),
  );
  app.post("/own", async ({ body }) => ({ body }));
  app.get("/own/broken", async () => {
    throw new Error("own trouble");
  });
};

test("the application's routes, parsers, errors and 404 stay its own", async () => {
  await using world = await openWorld({ before: opinionated });
  const own = async (path: string, init?: RequestInit): Promise<unknown> => {
    const response = await fetch(world.url + path, init);
    return [response.status, await response.json()];
  };
  expect(await own("/nothing")).toEqual([404, { own: "not here" }]);
  expect(await own("/own/broken")).toEqual([418, { own: "own trouble" }]);
  expect(await own("/own", { method: "POST", body: "x", headers: { "content-type": "text/plain" } })).toEqual([
    200,
    { body: "parsed x" },
  ]);
  expect(await own("/own", { method: "POST", body: "{", headers: { "content-type": "application/json" } })).toEqual([
    418,
    expect.anything(),
  ]);
  expect(
    await own("/own", {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json", origin: "https://evil.example" },
    }),
  ).toEqual([200, { body: {} }]);
});

test("the gateway's routes keep their envelope whatever the application does", async () => {
  await using world = await openWorld({ before: opinionated, jobs: [plain] });
  expect((await world.call("/nothing")).result).toMatchObject({ success: false, error: { code: "NOT_FOUND" } });
  expect((await world.call("/rpc/plain", { body: "{" })).result).toMatchObject({
    success: false,
    error: { code: "BAD_REQUEST" },
  });
  const text = { body: "x", headers: { "content-type": "text/plain" } };
  expect((await world.call("/rpc/plain", text)).result).toMatchObject({
    success: false,
    error: { code: "BAD_REQUEST" },
  });
});

test.for([
  [401, "UNAUTHENTICATED"],
  [403, "UNAUTHENTICATED"],
  [422, "BAD_REQUEST"],
  [429, "RATE_LIMITED"],
  [503, "UNAVAILABLE"],
  [500, "INTERNAL"],
  [undefined, "INTERNAL"],
] as const)(
  "what the application's own hook throws with status %s answers %s without its words",
  async ([statusCode, code]) => {
    await using world = await openWorld({
      before: (app) => {
        app.addHook("onRequest", async () => {
          throw Object.assign(new Error("the words of a driver"), { statusCode });
        });
      },
    });
    const { result, text } = await world.call("/health");
    expect(result).toMatchObject({ success: false, error: { code } });
    expect(text).not.toContain("driver");
  },
);

test("the prefix is the application's to choose", async () => {
  await using world = await openWorld({ gateway: { prefix: "/live/v1" }, jobs: [plain] });
  expect((await fetch(`${world.url}/live/v1/health`)).status).toBe(200);
  expect(await (await fetch(`${world.url}/live/v1/nothing`)).json()).toMatchObject({ error: { code: "NOT_FOUND" } });
  expect(await (await fetch(`${world.url}/_api/health`)).json()).toMatchObject({ statusCode: 404 });
});

test("the gateway works inside a scope with a prefix of its own", async () => {
  await using world = await openWorld();
  const app = Fastify();
  await app.register(async (scope) => void scope.register(forgeGateway, { forge: world.forge }), { prefix: "/v1" });
  expect((await app.inject("/v1/_api/health")).json()).toEqual({ success: true, data: { status: "ok" } });
  expect((await app.inject("/_api/health")).statusCode).toBe(404);
  await app.close();
});

test.for([
  [{}, /needs \{ forge \}/],
  [{ prefix: "api" }, /prefix must be a path/],
  [{ prefix: "/api/" }, /prefix must be a path/],
  [{ prefix: "/" }, /prefix must be a path/],
  [{ heartbeat: "15" }, /heartbeat must be a duration/],
  [{ heartbeat: "1ms" }, /heartbeat must be from/],
  [{ authenticate: true }, /authenticate must be a function/],
  [{ limits: { sessions: { node: 0 } } }, /limits\.sessions\.node must be a whole number/],
  [{ limits: { streams: 3 } }, /limits has no option "streams"/],
  [{ limits: { sessions: { ip: 3 } } }, /limits\.sessions has no option "ip"/],
  [{ websocket: true }, /no option "websocket"/],
] as const)("registering with %j is refused with a sentence", async ([options, sentence]) => {
  await using world = await openWorld();
  const forge = Object.keys(options).length === 0 ? {} : { forge: world.forge };
  const app = Fastify();
  const registering = app.register(forgeGateway, { ...forge, ...options } as unknown as ForgeGatewayOptions);
  await expect(registering).rejects.toMatchObject({ code: "BAD_REQUEST", message: expect.stringMatching(sentence) });
});

test("an unexpected error is in the log under the id that the caller is told", async () => {
  await using world = await openWorld({
    jobs: [plain],
    between: (forge) => ({
      ...forge,
      dispatchNamed: () => Promise.reject(new Error('relation "forge_jobs" does not exist')),
    }),
  });
  const { status, result, text } = await world.call("/rpc/plain", { body: { args: 1 } });
  expect([status, result]).toMatchObject([500, { error: { code: "INTERNAL" } }]);
  expect(text).not.toContain("forge_jobs");
  const id = /req-\w+/.exec(text)?.[0];
  const line = world.logs.find(({ err }) => err?.message.includes("forge_jobs"));
  expect(line).toMatchObject({ reqId: id });
});

test("what an input schema throws stays on the server", async () => {
  const schema = z.string().refine(() => {
    throw new Error("connect ECONNREFUSED 10.0.0.7");
  });
  const looked = defineJob("looked", { public: true, input: schema, run: () => null });
  await using world = await openWorld({ jobs: [looked] });
  const { status, text } = await world.call("/rpc/looked", { body: { args: "x" } });
  expect([status, text]).toEqual([500, expect.stringContaining("INTERNAL")]);
  expect(text).not.toContain("10.0.0.7");
  expect(JSON.stringify(world.logs)).toContain("10.0.0.7");
});

test("answers are not kept by caches", async () => {
  await using world = await openWorld();
  expect((await world.call("/health")).headers.get("cache-control")).toBe("no-store");
});

test("ready says what health does not: that the database answers", async () => {
  const error = Object.assign(new Error("connect ECONNREFUSED 10.0.0.7"), { code: "ECONNREFUSED" });
  await using world = await openWorld({ between: (forge) => ({ ...forge, ping: () => Promise.reject(error) }) });
  expect((await world.call("/health")).status).toBe(200);
  const { status, text } = await world.call("/ready");
  expect(status).toBeGreaterThanOrEqual(500);
  expect(text).not.toContain("10.0.0.7");
});
