import cookie from "@fastify/cookie";
import { expect, test } from "vitest";
import type { AccessQuestion } from "../src/index.ts";
import { puppet } from "./support/puppet.ts";
import { as, byHeader as authenticate } from "./support/users.ts";
import { openWorld } from "./support/world.ts";

test("only the owner watches, cancels and retries", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], worker: false, gateway: { authenticate } });
  const jobId = await world.forge.dispatch(work.job, null, { owner: "ana" });
  for (const [user, status] of [
    ["ana", 200],
    ["eve", 404],
  ] as const) {
    expect((await world.call(`/jobs/${jobId}`, as(user))).status).toBe(status);
    expect((await world.call(`/jobs/${jobId}/cancel`, { body: {}, ...as(user) })).status).toBe(status);
    expect((await world.call(`/jobs/${jobId}/retry`, { body: {}, ...as(user) })).status).toBe(status);
  }
  expect((await world.call(`/jobs/${jobId}`)).status).toBe(404);
});

test("a job without an owner is anybody's who is anonymous, and no user's, which is said once", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], worker: false, gateway: { authenticate } });
  const jobId = await world.forge.dispatch(work.job, null);
  expect((await world.call(`/jobs/${jobId}`)).status).toBe(200);
  for (const _ of [1, 2]) expect((await world.call(`/jobs/${jobId}`, as("ana"))).status).toBe(404);
  expect(world.logs.filter(({ msg }) => msg.includes("pass { owner }"))).toHaveLength(1);
});

test("authorize decides in place of the owner rule, with all it may need", async () => {
  const work = puppet();
  const questions: AccessQuestion[] = [];
  await using world = await openWorld({
    jobs: [work.job],
    worker: false,
    gateway: {
      authenticate,
      authorize: async (question) => {
        questions.push(question);
        return question.principal?.id === "support" || question.action === "dispatch";
      },
    },
  });
  const { jobId } = (await world.call("/rpc/puppet", { body: { args: 1 }, ...as("ana") })).data as { jobId: string };
  expect((await world.call(`/jobs/${jobId}`, as("ana"))).status).toBe(404);
  expect((await world.call(`/jobs/${jobId}/cancel`, { body: {}, ...as("support") })).status).toBe(200);
  expect((await world.call(`/jobs/${jobId}/retry`, { body: {}, ...as("support") })).status).toBe(200);
  expect(questions).toEqual([
    { principal: { id: "ana" }, action: "dispatch", job: { id: null, type: "puppet", owner: "ana" } },
    { principal: { id: "ana" }, action: "watch", job: { id: jobId, type: "puppet", owner: "ana" } },
    { principal: { id: "support" }, action: "cancel", job: { id: jobId, type: "puppet", owner: "ana" } },
    { principal: { id: "support" }, action: "retry", job: { id: jobId, type: "puppet", owner: "ana" } },
  ]);
  expect((await world.forge.jobs.get(jobId, { history: true }))!.history).toMatchObject([
    { event: "cancel", by: "support" },
    { event: "retry", by: "support" },
  ]);
});

test("jobs that are not public are nobody's business, whatever authorize says", async () => {
  const [hidden, shown] = [puppet("hidden", {}), puppet("shown", { public: "watch" })];
  await using world = await openWorld({
    jobs: [hidden.job, shown.job],
    worker: false,
    gateway: { authorize: () => true },
  });
  const [hiddenId, shownId] = [
    await world.forge.dispatch(hidden.job, null),
    await world.forge.dispatch(shown.job, null),
  ];
  expect((await world.call(`/jobs/${hiddenId}`)).status).toBe(404);
  expect((await world.call(`/jobs/${hiddenId}/cancel`, { body: {} })).status).toBe(404);
  expect((await world.call(`/jobs/${shownId}`)).status).toBe(200);
  expect((await world.call(`/jobs/${shownId}/cancel`, { body: {} })).status).toBe(404);
  expect(await world.forge.jobs.get(shownId)).toMatchObject({ status: "pending" });
});

test.for([
  [
    "throws",
    () => {
      throw new Error("policy server down");
    },
  ],
  ["rejects", () => Promise.reject(new Error("policy server down"))],
] as const)("authorize that %s refuses, and says so in the log", async ([, authorize]) => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], worker: false, gateway: { authorize } });
  const jobId = await world.forge.dispatch(work.job, null);
  const { status, text } = await world.call(`/jobs/${jobId}`);
  expect(status).toBe(404);
  expect(text).not.toContain("policy");
  expect((await world.call("/rpc/puppet", { body: { args: 1 } })).status).toBe(404);
  expect(world.logs.filter(({ err }) => err?.message === "policy server down")).toHaveLength(2);
});

