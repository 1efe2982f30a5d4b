import {
  createForge,
  defineJob,
  defineWorkflow,
  type Forge,
  type Store,
  type WorkflowDefinition,
} from "@forge-jobs/core";
import { postgresStore } from "@forge-jobs/core/postgres";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { LIMITS, type StatesData, type WorkflowSnapshot } from "@forge-jobs/protocol";
import { randomUUID } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, inject, test } from "vitest";
import { createDatabase } from "../../../test/support/database.ts";
import type { AccessQuestion } from "../src/index.ts";
import { puppet } from "./support/puppet.ts";
import type { Stream } from "./support/stream.ts";
import { unfolding } from "./support/unfolding.ts";
import { as, byHeader as authenticate } from "./support/users.ts";
import { openWorld, type World } from "./support/world.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const flow = unfolding();

const proofOf = ({ connected: { sessionId, sessionSecret } }: Stream) => ({ sessionId, sessionSecret });

const started = async (world: World, name: string, body: object = { args: {} }, user?: string): Promise<string> => {
  const { data } = await world.call(`/rpc/${name}`, { body, ...(user !== undefined && as(user)) });
  return (data as { workflowId: string }).workflowId;
};

const waiting = async ({ forge }: Pick<World, "forge">, id: string): Promise<void> => {
  await expect.poll(async () => (await forge.workflows.get(id))?.status).toBe("waiting");
};

interface Opened extends AsyncDisposable {
  readonly store: (path: string) => Store;
}

const databases: readonly [name: string, open: () => Promise<Opened>][] = [
  ["SQLite", async () => ({ store: sqliteStore, [Symbol.asyncDispose]: async () => {} })],
  ...([15, 18] as const).map((version): [string, () => Promise<Opened>] => [
    `PostgreSQL ${version}`,
    async () => {
      const database = await createDatabase(inject("postgres")[version]);
      const dispose = () => database[Symbol.asyncDispose]();
      return { store: () => postgresStore(database.url), [Symbol.asyncDispose]: dispose };
    },
  ]),
];

describe.for(databases)("on %s", ([, open]) => {
  test("a run that another process works on is started, watched, signalled and watched to its end", async () => {
    await using database = await open();
    let path = "";
    await using world = await openWorld({
      workflows: [flow],
      worker: false,
      store: (file) => database.store((path = file)),
      gateway: { backstop: "60s" },
    });
    const worker = createForge({ store: database.store(path), jobs: [], workflows: [flow], logger: silent });
    await worker.start();
    try {
      const id = await started(world, "unfolding");
      const stream = await world.stream(`/events?v=1&job=${id}`);
      const step = (name: string, status: string) => ({ name, status, error: null });
      const asleep = await stream.next("workflow", ({ status }) => status === "waiting");
      expect(asleep).toEqual({
        revision: expect.any(Number),
        workflowId: id,
        status: "waiting",
        step: "clicked",
        waitingFor: "clicked",
        steps: [step("begin", "completed"), step("clicked", "running"), step("end", "pending")],
        output: null,
        error: null,
      });
      const signalled = await world.call(`/workflows/${id}/signal`, {
        body: { name: "clicked", payload: { by: "ada" } },
      });
      expect(signalled.data).toMatchObject({ workflowId: id });
      const ended = await stream.next("workflow", ({ status }) => status === "completed");
      expect(ended).toMatchObject({
        waitingFor: null,
        steps: [step("begin", "completed"), step("clicked", "completed"), step("end", "completed")],
        output: { by: "ada" },
      });
      expect((await world.call(`/workflows/${id}`)).data).toEqual(ended);
      const revisions = stream.runs(id).map(({ revision }) => revision);
      expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
      expect(stream.states(id)).toEqual([]);
      expect(world.app.forgeGateway.stats().backstopFinds).toBe(0);
    } finally {
      await worker.stop({ timeout: "0ms" });
    }
  });

  test("jobs and runs go together in a subscribe, in a poll and on a stream", async () => {
    await using database = await open();
    const work = puppet();
    await using world = await openWorld({ jobs: [work.job], workflows: [flow], store: database.store });
    const jobId = await world.forge.dispatch(work.job, null);
    const run = await work.run(jobId);
    const runId = await world.forge.startWorkflow(flow, {});
    await waiting(world, runId);
    const unknown = randomUUID();
    const stream = await world.stream();
    const add = [runId, jobId, unknown].map((id) => ({ id }));
    const subscribed = await world.call("/subscribe", { body: { ...proofOf(stream), n: 1, add, remove: [] } });
    const { states } = subscribed.data as StatesData;
    expect(states).toMatchObject([
      { workflowId: runId, status: "waiting" },
      { jobId },
      { jobId: unknown, status: "not_found" },
    ]);
    const { revision } = states[0] as WorkflowSnapshot;
    const watch = [
      { id: runId, revision },
      { id: jobId, revision: 0 },
    ];
    expect((await world.call("/poll", { body: { watch } })).data).toMatchObject({ states: [{ jobId }] });
    run.finish(1);
    await world.forge.workflows.signal(runId, "clicked", 2);
    expect(await stream.next("job", ({ status }) => status === "completed")).toMatchObject({ jobId, output: 1 });
    expect(await stream.next("workflow", ({ status }) => status === "completed")).toMatchObject({ output: 2 });
    const moved = (await world.call("/poll", { body: { watch } })).data;
    expect(moved).toMatchObject({ states: [{ workflowId: runId, status: "completed" }, { jobId }] });
  });
});

