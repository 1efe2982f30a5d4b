import { defineJob } from "@forge-jobs/core";
import { ERROR_CODES, type ErrorCode, LIMITS } from "@forge-jobs/protocol";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { Answer, CallOptions } from "./support/call.ts";
import { until } from "../../../test/support/until.ts";
import { puppet } from "./support/puppet.ts";
import type { Stream } from "./support/stream.ts";
import { as, byHeader } from "./support/users.ts";
import { openWorld, type World } from "./support/world.ts";

const checked = defineJob("checked", {
  input: z.object({ format: z.enum(["csv", "json"]), nested: z.object({ limit: z.number() }) }),
  public: true,
  run: () => null,
});
const hidden = defineJob("hidden", { run: () => null });
const shown = defineJob("shown", { public: "watch", run: () => null });
const work = puppet();

let world: World;
let stream: Stream;
let jobId: string;
let anasJob: string;
const proof = () => ({ sessionId: stream.connected.sessionId, sessionSecret: stream.connected.sessionSecret });

beforeAll(async () => {
  world = await openWorld({
    jobs: [checked, hidden, shown, work.job],
    gateway: { authenticate: byHeader },
  });
  stream = await world.stream();
  jobId = await world.forge.dispatch(work.job, null);
  anasJob = await world.forge.dispatch(work.job, null, { owner: "ana" });
  // So that nothing but the request under test can change a row.
  await until(async () => (await world.forge.jobs.list({ status: "running" })).jobs.length === 2, {
    what: "both jobs to run",
  });
});
afterAll(() => world[Symbol.asyncDispose]());

function expectError({ status, headers, result }: Answer, code: ErrorCode, sentence: RegExp): void {
  expect(result).toEqual({
    success: false,
    error: expect.objectContaining({ code, message: expect.stringMatching(sentence) }),
  });
  expect(status).toBe(ERROR_CODES[code].status);
  expect(headers.get("content-type")).toMatch(/^application\/json/);
}

interface Case {
  readonly what: string;
  readonly path: () => string;
  readonly options?: () => CallOptions;
  readonly code: ErrorCode;
  readonly sentence: RegExp;
}

const post = (path: string, body: () => unknown, rest: Omit<CallOptions, "body"> = {}) => ({
  path: () => path,
  options: () => ({ ...rest, method: "POST", body: body() }),
});
const get = (path: string) => ({ path: () => path });
const args = { format: "csv", nested: { limit: 1 } };