test.for([1, "yes", {}, undefined])("authorize that answers %s instead of true refuses", async (answer) => {
  const work = puppet();
  await using world = await openWorld({
    jobs: [work.job],
    worker: false,
    gateway: { authorize: () => answer as boolean },
  });
  const jobId = await world.forge.dispatch(work.job, null);
  expect((await world.call(`/jobs/${jobId}`)).status).toBe(404);
});

test.for([
  [
    "throws",
    () => {
      throw new Error("token of ana expired");
    },
  ],
  ["rejects", () => Promise.reject(new Error("token of ana expired"))],
  ["names a moment that has passed", () => ({ id: "ana", expiresAt: new Date(Date.now() - 1) })],
] as const)("authenticate that %s answers UNAUTHENTICATED everywhere but at the probes", async ([, refuse]) => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], worker: false, gateway: { authenticate: refuse } });
  const jobId = await world.forge.dispatch(work.job, null);
  for (const [path, options] of [
    ["/rpc/puppet", { body: { args: 1 } }],
    ["/events?v=1", {}],
    ["/events?v=1", { body: { watch: [] } }],
    ["/poll", { body: { watch: [] } }],
    ["/subscribe", { body: { sessionId: "x", sessionSecret: "x", n: 1, add: [], remove: [] } }],
    ["/subscribe-job", { body: { sessionId: "x", sessionSecret: "x", jobId } }],
    ["/unsubscribe", { body: { sessionId: "x", sessionSecret: "x", jobId } }],
    [`/jobs/${jobId}`, {}],
    [`/jobs/${jobId}/cancel`, { body: {} }],
    [`/jobs/${jobId}/retry`, { body: {} }],
    ["/subscribe-workflow", { body: { sessionId: "x", sessionSecret: "x", workflowId: jobId } }],
    [`/workflows/${jobId}`, {}],
    [`/workflows/${jobId}/cancel`, { body: {} }],
    [`/workflows/${jobId}/signal`, { body: { name: "x" } }],
  ] as const) {
    const { status, result, text } = await world.call(path, options);
    expect([path, status, result]).toMatchObject([path, 401, { success: false, error: { code: "UNAUTHENTICATED" } }]);
    expect(text).not.toContain("ana");
  }
  expect((await world.call("/health")).status).toBe(200);
  expect((await world.call("/ready")).status).toBe(200);
  expect((await world.forge.jobs.list()).jobs).toHaveLength(1);
});

test.for([undefined, {}, { id: "" }, { id: 7 }, { id: "a\0b" }, { id: "ana", expiresAt: "tomorrow" }])(
  "authenticate that answers %j makes nobody anybody",
  async (answer) => {
    await using world = await openWorld({ gateway: { authenticate: () => answer as never } });
    const { status, result } = await world.call("/events?v=1");
    expect([status, result]).toMatchObject([
      500,
      { error: { code: "INTERNAL", message: expect.stringMatching(/request req-\w+/) } },
    ]);
    expect(world.logs.some(({ err }) => err?.message.includes("authenticate"))).toBe(true);
  },
);

test("a principal may live in a cookie that the application's own hook sets", async () => {
  const work = puppet();
  await using world = await openWorld({
    jobs: [work.job],
    worker: false,
    before: async (app) => {
      await app.register(cookie);
      app.addHook("onRequest", async (request, reply) => {
        if (request.cookies["visitor"] === undefined)
          void reply.setCookie("visitor", "v-1", { httpOnly: true, path: "/" });
      });
    },
    gateway: { authenticate: ({ cookies }) => (cookies["visitor"] === undefined ? null : { id: cookies["visitor"] }) },
  });
  const first = await world.call("/health");
  const [sent = ""] = first.headers.getSetCookie();
  expect(sent).toMatch(/^visitor=v-1; Path=\/; HttpOnly/);
  const headers = { cookie: "visitor=v-1" };
  const { jobId } = (await world.call("/rpc/puppet", { body: { args: 1 }, headers })).data as { jobId: string };
  const stream = await world.stream(`/events?v=1&job=${jobId}`, { headers });
  expect(await stream.next("job")).toMatchObject({ jobId, status: "pending" });
  expect((await world.call(`/jobs/${jobId}`)).status).toBe(404);
});

test("a session's secret is void for another principal", async () => {
  await using world = await openWorld({ gateway: { authenticate } });
  const { connected } = await world.stream("/events?v=1", as("ana"));
  const body = { sessionId: connected.sessionId, sessionSecret: connected.sessionSecret, n: 1, add: [], remove: [] };
  expect((await world.call("/subscribe", { body, ...as("ana") })).status).toBe(200);
  expect((await world.call("/subscribe", { body, ...as("eve") })).status).toBe(404);
  expect((await world.call("/subscribe", { body })).status).toBe(404);
});

