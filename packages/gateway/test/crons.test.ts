import { defineCron } from "@forge-jobs/core";
import { expect, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { openWorld } from "./support/world.ts";

const yearly = "0 0 1 1 *";
const signIn = { authenticate: () => ({ id: "ada" }) };

const report = defineCron(yearly, {
  name: "report",
  public: true,
  run: (ctx) => {
    ctx.progress(50, "half way");
    return { at: ctx.scheduledTime.getTime() };
  },
});

test.for([
  ["an anonymous caller", {}],
  ["a signed-in one", signIn],
] as const)("a public cron is there for %s: before its first run, and with its newest", async ([, gateway]) => {
  await using world = await openWorld({ crons: [report], gateway });
  const cron = async (): Promise<unknown> => (await world.call("/crons/report")).data;
  const nextRun = new Date(Date.UTC(new Date().getUTCFullYear() + 1, 0)).toISOString();
  expect(await cron()).toEqual({ name: "report", paused: false, nextRun, lastRun: null });

  const jobId = await world.forge.crons.trigger("report");
  const { input } = await world.forge.jobs.wait(jobId);
  const { scheduledTime } = input as { scheduledTime: string };
  await world.forge.crons.pause("report");
  expect(await cron()).toEqual({
    name: "report",
    paused: true,
    nextRun: null,
    lastRun: {
      jobId,
      scheduledTime,
      isCatchUp: false,
      status: "completed",
      progress: 50,
      message: "half way",
      output: { at: Date.parse(scheduledTime) },
      error: null,
      revision: expect.any(Number),
    },
  });
  expect((await world.call(`/jobs/${jobId}`)).data).toMatchObject({ status: "completed" });
});

test("the run of a public cron can be watched live", async () => {
  const release = Promise.withResolvers<void>();
  const slow = defineCron(yearly, { name: "slow", public: true, run: () => release.promise });
  await using world = await openWorld({ crons: [slow], gateway: signIn });
  const jobId = await world.forge.crons.trigger("slow");
  const stream = await world.stream(`/events?v=1&job=${jobId}`);
  const statuses = (): string[] => stream.states(jobId).map(({ status }) => status);
  await until(() => statuses().includes("running"), { what: "the running state" });
  release.resolve();
  await until(() => statuses().includes("completed"), { what: "the completed state" });
});

test("nobody starts, cancels or retries a run through the gateway", async () => {
  await using world = await openWorld({ crons: [report] });
  const jobId = await world.forge.crons.trigger("report");
  await world.forge.jobs.wait(jobId);
  for (const path of ["/rpc/cron:report", `/jobs/${jobId}/cancel`, `/jobs/${jobId}/retry`])
    expect((await world.call(path, { body: { args: {} } })).status, path).toBe(404);
});

test("a cron that is not public, or not there, is not found; its runs neither", async () => {
  const inner = defineCron(yearly, { name: "inner", run: () => {} });
  await using world = await openWorld({ crons: [inner] });
  const jobId = await world.forge.crons.trigger("inner");
  for (const path of ["/crons/inner", "/crons/other", "/crons/%00", `/crons/${"x".repeat(90)}`, `/jobs/${jobId}`])
    expect((await world.call(path)).status, path).toBe(404);
});

test("authorize decides who sees a cron, and is told of its type and its newest run", async () => {
  const questions: unknown[] = [];
  await using world = await openWorld({
    crons: [report],
    gateway: {
      ...signIn,
      authorize: (question) => {
        questions.push(question);
        return questions.length > 1;
      },
    },
  });
  const question = { principal: { id: "ada" }, action: "watch", job: { id: null, type: "cron:report", owner: null } };
  expect((await world.call("/crons/report")).status).toBe(404);
  const jobId = await world.forge.crons.trigger("report");
  expect((await world.call("/crons/report")).status).toBe(200);
  expect(questions).toEqual([question, { ...question, job: { ...question.job, id: jobId } }]);
});
