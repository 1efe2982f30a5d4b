import { expect, test } from "vitest";
import { WorkflowFailed } from "../src/failed.ts";
import { until } from "./until.ts";
import { newId, runSnapshot, snapshot } from "./wire-values.ts";
import { attach, attachRun, BACKOFF_MS, createWorld, record } from "./world.ts";

const steps = [
  { name: "mail", status: "completed", error: null },
  { name: "wait", status: "running", error: null },
] as const;

test("a store follows a run from loading to its end", async () => {
  const { server, client } = await createWorld();
  const id = newId();
  const { views, when } = record(client.workflowStore<number>(id));
  const nothing = { step: null, waitingFor: null, steps: [], output: null, error: null };
  expect(views).toEqual([{ workflowId: id, status: "created", ...nothing, loading: true, connection: "connecting" }]);
  const stream = (await server.next("/events")).connect();
  stream.workflow(runSnapshot(id, 1, { step: "mail" }));
  await when(({ step }) => step === "mail");
  stream.workflow(runSnapshot(id, 2, { status: "waiting", waitingFor: "wait", steps: [...steps] }));
  expect(await when(({ status }) => status === "waiting")).toMatchObject({ waitingFor: "wait", steps });
  stream.workflow(runSnapshot(id, 3, { status: "completed", output: 7 }));
  expect(await when(({ status }) => status === "completed")).toEqual({
    workflowId: id,
    status: "completed",
    ...nothing,
    output: 7,
    loading: false,
    connection: "closed",
  });
});

test("a run is started by its workflow's name, and its args travel as they are", async () => {
  const { server, client } = await createWorld();
  const store = client.createWorkflowStore<{ userId: string }, number>("account verification", { userId: "ada" });
  const rpc = await server.next("/rpc/account%20verification");
  expect(rpc.body).toEqual({ args: { userId: "ada" }, requestId: expect.stringMatching(/^[\da-f-]{36}$/) });
  const id = newId();
  rpc.ok({ workflowId: id });
  const events = await server.next("/events");
  expect(events.body.watch).toEqual([{ id, revision: 0 }]);
  events.connect().workflow(runSnapshot(id, 1, { status: "completed", output: 7 }));
  await expect(store.done).resolves.toBe(7);
  expect(store.get().workflowId).toBe(id);
});

test("a refused start is failed, with the gateway's sentence", async () => {
  const { server, client } = await createWorld();
  const store = client.createWorkflowStore("onboarding", {});
  const { done } = store;
  (await server.next("/rpc/onboarding")).refuse(400, "INVALID_ARGS", "No user.");
  await expect(done).rejects.toMatchObject({ name: "WorkflowFailed", code: "INVALID_ARGS", message: "No user." });
  expect(store.get()).toMatchObject({ workflowId: "", status: "failed", error: "No user.", connection: "closed" });
});

test.each([
  ["failed", "FAILED"],
  ["compensated", "COMPENSATED"],
  ["cancelled", "CANCELLED"],
] as const)("done of a run that ends as %s rejects with %s", async (status, code) => {
  const { id, store, stream } = await attachRun();
  const { done } = store;
  stream.workflow(runSnapshot(id, 2, { status, error: "No hotel was free." }));
  const error = await done.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WorkflowFailed);
  expect(error).toMatchObject({
    name: "WorkflowFailed",
    code,
    message: "No hotel was free.",
    state: { workflowId: id, status },
  });
});

test("compensating is no end", async () => {
  const { id, stream, recording } = await attachRun();
  stream.workflow(runSnapshot(id, 2, { status: "compensating" }));
  expect(await recording.when(({ status }) => status === "compensating")).toMatchObject({ connection: "live" });
});

test("a store emits when a step has changed, and not when the same arrives again", async () => {
  const { id, stream, recording } = await attachRun();
  stream.workflow(runSnapshot(id, 2, { steps: [{ ...steps[0], status: "running" }] }));
  stream.workflow(runSnapshot(id, 3, { steps: [{ ...steps[0], status: "running" }] }));
  stream.workflow(runSnapshot(id, 4, { steps: [steps[0]] }));
  await recording.when((view) => view.steps[0]?.status === "completed");
  const shown = recording.views.filter((view) => view.steps.length > 0).map((view) => view.steps[0]?.status);
  expect(shown).toEqual(["running", "completed"]);
});