test("rights are checked again at every subscribe", async () => {
  const work = puppet();
  let isAllowed = true;
  await using world = await openWorld({ jobs: [work.job], gateway: { authorize: () => isAllowed } });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  await stream.next("job", ({ status }) => status === "running");
  isAllowed = false;
  const body = {
    sessionId: stream.connected.sessionId,
    sessionSecret: stream.connected.sessionSecret,
    n: 1,
    add: [{ id: jobId }],
    remove: [],
  };
  expect((await world.call("/subscribe", { body })).data).toMatchObject({ states: [{ status: "not_found" }] });
  expect(world.app.forgeGateway.stats().watchedJobs).toBe(0);
  run.finish("secret");
  await world.forge.jobs.wait(jobId);
  expect(JSON.stringify(stream.events)).not.toContain("secret");
});

test("a stream ends when its principal's time is up, and says so", async () => {
  await using world = await openWorld({
    gateway: { authenticate: () => ({ id: "ana", expiresAt: new Date(Date.now() + 1_500) }), heartbeat: "150ms" },
  });
  const stream = await world.stream();
  const { reason, retryMs } = await stream.next("goaway");
  expect(reason).toBe("expired");
  expect(retryMs).toBeGreaterThanOrEqual(0);
  await stream.ended;
});

test("a stream ends after an hour at the latest", async () => {
  await using world = await openWorld({ gateway: { heartbeat: "150ms" }, timings: { sessionMs: 300 } });
  const stream = await world.stream();
  expect((await stream.next("goaway")).reason).toBe("expired");
  await stream.ended;
});

test("revoke ends the streams of one principal and of nobody else", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], gateway: { authenticate } });
  const jobId = await world.forge.dispatch(work.job, null, { owner: "ana" });
  const run = await work.run(jobId);
  const [anas, bobs] = [
    await world.stream(`/events?v=1&job=${jobId}`, as("ana")),
    await world.stream("/events?v=1", as("bob")),
  ];
  world.app.forgeGateway.revoke("ana");
  expect((await anas.next("goaway")).reason).toBe("revoked");
  await anas.ended;
  run.finish("secret");
  await world.forge.jobs.wait(jobId);
  expect(world.app.forgeGateway.stats().sessions).toBe(1);
  bobs.close();
});

test("a request that is being authenticated when its principal is revoked is refused", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  await using world = await openWorld({
    gateway: {
      authenticate: async () => {
        asked.resolve();
        await answer.promise;
        return { id: "ana" };
      },
    },
  });
  const opening = world.call("/events?v=1");
  await asked.promise;
  world.app.forgeGateway.revoke("ana");
  answer.resolve();
  expect((await opening).status).toBe(401);
  expect(world.app.forgeGateway.stats().sessions).toBe(0);
});

test("a stream whose principal is revoked while its first states are read never opens", async () => {
  const work = puppet();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<boolean>();
  await using world = await openWorld({
    jobs: [work.job],
    worker: false,
    gateway: {
      authenticate,
      authorize: () => {
        asked.resolve();
        return answer.promise;
      },
    },
  });
  const jobId = await world.forge.dispatch(work.job, null, { owner: "ana" });
  const opening = world.call(`/events?v=1&job=${jobId}`, as("ana"));
  await asked.promise;
  world.app.forgeGateway.revoke("ana");
  answer.resolve(true);
  expect((await opening).status).toBe(401);
  expect(world.app.forgeGateway.stats()).toMatchObject({ sessions: 0, watchedJobs: 0 });
});

test("nothing is told about a job before the right to it is certain", async () => {
  const work = puppet();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<boolean>();
  await using world = await openWorld({
    jobs: [work.job],
    gateway: {
      authenticate,
      authorize: ({ principal }) => {
        if (principal === null) return true;
        asked.resolve();
        return answer.promise;
      },
    },
  });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  const eve = await world.stream("/events?v=1", as("eve"));
  const anybody = await world.stream(`/events?v=1&job=${jobId}`);
  const { sessionId, sessionSecret } = eve.connected;
  const subscribing = world.call("/subscribe", {
    body: { sessionId, sessionSecret, n: 1, add: [{ id: jobId }], remove: [] },
    ...as("eve"),
  });
  await asked.promise;
  run.finish("secret");
  await anybody.next("job", ({ status }) => status === "completed");
  answer.resolve(false);
  expect((await subscribing).data).toMatchObject({ states: [{ status: "not_found" }] });
  await eve.next("subscribed");
  expect(JSON.stringify(eve.events)).not.toContain("secret");
});