test("a name starts the newest version that is registered, and each run stays watched in its own", async () => {
  const versions = [2, 10, 1].map((version) =>
    defineWorkflow("versioned", { version, public: true, run: async () => version }),
  );
  await using world = await openWorld({ workflows: versions });
  const id = await started(world, "versioned");
  expect(await world.forge.workflows.wait(id)).toMatchObject({ version: 10, output: 10 });
  const old = await world.forge.startWorkflow(versions[2]!, {});
  await world.forge.workflows.wait(old);
  expect((await world.call(`/workflows/${old}`)).data).toMatchObject({ status: "completed", output: 1 });
});

test("a repeated requestId answers the same run, for its principal only, also after a newer version has come", async () => {
  const versions = [1, 2].map((version) => unfolding("versioned", { public: true, version }));
  await using world = await openWorld({ workflows: versions.slice(0, 1), gateway: { authenticate } });
  const body = { args: 1, requestId: randomUUID() };
  const first = await started(world, "versioned", body, "ana");
  expect(await started(world, "versioned", body, "ana")).toBe(first);
  expect(await started(world, "versioned", body, "bob")).not.toBe(first);
  await using newer = await openWorld({
    workflows: versions,
    store: () => sqliteStore(world.file),
    gateway: { authenticate },
  });
  expect(await started(newer, "versioned", body, "ana")).toBe(first);
  expect(await started(newer, "versioned", { args: 1 }, "ana")).not.toBe(first);
  expect(await world.forge.workflows.get(first)).toMatchObject({ version: 1, owner: "ana", input: 1 });
});

test("a requestId whose run one may not watch answers CONFLICT without its id", async () => {
  let mayWatch = true;
  await using world = await openWorld({
    workflows: [flow],
    gateway: { authorize: ({ action }) => action === "dispatch" || mayWatch },
  });
  const body = { args: 1, requestId: randomUUID() };
  const id = await started(world, "unfolding", body);
  mayWatch = false;
  const { status, result, text } = await world.call("/rpc/unfolding", { body });
  expect([status, result]).toMatchObject([409, { error: { code: "CONFLICT" } }]);
  expect(text).not.toContain(id);
});