const cases: Case[] = [
  {
    what: "an unknown job",
    ...post("/rpc/nothing", () => ({ args })),
    code: "NOT_FOUND",
    sentence: /no job or workflow "nothing"/,
  },
  {
    what: "__proto__ as a job",
    ...post("/rpc/__proto__", () => ({ args })),
    code: "NOT_FOUND",
    sentence: /no job or workflow "__proto__"/,
  },
  {
    what: "constructor as a job",
    ...post("/rpc/constructor", () => ({ args })),
    code: "NOT_FOUND",
    sentence: /no job or workflow "constructor"/,
  },
  {
    what: "a job that is not public",
    ...post("/rpc/hidden", () => ({ args })),
    code: "NOT_FOUND",
    sentence: /no job or workflow "hidden"/,
  },
  {
    what: "starting a job that is public for watching",
    ...post("/rpc/shown", () => ({ args })),
    code: "NOT_FOUND",
    sentence: /no job or workflow "shown"/,
  },
  {
    what: "wrong arguments",
    ...post("/rpc/checked", () => ({ args: { format: "xml", nested: { limit: "1" } } })),
    code: "INVALID_ARGS",
    sentence: /format.*nested\.limit/,
  },
  { what: "no arguments", ...post("/rpc/checked", () => ({})), code: "INVALID_ARGS", sentence: /checked takes/ },
  {
    what: "arguments with NUL",
    ...post("/rpc/puppet", () => ({ args: "a\0b" })),
    code: "INVALID_ARGS",
    sentence: /NUL/,
  },
  {
    what: "arguments with half a surrogate pair",
    ...post("/rpc/puppet", () => '{"args":"\\ud800"}'),
    code: "INVALID_ARGS",
    sentence: /surrogate/,
  },
  {
    what: "arguments nested too deeply",
    ...post("/rpc/puppet", () => `{"args":${"[".repeat(30_000)}${"]".repeat(30_000)}}`),
    code: "INVALID_ARGS",
    sentence: /nested too deeply/,
  },
  {
    what: "arguments over 1 MiB",
    ...post("/rpc/puppet", () => ({ args: "x".repeat(LIMITS.valueBytes + 1) })),
    code: "TOO_LARGE",
    sentence: /1048579 bytes.*1048576/,
  },
  {
    what: "a body over its limit",
    ...post("/rpc/puppet", () => ({ args: "x".repeat(2 * LIMITS.valueBytes) })),
    code: "TOO_LARGE",
    sentence: /2097163 bytes, more than the 1114112/,
  },
  { what: "malformed JSON", ...post("/rpc/puppet", () => '{"args":'), code: "BAD_REQUEST", sentence: /no JSON/ },
  {
    what: "__proto__ in the body",
    ...post("/rpc/puppet", () => '{"args":{"__proto__":{"x":1}}}'),
    code: "BAD_REQUEST",
    sentence: /__proto__/,
  },
  { what: "an empty body", ...post("/rpc/puppet", () => ""), code: "BAD_REQUEST", sentence: /no JSON/ },
  {
    what: "a list as a body",
    ...post("/rpc/puppet", () => []),
    code: "BAD_REQUEST",
    sentence: /must be a JSON object/,
  },
  {
    what: "text as content type",
    ...post("/rpc/puppet", () => "{}", { headers: { "content-type": "text/plain" } }),
    code: "BAD_REQUEST",
    sentence: /must be JSON/,
  },
  {
    what: "a form as content type",
    ...post("/rpc/puppet", () => "args=1", { headers: { "content-type": "application/x-www-form-urlencoded" } }),
    code: "BAD_REQUEST",
    sentence: /must be JSON/,
  },
  {
    what: "no body at all",
    path: () => "/rpc/puppet",
    options: () => ({ method: "POST" }),
    code: "BAD_REQUEST",
    sentence: /must be a JSON object/,
  },
  {
    what: "a requestId that is no UUID",
    ...post("/rpc/puppet", () => ({ args, requestId: "again" })),
    code: "BAD_REQUEST",
    sentence: /requestId must be a UUID/,
  },
  {
    what: "a requestId that is a number",
    ...post("/rpc/puppet", () => ({ args, requestId: 7 })),
    code: "BAD_REQUEST",
    sentence: /requestId must be a UUID/,
  },
  {
    what: "a session that does not exist",
    ...post("/subscribe", () => ({ sessionId: "none", sessionSecret: "x", n: 1, add: [], remove: [] })),
    code: "NOT_FOUND",
    sentence: /no such session/,
  },
  {
    what: "a foreign session's secret",
    ...post("/subscribe", () => ({ ...proof(), sessionSecret: "x".repeat(43), n: 1, add: [], remove: [] })),
    code: "NOT_FOUND",
    sentence: /no such session/,
  },
  {
    what: "somebody else's session with its secret",
    ...post("/subscribe", () => ({ ...proof(), n: 1, add: [], remove: [] }), as("eve")),
    code: "NOT_FOUND",
    sentence: /no such session/,
  },
  {
    what: "a subscribe without proof",
    ...post("/subscribe", () => ({ n: 1, add: [], remove: [] })),
    code: "BAD_REQUEST",
    sentence: /sessionId and sessionSecret/,
  },
  {
    what: "a subscribe without a number",
    ...post("/subscribe", () => ({ ...proof(), add: [], remove: [] })),
    code: "BAD_REQUEST",
    sentence: /n must be a whole number/,
  },
  {
    what: "a subscribe whose add is no list",
    ...post("/subscribe", () => ({ ...proof(), n: 1, add: {}, remove: [] })),
    code: "BAD_REQUEST",
    sentence: /add must be a list/,
  },
  {
    what: "an added id that is no UUID",
    ...post("/subscribe", () => ({ ...proof(), n: 1, add: [{ id: jobId }, { id: "job-7" }], remove: [] })),
    code: "BAD_REQUEST",
    sentence: /add\[1\]\.id must be a UUID; got "job-7"/,
  },
  {
    what: "an added revision that is no number",
    ...post("/subscribe", () => ({ ...proof(), n: 1, add: [{ id: jobId, revision: "2" }], remove: [] })),
    code: "BAD_REQUEST",
    sentence: /add\[0\]\.revision/,
  },
  {
    what: "an added null",
    ...post("/subscribe", () => ({ ...proof(), n: 1, add: [null], remove: [] })),
    code: "BAD_REQUEST",
    sentence: /add\[0\]\.id/,
  },
  {
    what: "too many ids in a subscribe",
    ...post("/subscribe", () => ({
      ...proof(),
      n: 1,
      add: Array.from({ length: 1_001 }, () => ({ id: randomUUID() })),
      remove: [],
    })),
    code: "BAD_REQUEST",
    sentence: /1001 ids; at most 1000/,
  },
  {
    what: "too many ids in a stream's address",
    path: () => `/events?v=1${`&job=${jobId}`.repeat(51)}`,
    code: "BAD_REQUEST",
    sentence: /51 ids; at most 50/,
  },
  {
    what: "too many ids in a poll",
    ...post("/poll", () => ({ watch: Array.from({ length: 1_001 }, () => ({ id: randomUUID(), revision: 0 })) })),
    code: "BAD_REQUEST",
    sentence: /at most 1000/,
  },
  {
    what: "a poll without a list",
    ...post("/poll", () => ({})),
    code: "BAD_REQUEST",
    sentence: /watch must be a list/,
  },
  {
    what: "subscribing to an id that is no UUID",
    ...post("/subscribe-job", () => ({ ...proof(), jobId: "7" })),
    code: "BAD_REQUEST",
    sentence: /jobId must be a UUID/,
  },
  {
    what: "an endless subscriptionId",
    ...post("/subscribe-job", () => ({ ...proof(), jobId, subscriptionId: "x".repeat(101) })),
    code: "BAD_REQUEST",
    sentence: /subscriptionId must be text/,
  },
  {
    what: "unsubscribing without a session",
    ...post("/unsubscribe", () => ({ jobId, sessionId: "none", sessionSecret: "x" })),
    code: "NOT_FOUND",
    sentence: /no such session/,
  },
  {
    what: "a stream of an id that is no UUID",
    ...get("/events?v=1&job=seven"),
    code: "BAD_REQUEST",
    sentence: /job\[0\] must be a UUID/,
  },
  {
    what: "reading an id that is no UUID",
    ...get("/jobs/7"),
    code: "BAD_REQUEST",
    sentence: /must be a UUID; got "7"/,
  },
  {
    what: "reading an unknown id",
    ...get("/jobs/01920000-0000-7000-8000-000000000000"),
    code: "NOT_FOUND",
    sentence: /no job 0192\S+ of yours/,
  },
  {
    what: "cancelling an unknown id",
    ...post("/jobs/01920000-0000-7000-8000-000000000000/cancel", () => ({})),
    code: "NOT_FOUND",
    sentence: /no job 0192\S+ of yours/,
  },
  {
    what: "cancelling what is no UUID",
    ...post("/jobs/__proto__/cancel", () => ({})),
    code: "BAD_REQUEST",
    sentence: /must be a UUID/,
  },
  {
    what: "retrying an unknown id",
    ...post("/jobs/01920000-0000-7000-8000-000000000000/retry", () => ({})),
    code: "NOT_FOUND",
    sentence: /no job 0192\S+ of yours/,
  },
  {
    what: "a foreign origin",
    ...post("/rpc/puppet", () => ({ args }), { headers: { origin: "https://evil.example" } }),
    code: "FORBIDDEN_ORIGIN",
    sentence: /"https:\/\/evil\.example"/,
  },
  {
    what: "a foreign site",
    ...post("/rpc/puppet", () => ({ args }), { headers: { "sec-fetch-site": "cross-site" } }),
    code: "FORBIDDEN_ORIGIN",
    sentence: /another site/,
  },
  {
    what: "an unserved protocol",
    ...get("/events?v=2"),
    code: "PROTOCOL_UNSUPPORTED",
    sentence: /protocol 1 .*not "2"/,
  },
  { what: "no protocol", ...get("/events"), code: "PROTOCOL_UNSUPPORTED", sentence: /not null/ },
  {
    what: "a stream asked for by POST with an unserved protocol",
    ...post("/events?v=99", () => ({ watch: [] })),
    code: "PROTOCOL_UNSUPPORTED",
    sentence: /not "99"/,
  },
  {
    what: "an unknown route",
    ...get("/nothing/here?x=1"),
    code: "NOT_FOUND",
    sentence: /no GET \/_api\/nothing\/here\./,
  },
  { what: "a wrong method", ...get("/rpc/puppet"), code: "NOT_FOUND", sentence: /no GET \/_api\/rpc\/puppet/ },
  {
    what: "a method nobody uses",
    path: () => "/health",
    options: () => ({ method: "DELETE" }),
    code: "NOT_FOUND",
    sentence: /no DELETE/,
  },
];