test("fields and statuses of a newer gateway are ignored", async () => {
  const { id, stream, recording } = await attachRun();
  stream.workflow({ ...runSnapshot(id, 2, { step: "mail" }), status: "paused" as never, ["colour" as never]: "red" });
  const view = await recording.when(({ step }) => step === "mail");
  expect(view).toMatchObject({ status: "running", connection: "live" });
  expect(view).not.toHaveProperty("colour");
});

test("a partial state is read whole", async () => {
  const { id, server, stream, recording } = await attachRun();
  stream.workflow(runSnapshot(id, 2, { status: "completed", partial: true }));
  const request = await server.next(`/workflows/${id}`);
  expect(request.method).toBe("GET");
  request.ok(runSnapshot(id, 2, { status: "completed", output: "x".repeat(100), steps: [...steps] }));
  expect(await recording.when(({ status }) => status === "completed")).toMatchObject({ steps });
});

test("cancel asks the gateway and shows its answer", async () => {
  const { id, server, store, recording } = await attachRun();
  const cancelled = store.cancel();
  (await server.next(`/workflows/${id}/cancel`)).ok(runSnapshot(id, 2, { status: "cancelled", error: "by user" }));
  await cancelled;
  expect(recording.views.at(-1)).toMatchObject({ status: "cancelled", error: "by user", connection: "closed" });
});

test("signal sends its name and payload, and shows the answer", async () => {
  const { id, server, store, recording } = await attachRun();
  const sent = store.signal("clicked", { at: new Date(0) });
  const request = await server.next(`/workflows/${id}/signal`);
  expect(request.body).toEqual({
    name: "clicked",
    payload: { at: "1970-01-01T00:00:00.000Z" },
    signalId: expect.stringMatching(/^[\da-f-]{36}$/),
  });
  request.ok(runSnapshot(id, 2, { step: "report" }));
  await sent;
  expect(recording.views.at(-1)).toMatchObject({ step: "report" });
});

test("a signal that is repeated until it is answered stays one signal", async () => {
  const { id, server, clock, store } = await attachRun();
  const sent = store.signal("clicked");
  const first = await server.next(`/workflows/${id}/signal`);
  const { signalId } = first.body;
  first.drop();
  await clock.fire(BACKOFF_MS[0]);
  const second = await server.next(`/workflows/${id}/signal`);
  expect(second.body.signalId).toBe(signalId);
  second.ok(runSnapshot(id, 2));
  await sent;
  const again = store.signal("clicked");
  const third = await server.next(`/workflows/${id}/signal`);
  expect(third.body.signalId).not.toBe(signalId);
  third.ok(runSnapshot(id, 3));
  await again;
});

test("a refused signal rejects with the gateway's code and sentence", async () => {
  const { id, server, store } = await attachRun();
  const sent = store.signal("clicked");
  (await server.next(`/workflows/${id}/signal`)).refuse(409, "CONFLICT", "The run has ended.");
  await expect(sent).rejects.toMatchObject({ name: "WorkflowFailed", code: "CONFLICT", message: "The run has ended." });
});

test("a payload that is no JSON is refused without a request", async () => {
  const { server, store } = await attachRun();
  await expect(store.signal("clicked", 1n)).rejects.toBeInstanceOf(TypeError);
  await server.quiet();
  expect(server.log).toEqual(["POST /_api/events"]);
});

test("signal before the id is known waits for it", async () => {
  const { server, client } = await createWorld();
  const store = client.createWorkflowStore("onboarding", {});
  const sent = store.signal("clicked");
  const id = newId();
  (await server.next("/rpc/onboarding")).ok({ workflowId: id });
  (await server.next(`/workflows/${id}/signal`)).ok(runSnapshot(id, 1));
  await sent;
});

