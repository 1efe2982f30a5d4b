import { defineWorkflow } from "@forge-jobs/core";
import { ERROR_CODES, type ErrorCode, LIMITS } from "@forge-jobs/protocol";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { until } from "../../../test/support/until.ts";
import { puppet } from "./support/puppet.ts";
import type { Stream } from "./support/stream.ts";
import { as, byHeader } from "./support/users.ts";
import { openWorld, type World } from "./support/world.ts";

const work = puppet();
const asked = defineWorkflow("asked", {
  input: z.object({ user: z.string() }),
  public: true,
  run: (ctx) => ctx.waitForEvent("answer"),
});
const hidden = defineWorkflow("hidden", { run: async () => null });
const shown = defineWorkflow("shown", { public: "watch", run: async () => null });

let world: World;
let stream: Stream;
let jobId: string;
let runId: string;
let anasRun: string;
const unknownId = randomUUID();

beforeAll(async () => {
  world = await openWorld({
    jobs: [work.job],
    workflows: [asked, hidden, shown],
    gateway: { authenticate: byHeader },
  });
  stream = await world.stream();
  jobId = await world.forge.dispatch(work.job, null);
  runId = await world.forge.startWorkflow(asked, { user: "ada" });
  anasRun = await world.forge.startWorkflow(asked, { user: "ana" }, { owner: "ana" });
  await work.run(jobId);
  // So that nothing but the request under test can change a row.
  for (const id of [runId, anasRun]) {
    await until(async () => (await world.forge.workflows.get(id))?.status === "waiting", { what: "the run to wait" });
  }
  await until(async () => (await world.forge.jobs.get(jobId))?.status === "running", { what: "the job to run" });
});
afterAll(() => world[Symbol.asyncDispose]());

interface Case {
  readonly what: string;
  readonly path: () => string;
  /** What is posted; without it the request is a GET. */
  readonly body?: () => unknown;
  readonly code: ErrorCode;
  readonly sentence: RegExp;
}

const proof = () => ({ sessionId: stream.connected.sessionId, sessionSecret: stream.connected.sessionSecret });
const signal = (body: unknown) => ({ path: () => `/workflows/${runId}/signal`, body: () => body });
const rpc = (name: string, args: unknown) => ({ path: () => `/rpc/${name}`, body: () => ({ args }) });