test.for(cases)("$what answers $code and changes nothing", async ({ path, options, code, sentence }) => {
  const before = await world.forge.jobs.list({ limit: 1_000 });
  const { watchedJobs } = world.app.forgeGateway.stats();
  expectError(await world.call(path(), options?.()), code, sentence);
  expect((await world.forge.jobs.list({ limit: 1_000 })).jobs).toEqual(before.jobs);
  expect(world.app.forgeGateway.stats()).toMatchObject({ sessions: 1, watchedJobs });
});

test.for(["GET jobs", "cancel", "retry"])("somebody else's job looks like an unknown one: %s", async (verb) => {
  const path = (id: string): string => (verb === "GET jobs" ? `/jobs/${id}` : `/jobs/${id}/${verb}`);
  const options = verb === "GET jobs" ? {} : { body: {} };
  const unknownId = randomUUID();
  const foreign = await world.call(path(anasJob), options);
  const unknown = await world.call(path(unknownId), options);
  expect(foreign.status).toBe(unknown.status);
  expect(foreign.text.replaceAll(anasJob, "ID")).toBe(unknown.text.replaceAll(unknownId, "ID"));
  expect(await world.forge.jobs.get(anasJob)).toMatchObject({
    status: expect.stringMatching(/pending|claimed|running/),
  });
});