test("a public job and a public workflow of one name are refused", () => {
  const job = defineJob("same", { public: true, run: () => null });
  const run = async () => null;
  const open = (workflow: WorkflowDefinition): Forge =>
    createForge({ store: sqliteStore(":memory:"), jobs: [job], workflows: [workflow] });
  expect(() => open(defineWorkflow("same", { public: true, run }))).toThrow(/both named same/);
  expect(open(defineWorkflow("same", { run })).startable("same")).toBe(job);
});

test("subscribe-workflow answers a run's state and keeps it watched under each name", async () => {
  await using world = await openWorld({ workflows: [flow] });
  const stream = await world.stream();
  const workflowId = await world.forge.startWorkflow(flow, {});
  await waiting(world, workflowId);
  const send = (path: string, subscriptionId: string) =>
    world.call(path, { body: { ...proofOf(stream), workflowId, subscriptionId } });
  expect((await send("/subscribe-workflow", "panel")).data).toMatchObject({ workflowId, status: "waiting" });
  await send("/subscribe-workflow", "toast");
  await send("/unsubscribe", "panel");
  expect(world.app.forgeGateway.stats().watchedJobs).toBe(1);
  await world.forge.workflows.signal(workflowId, "clicked", 7);
  expect(await stream.next("workflow", ({ status }) => status === "completed")).toMatchObject({ output: 7 });
  await send("/unsubscribe", "toast");
  expect(world.app.forgeGateway.stats().watchedJobs).toBe(0);
});

test("subscribing to a job as a run, or to a run as a job, answers not_found and watches nothing", async () => {
  const work = puppet();
  await using world = await openWorld({ jobs: [work.job], workflows: [flow], worker: false });
  const stream = await world.stream();
  const jobId = await world.forge.dispatch(work.job, null);
  const runId = await world.forge.startWorkflow(flow, {});
  const asRun = await world.call("/subscribe-workflow", { body: { ...proofOf(stream), workflowId: jobId } });
  expect(asRun.data).toEqual({
    revision: 0,
    workflowId: jobId,
    status: "not_found",
    step: null,
    waitingFor: null,
    steps: [],
    output: null,
    error: null,
  });
  const asJob = await world.call("/subscribe-job", { body: { ...proofOf(stream), jobId: runId } });
  expect(asJob.data).toMatchObject({ jobId: runId, status: "not_found" });
  expect(world.app.forgeGateway.stats().watchedJobs).toBe(0);
  // What is watched already stays so.
  await world.call("/subscribe-job", { body: { ...proofOf(stream), jobId } });
  await world.call("/subscribe-workflow", { body: { ...proofOf(stream), workflowId: jobId } });
  expect(world.app.forgeGateway.stats().watchedJobs).toBe(1);
});

test("a run whose transaction has not committed yet is unknown, and told about once it has", async () => {
  await using world = await openWorld({ workflows: [flow], worker: false });
  using db = new DatabaseSync(world.file);
  db.exec("BEGIN IMMEDIATE");
  const id = await world.forge.startWorkflow(flow, {}, { tx: db });
  const stream = await world.stream(`/events?v=1&job=${id}`);
  expect(await stream.next("job")).toMatchObject({ jobId: id, status: "not_found" });
  db.exec("COMMIT");
  expect(await stream.next("workflow")).toMatchObject({ workflowId: id, status: "created" });
});

test("cancel and signal answer the new state, and name who did it", async () => {
  await using world = await openWorld({ workflows: [flow], gateway: { authenticate } });
  const id = await started(world, "unfolding", { args: {} }, "ana");
  await waiting(world, id);
  const send = (verb: string, body: object) => world.call(`/workflows/${id}/${verb}`, { body, ...as("ana") });
  const other = await send("signal", { name: "other" });
  expect(other.data).toMatchObject({ workflowId: id, status: expect.stringMatching(/waiting|running/) });
  expect((await send("cancel", {})).data).toMatchObject({ workflowId: id });
  await world.forge.workflows.wait(id);
  expect((await send("cancel", {})).data).toMatchObject({ status: "cancelled", error: "cancelled by user" });
  const late = await send("signal", { name: "clicked" });
  expect([late.status, late.result]).toMatchObject([409, { error: { code: "CONFLICT", message: /has ended/ } }]);
  expect((await world.forge.jobs.get(id, { history: true }))?.history).toMatchObject([{ event: "cancel", by: "ana" }]);
});

