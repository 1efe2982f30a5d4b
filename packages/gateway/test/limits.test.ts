import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { addressKey } from "../src/limits/address.ts";
import type { Answer } from "./support/call.ts";
import { as, byHeader as authenticate } from "./support/users.ts";
import { openWorld } from "./support/world.ts";

function expectLimited({ status, headers, result }: Answer, sentence: RegExp): void {
  expect([status, result]).toMatchObject([
    429,
    {
      success: false,
      error: { code: "RATE_LIMITED", message: expect.stringMatching(sentence), retryAfterMs: expect.any(Number) },
    },
  ]);
  const { retryAfterMs } = (result as { error: { retryAfterMs: number } }).error;
  expect(headers.get("retry-after")).toBe(String(Math.ceil(retryAfterMs / 1_000)));
}

test.for([
  ["principal", /This user has 2 streams open, and 1 more would be over the limit of 2/],
  ["address", /This address has 2 streams open/],
  ["node", /This server has 2 streams open/],
] as const)("streams per %s are limited, and free again when one closes", async ([scope, sentence]) => {
  await using world = await openWorld({ gateway: { authenticate, limits: { sessions: { [scope]: 2 } } } });
  const first = await world.stream("/events?v=1", as("ana"));
  await world.stream("/events?v=1", as("ana"));
  expectLimited(await world.call("/events?v=1", as("ana")), sentence);
  if (scope === "principal") await world.stream("/events?v=1", as("bob"));
  first.close();
  await expect.poll(() => world.app.forgeGateway.stats().sessions).toBe(scope === "principal" ? 2 : 1);
  await world.stream("/events?v=1", as("ana"));
});

test("watched ids are limited, all or none of a request, and free again when removed", async () => {
  await using world = await openWorld({ gateway: { authenticate, limits: { watched: { principal: 3 } } } });
  const stream = await world.stream("/events?v=1", as("ana"));
  const { sessionId, sessionSecret } = stream.connected;
  const ids = [1, 2, 3, 4].map(() => randomUUID());
  const subscribe = (add: string[], remove: string[] = []) =>
    world.call("/subscribe", {
      body: { sessionId, sessionSecret, n: 1, add: add.map((id) => ({ id })), remove },
      ...as("ana"),
    });
  expectLimited(await subscribe(ids), /This user has 0 jobs watched, and 4 more would be over the limit of 3/);
  expect(world.app.forgeGateway.stats().watchedJobs).toBe(0);
  expect((await subscribe(ids.slice(0, 3))).status).toBe(200);
  expect((await subscribe(ids.slice(0, 3))).status).toBe(200);
  expectLimited(await subscribe(ids.slice(3)), /This user has 3 jobs watched/);
  expect((await subscribe(ids.slice(3), ids.slice(0, 1))).status).toBe(200);
});

test("a stream that is refused for what it would watch leaves nothing behind", async () => {
  await using world = await openWorld({ gateway: { limits: { watched: { address: 1 }, sessions: { address: 1 } } } });
  expectLimited(await world.call(`/events?v=1&job=${randomUUID()}&job=${randomUUID()}`), /jobs watched/);
  expect(world.app.forgeGateway.stats()).toMatchObject({ sessions: 0, watchedJobs: 0 });
  await world.stream();
});

test("subscribe requests are limited by the second, and a pause saves some up", async () => {
  await using world = await openWorld({ gateway: { authenticate, limits: { subscribesPerSecond: { principal: 2 } } } });
  const poll = (user: string) => world.call("/poll", { body: { watch: [] }, ...as(user) });
  const answers = await Promise.all(Array.from({ length: 60 }, () => poll("ana")));
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(8);
  expectLimited(
    answers.find(({ status }) => status === 429)!,
    /This user sends more than 2 subscribe requests a second/,
  );
  expect((await poll("bob")).status).toBe(200);
  expect((await world.call(`/jobs/${randomUUID()}`, as("ana"))).status).toBe(404);
});

test("the body's limit is the application's to set", async () => {
  await using world = await openWorld({ gateway: { limits: { bodyBytes: 100 } } });
  const { status, result } = await world.call("/poll", { body: { watch: [], padding: "x".repeat(100) } });
  expect([status, result]).toMatchObject([
    413,
    { error: { code: "TOO_LARGE", message: expect.stringMatching(/125 bytes, more than the 100/) } },
  ]);
});

test.for([
  ["203.0.113.9", "203.0.113.9"],
  ["::ffff:203.0.113.9", "203.0.113.9"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002::9", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["unknown", "unknown"],
] as const)("the address %s is counted as %s", ([ip, key]) => {
  expect(addressKey(ip)).toBe(key);
});