test("jobs and runs share one stream", async () => {
  const { server, client } = await createWorld();
  const [jobId, runId] = [newId(), newId()];
  const job = record(client.jobStore(jobId));
  const run = record(client.workflowStore(runId));
  const events = await server.next("/events");
  expect(events.body.watch).toEqual([
    { id: jobId, revision: 0 },
    { id: runId, revision: 0 },
  ]);
  const stream = events.connect();
  stream.workflow(runSnapshot(runId, 1, { step: "mail" }));
  stream.job(snapshot(jobId, 1, { progress: 20 }));
  await run.when(({ step }) => step === "mail");
  await job.when(({ progress }) => progress === 20);
  await server.quiet();
  expect(server.log).toEqual(["POST /_api/events"]);
});

test("runs are polled where streams are held back", async () => {
  const { server, client } = await createWorld();
  const id = newId();
  const { when } = record(client.workflowStore(id));
  (await server.next("/events")).drop();
  const poll = await server.next("/poll");
  expect(poll.body).toEqual({ watch: [{ id, revision: 0 }] });
  poll.ok({ states: [runSnapshot(id, 4, { step: "mail" })] });
  expect(await when(({ step }) => step === "mail")).toMatchObject({ status: "running" });
});

test("an unknown id is not found", async () => {
  const { server, client } = await createWorld();
  const id = newId();
  const store = client.workflowStore(id);
  const { done } = store;
  // Nobody knows what it would be, so it is said as of a job.
  (await server.next("/events")).connect().job(snapshot(id, 0, { status: "not_found" }));
  await expect(done).rejects.toMatchObject({ code: "NOT_FOUND", message: "The workflow is not found." });
  expect(store.get()).toMatchObject({ workflowId: id, status: "not_found", connection: "closed" });
});

test("the id of a run is none of a job, and the other way round", async () => {
  const { client, stream, server } = await attach();
  const [runId, jobId] = [newId(), newId()];
  const asJob = record(client.jobStore(runId));
  const asRun = record(client.workflowStore(jobId));
  const change = await server.next("/subscribe");
  change.ok({ states: [runSnapshot(runId, 1, { output: 1 }), snapshot(jobId, 1, { output: 2 })] });
  const job = await asJob.when(({ loading }) => !loading);
  expect(job).toEqual({
    jobId: runId,
    status: "not_found",
    progress: null,
    message: null,
    output: null,
    error: null,
    loading: false,
    connection: "closed",
  });
  expect(await asRun.when(({ loading }) => !loading)).toMatchObject({
    workflowId: jobId,
    status: "not_found",
    output: null,
  });
  stream.send("subscribed", { n: 1 });
});

test("a workflow that is started as a job is not found as one", async () => {
  const { server, client } = await createWorld();
  const { done } = client.createJobStore("onboarding", {});
  const id = newId();
  (await server.next("/rpc/onboarding")).ok({ workflowId: id });
  (await server.next("/events")).connect().workflow(runSnapshot(id, 1));
  await expect(done).rejects.toMatchObject({ name: "JobFailed", code: "NOT_FOUND" });
});

test("what is no UUID is failed without a request", async () => {
  const { server, client } = await createWorld();
  const store = client.workflowStore("run-7");
  expect(store.get()).toMatchObject({ status: "failed", error: "run-7 is no workflow id.", workflowId: "run-7" });
  await expect(store.done).rejects.toMatchObject({ code: "BAD_REQUEST" });
  await server.quiet();
  expect(server.log).toEqual([]);
});

test("an initial state is shown at once", async () => {
  const { client, server } = await createWorld();
  const id = newId();
  const store = client.workflowStore(id, { initial: runSnapshot(id, 3, { status: "waiting", waitingFor: "clicked" }) });
  expect(store.get()).toMatchObject({ status: "waiting", waitingFor: "clicked", loading: false });
  (await server.next("/events")).connect();
  store.subscribe(() => {});
  await until(() => store.get().connection === "live");
});