test("a signal that is sent again under its signalId is one signal", async () => {
  const twice = defineWorkflow("twice", {
    public: true,
    run: async (ctx) => [await ctx.waitForEvent("clicked"), await ctx.waitForEvent("clicked")],
  });
  await using world = await openWorld({ workflows: [twice] });
  const id = await started(world, "twice");
  const signal = (payload: number, signalId?: string) =>
    world.call(`/workflows/${id}/signal`, { body: { name: "clicked", payload, signalId } });
  for (const payload of [1, 1, 1]) expect((await signal(payload, "first")).status).toBe(200);
  await signal(2);
  expect(await world.forge.workflows.wait(id)).toMatchObject({ output: [1, 2] });
});

test("only the owner watches, cancels and signals", async () => {
  await using world = await openWorld({ workflows: [flow], gateway: { authenticate } });
  const id = await started(world, "unfolding", { args: {} }, "ana");
  await waiting(world, id);
  for (const [user, status] of [
    ["eve", 404],
    ["ana", 200],
  ] as const) {
    expect((await world.call(`/workflows/${id}`, as(user))).status).toBe(status);
    expect((await world.call(`/workflows/${id}/signal`, { body: { name: "x" }, ...as(user) })).status).toBe(status);
    expect((await world.call(`/workflows/${id}/cancel`, { body: {}, ...as(user) })).status).toBe(status);
  }
  expect((await world.call(`/workflows/${id}`)).status).toBe(404);
  const { data } = await world.call("/poll", { body: { watch: [{ id, revision: 0 }] }, ...as("eve") });
  expect(data).toMatchObject({ states: [{ status: "not_found" }] });
});

test("authorize is asked by the workflow's name and version, and for signals too", async () => {
  const questions: AccessQuestion[] = [];
  const versions = [1, 3].map((version) => unfolding("versioned", { public: true, version }));
  await using world = await openWorld({
    workflows: versions,
    worker: false,
    gateway: {
      authenticate,
      authorize: (question) => {
        questions.push(question);
        return question.action !== "signal";
      },
    },
  });
  const id = await started(world, "versioned", { args: {} }, "ana");
  await world.call(`/workflows/${id}`, as("bob"));
  expect((await world.call(`/workflows/${id}/signal`, { body: { name: "clicked" }, ...as("bob") })).status).toBe(404);
  await world.call(`/workflows/${id}/cancel`, { body: {}, ...as("bob") });
  const job = { id, type: "versioned", version: 3, owner: "ana" };
  expect(questions).toEqual([
    { principal: { id: "ana" }, action: "dispatch", job: { ...job, id: null } },
    ...["watch", "signal", "cancel"].map((action) => ({ principal: { id: "bob" }, action, job })),
  ]);
});

test("workflows that are not public are nobody's business; those to watch are watched only", async () => {
  const [hidden, shown] = [unfolding("hidden", {}), unfolding("shown", { public: "watch" })] as const;
  await using world = await openWorld({ workflows: [hidden, shown], gateway: { authorize: () => true } });
  for (const [workflow, status] of [
    [hidden, 404],
    [shown, 200],
  ] as const) {
    const id = await world.forge.startWorkflow(workflow, {});
    await waiting(world, id);
    expect((await world.call(`/workflows/${id}`)).status).toBe(status);
    expect((await world.call(`/workflows/${id}/signal`, { body: { name: "clicked" } })).status).toBe(404);
    expect((await world.call(`/workflows/${id}/cancel`, { body: {} })).status).toBe(404);
    expect((await world.call(`/rpc/${workflow.name}`, { body: { args: {} } })).status).toBe(404);
    expect(await world.forge.workflows.get(id)).toMatchObject({ status: "waiting" });
  }
});