// Fastify answers these before it knows a route, for the application and the gateway alike.
test.for(["/rpc/%zz", `/rpc/${"x".repeat(500)}`])("an address that no router reads is refused: %s", async (path) => {
  const { status, text } = await world.call(path, { body: { args } });
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  expect(text).not.toContain("jobId");
});

test("INVALID_ARGS lists every issue with its path", async () => {
  const { result } = await world.call("/rpc/checked", { body: { args: { format: "xml", nested: { limit: "1" } } } });
  expect(result).toMatchObject({
    error: {
      details: {
        issues: [
          { path: "format", message: expect.any(String) },
          { path: "nested.limit", message: expect.any(String) },
        ],
      },
    },
  });
});

test("HEAD is not served, and has no body", async () => {
  for (const path of ["/events?v=1", "/health", `/jobs/${jobId}`, "/nothing"]) {
    const { status, text } = await world.call(path, { method: "HEAD" });
    expect([path, status, text]).toEqual([path, 404, ""]);
  }
});

test("unsubscribing twice answers 200 twice", async () => {
  const { data } = await world.call("/subscribe-job", { body: { ...proof(), jobId } });
  expect(data).toMatchObject({ jobId });
  for (const _ of [1, 2]) {
    const { status, result } = await world.call("/unsubscribe", { body: { ...proof(), jobId } });
    expect([status, result]).toEqual([200, { success: true, data: {} }]);
  }
});

test("one unknown id does not fail the other forty-nine", async () => {
  const add = [{ id: randomUUID() }, { id: anasJob }, { id: jobId }];
  const { data } = await world.call("/subscribe", { body: { ...proof(), n: 1, add, remove: [] } });
  const { states } = data as { states: { jobId: string; status: string }[] };
  expect(states.map((state) => state.status)).toEqual([
    "not_found",
    "not_found",
    expect.not.stringMatching("not_found"),
  ]);
  expect(states.map((state) => state.jobId)).toEqual(add.map(({ id }) => id));
});