const cases: Case[] = [
  { what: "a workflow that is not public", ...rpc("hidden", {}), code: "NOT_FOUND", sentence: /workflow "hidden"/ },
  {
    what: "starting a workflow that is public for watching",
    ...rpc("shown", {}),
    code: "NOT_FOUND",
    sentence: /workflow "shown"/,
  },
  {
    what: "starting a workflow by the type of its rows",
    ...rpc("asked@1", { user: "ada" }),
    code: "NOT_FOUND",
    sentence: /no job or workflow "asked@1"/,
  },
  { what: "wrong arguments", ...rpc("asked", { user: 7 }), code: "INVALID_ARGS", sentence: /asked@1 takes: .*user/ },
  {
    what: "reading what is no UUID",
    path: () => "/workflows/7",
    code: "BAD_REQUEST",
    sentence: /The run's id must be a UUID; got "7"/,
  },
  {
    what: "reading an unknown run",
    path: () => `/workflows/${unknownId}`,
    code: "NOT_FOUND",
    sentence: /no workflow run \S+ of yours/,
  },
  {
    what: "cancelling an unknown run",
    path: () => `/workflows/${unknownId}/cancel`,
    body: () => ({}),
    code: "NOT_FOUND",
    sentence: /no workflow run \S+ of yours/,
  },
  {
    what: "signalling an unknown run",
    path: () => `/workflows/${unknownId}/signal`,
    body: () => ({ name: "answer" }),
    code: "NOT_FOUND",
    sentence: /no workflow run \S+ of yours/,
  },
  {
    what: "reading a job as a run",
    path: () => `/workflows/${jobId}`,
    code: "NOT_FOUND",
    sentence: /no workflow run \S+ of yours/,
  },
  {
    what: "cancelling a job as a run",
    path: () => `/workflows/${jobId}/cancel`,
    body: () => ({}),
    code: "NOT_FOUND",
    sentence: /no workflow run \S+ of yours/,
  },
  {
    what: "signalling a job",
    path: () => `/workflows/${jobId}/signal`,
    body: () => ({ name: "answer" }),
    code: "NOT_FOUND",
    sentence: /no workflow run \S+ of yours/,
  },
  { what: "reading a run as a job", path: () => `/jobs/${runId}`, code: "NOT_FOUND", sentence: /no job \S+ of yours/ },
  {
    what: "cancelling a run as a job",
    path: () => `/jobs/${runId}/cancel`,
    body: () => ({}),
    code: "NOT_FOUND",
    sentence: /no job \S+ of yours/,
  },
  {
    what: "retrying a run as a job",
    path: () => `/jobs/${runId}/retry`,
    body: () => ({}),
    code: "NOT_FOUND",
    sentence: /no job \S+ of yours/,
  },
  {
    what: "retrying a run",
    path: () => `/workflows/${runId}/retry`,
    body: () => ({}),
    code: "NOT_FOUND",
    sentence: /no POST/,
  },
  { what: "a list as a signal", ...signal([]), code: "BAD_REQUEST", sentence: /must be a JSON object/ },
  { what: "a signal without a name", ...signal({}), code: "BAD_REQUEST", sentence: /name must be text/ },
  { what: "an empty name", ...signal({ name: "" }), code: "BAD_REQUEST", sentence: /The name of a signal/ },
  {
    what: "an endless name",
    ...signal({ name: "x".repeat(201) }),
    code: "BAD_REQUEST",
    sentence: /1 to 200 characters/,
  },
  { what: "a name with NUL", ...signal({ name: "a\0b" }), code: "BAD_REQUEST", sentence: /The name of a signal/ },
  {
    what: "a signalId that is a number",
    ...signal({ name: "answer", signalId: 7 }),
    code: "BAD_REQUEST",
    sentence: /signalId must be text/,
  },
  {
    what: "a signalId with NUL",
    ...signal({ name: "answer", signalId: "a\0b" }),
    code: "BAD_REQUEST",
    sentence: /signalId must be text/,
  },
  {
    what: "a payload with NUL",
    ...signal({ name: "answer", payload: { text: "a\0b" } }),
    code: "INVALID_ARGS",
    sentence: /The payload holds a NUL character.* \$\.text/,
  },
  {
    what: "a payload over 1 MiB",
    ...signal({ name: "answer", payload: "x".repeat(LIMITS.valueBytes + 1) }),
    code: "TOO_LARGE",
    sentence: /The payload is 1048579 bytes/,
  },
  {
    what: "subscribing to what is no UUID",
    path: () => "/subscribe-workflow",
    body: () => ({ ...proof(), workflowId: "7" }),
    code: "BAD_REQUEST",
    sentence: /workflowId must be a UUID/,
  },
  {
    what: "subscribing without a session",
    path: () => "/subscribe-workflow",
    body: () => ({ workflowId: runId, sessionId: "none", sessionSecret: "x" }),
    code: "NOT_FOUND",
    sentence: /no such session/,
  },
  {
    what: "unsubscribing from what is no UUID",
    path: () => "/unsubscribe",
    body: () => ({ ...proof(), workflowId: 7 }),
    code: "BAD_REQUEST",
    sentence: /workflowId must be a UUID/,
  },
];

test.for(cases)("$what answers $code and changes nothing", async ({ path, body, code, sentence }) => {
  const before = await world.forge.jobs.list();
  const { status, headers, result } = await world.call(path(), body === undefined ? {} : { body: body() });
  expect(result).toEqual({
    success: false,
    error: expect.objectContaining({ code, message: expect.stringMatching(sentence) }),
  });
  expect(status).toBe(ERROR_CODES[code].status);
  expect(headers.get("content-type")).toMatch(/^application\/json/);
  expect(await world.forge.jobs.list()).toEqual(before);
  expect(world.app.forgeGateway.stats()).toMatchObject({ sessions: 1, watchedJobs: 0 });
});

test.for(["", "/cancel", "/signal"])("somebody else's run looks like an unknown one: %j", async (verb) => {
  const ask = (id: string) =>
    world.call(`/workflows/${id}${verb}`, { ...as("eve"), ...(verb !== "" && { body: { name: "answer" } }) });
  const foreign = await ask(anasRun);
  const unknown = await ask(unknownId);
  expect(foreign.status).toBe(404);
  expect(unknown.status).toBe(404);
  expect(foreign.text.replaceAll(anasRun, "ID")).toBe(unknown.text.replaceAll(unknownId, "ID"));
  expect(await world.forge.workflows.get(anasRun)).toMatchObject({ status: "waiting" });
});
