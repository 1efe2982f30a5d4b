import cors from "@fastify/cors";
import { expect, test } from "vitest";
import { forgeGateway } from "../src/index.ts";
import { puppet } from "./support/puppet.ts";
import { openWorld } from "./support/world.ts";
import Fastify from "fastify";

const LISTED = "https://app.example.com";

// What a browser, a proxy or a script may send; `HOST` stands for the server's own.
const cases: { what: string; headers: Record<string, string>; isTaken: boolean }[] = [
  { what: "a script that names no origin", headers: {}, isTaken: true },
  { what: "a page of our own", headers: { "sec-fetch-site": "same-origin", origin: "http://HOST" }, isTaken: true },
  { what: "the address bar", headers: { "sec-fetch-site": "none" }, isTaken: true },
  { what: "a page of our own in an old browser", headers: { origin: "http://HOST" }, isTaken: true },
  { what: "a page of our own behind a proxy that ends TLS", headers: { origin: "https://HOST" }, isTaken: true },
  { what: "a listed page", headers: { "sec-fetch-site": "cross-site", origin: LISTED }, isTaken: true },
  { what: "a listed page in an old browser", headers: { origin: LISTED }, isTaken: true },
  { what: "a sibling domain", headers: { "sec-fetch-site": "same-site", origin: "http://other.HOST" }, isTaken: false },
  { what: "another site", headers: { "sec-fetch-site": "cross-site", origin: "https://evil.example" }, isTaken: false },
  { what: "another site that hides its origin", headers: { "sec-fetch-site": "cross-site" }, isTaken: false },
  { what: "another site in an old browser", headers: { origin: "https://evil.example" }, isTaken: false },
  { what: "a sandboxed frame in an old browser", headers: { origin: "null" }, isTaken: false },
  { what: "a listed name on another port", headers: { origin: `${LISTED}:8443` }, isTaken: false },
  { what: "a listed name over http", headers: { origin: "http://app.example.com" }, isTaken: false },
  { what: "our name as the start of another", headers: { origin: "http://HOST.evil.example" }, isTaken: false },
  { what: "two values at once", headers: { "sec-fetch-site": "same-origin, cross-site" }, isTaken: false },
];

test.for(cases)("$what is taken: $isTaken", async ({ headers, isTaken }) => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], worker: false, gateway: { origins: [LISTED] } });
  const host = new URL(world.url).host;
  const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace("HOST", host)]));
  // Not by fetch, which sets these headers itself.
  const response = await world.app.inject({
    method: "POST",
    url: "/_api/rpc/puppet",
    headers: { host, ...sent },
    payload: { args: 1 },
  });
  expect(response.statusCode).toBe(isTaken ? 200 : 403);
  expect((await world.forge.jobs.list()).jobs).toHaveLength(isTaken ? 1 : 0);
});

test("a listed origin may read answers and streams with credentials", async () => {
  await using world = await openWorld({ gateway: { origins: [LISTED] } });
  const stream = await world.stream("/events?v=1", { headers: { origin: LISTED } });
  for (const { headers } of [stream.response, await world.call("/health", { headers: { origin: LISTED } })]) {
    expect(headers.get("access-control-allow-origin")).toBe(LISTED);
    expect(headers.get("access-control-allow-credentials")).toBe("true");
    expect(headers.get("vary")).toContain("Origin");
  }
  const other = await world.call("/health", { headers: { origin: "https://evil.example" } });
  expect(other.headers.get("access-control-allow-origin")).toBeNull();
});

test("errors reach a listed origin's page as well", async () => {
  await using world = await openWorld({ gateway: { origins: [LISTED] } });
  for (const path of ["/events?v=9", "/nothing"]) {
    const { headers } = await world.call(path, { headers: { origin: LISTED } });
    expect(headers.get("access-control-allow-origin")).toBe(LISTED);
  }
});

test("preflight requests of listed origins are answered, and no others", async () => {
  await using world = await openWorld({ gateway: { origins: [LISTED] } });
  const preflight = (origin?: string) =>
    world.call("/rpc/anything", {
      method: "OPTIONS",
      headers: {
        ...(origin !== undefined && { origin }),
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
  const { status, headers } = await preflight(LISTED);
  expect(status).toBe(204);
  expect(headers.get("access-control-allow-origin")).toBe(LISTED);
  expect(headers.get("access-control-allow-methods")).toBe("GET, POST");
  expect(headers.get("access-control-allow-headers")).toBe("authorization,content-type");
  expect((await preflight("https://evil.example")).status).toBe(403);
  expect((await preflight()).status).toBe(404);
});

test("the application's own CORS keeps working beside the gateway", async () => {
  await using world = await openWorld({
    before: async (app) => {
      await app.register(cors, { origin: "https://own.example" });
    },
  });
  const { headers } = await world.call("/health", { headers: { origin: "https://own.example" } });
  expect(headers.get("access-control-allow-origin")).toBe("https://own.example");
});

test.for(["app.example.com", "https://app.example.com/", "https://*.example.com/x", "*"])(
  "origins refuses %s",
  async (origin) => {
    await using world = await openWorld();
    const app = Fastify();
    await expect(app.register(forgeGateway, { forge: world.forge, origins: [origin] })).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringContaining(JSON.stringify(origin)),
    });
  },
);