test("a state over 64 KiB goes out without its output, and is read whole", async () => {
  const output = "ü".repeat(LIMITS.stateBytes / 2);
  await using world = await openWorld({ workflows: [flow] });
  const id = await world.forge.startWorkflow(flow, {});
  const stream = await world.stream(`/events?v=1&job=${id}`);
  await world.forge.workflows.signal(id, "clicked", output);
  const partial = await stream.next("workflow", ({ status }) => status === "completed");
  expect(partial).toMatchObject({ partial: true, output: null });
  expect(partial.steps).toHaveLength(3);
  expect((await world.call(`/workflows/${id}`)).data).toEqual({ ...partial, partial: undefined, output });
});

test("a state that is over 64 KiB without its output goes out without its steps, too", async () => {
  const wide = defineWorkflow("wide", {
    public: true,
    steps: Array.from({ length: 1_000 }, (_, n) => `${n} ${"x".repeat(100)}`),
    run: async () => 7,
  });
  await using world = await openWorld({ workflows: [wide] });
  const id = await world.forge.startWorkflow(wide, {});
  await world.forge.workflows.wait(id);
  const { data } = await world.call("/poll", { body: { watch: [{ id, revision: 0 }] } });
  const [partial] = (data as StatesData).states;
  expect(partial).toMatchObject({ workflowId: id, status: "completed", partial: true, steps: [], output: null });
  const whole = (await world.call(`/workflows/${id}`)).data as WorkflowSnapshot;
  expect(whole).toMatchObject({ output: 7 });
  expect(whole.steps).toHaveLength(1_000);
  expect(whole.steps[0]).toMatchObject({ status: "skipped" });
});

test("what a step's failure says leaves the server only as its public sentence, cut to 4 KiB", async () => {
  const failing = defineWorkflow("failing", {
    public: true,
    publicError: () => "x".repeat(2 * LIMITS.errorBytes),
    run: (ctx) => ctx.step("secret", () => Promise.reject(new Error("password of ana")), { retry: false }),
  });
  await using world = await openWorld({ workflows: [failing] });
  const id = await world.forge.startWorkflow(failing, {});
  await world.forge.workflows.wait(id);
  const { data, text } = await world.call(`/workflows/${id}`);
  const error = "x".repeat(LIMITS.errorBytes);
  expect(data).toMatchObject({ status: "failed", error, steps: [{ name: "secret", status: "failed" }] });
  expect(text).not.toContain("password");
});

test("where no runs are watched, states are one read; where some are, two", async () => {
  const work = puppet();
  const reads: string[] = [];
  const between = (forge: Forge): Forge => ({
    ...forge,
    jobs: { ...forge.jobs, states: (ids) => (reads.push(`jobs ${ids.length}`), forge.jobs.states(ids)) },
    workflows: {
      ...forge.workflows,
      states: (ids) => (reads.push(`runs ${ids.length}`), forge.workflows.states(ids)),
    },
  });
  await using world = await openWorld({
    jobs: [work.job],
    workflows: [flow],
    worker: false,
    between,
    gateway: { backstop: "60s" },
  });
  const jobs = await world.forge.dispatchMany(work.job, [1, 2, 3]);
  const watched = (ids: readonly string[]) => ids.map((id) => ({ id, revision: 0 }));
  await world.call("/poll", { body: { watch: watched(jobs) } });
  expect(reads).toEqual(["jobs 3"]);
  const runs = [await world.forge.startWorkflow(flow, {}), await world.forge.startWorkflow(flow, {})];
  await world.call("/poll", { body: { watch: watched([...jobs, ...runs]) } });
  expect(reads.slice(1)).toEqual(["jobs 5", "runs 2"]);
});
