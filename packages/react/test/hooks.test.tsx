import { JobFailed, type JobView, WorkflowFailed, type WorkflowView } from "@forge-jobs/client";
import { type ReactElement, StrictMode, useEffect } from "react";
import { flushSync } from "react-dom";
import { afterEach, beforeEach, expect, expectTypeOf, test } from "vitest";
import { until } from "../../client/test/until.ts";
import { WireServer } from "../../client/test/wire-server.ts";
import { newId, runSnapshot, snapshot } from "../../client/test/wire-values.ts";
import {
  configureForge,
  createForgeClient,
  ForgeProvider,
  type JobHandle,
  resetForge,
  type StartJobHandle,
  type StartWorkflowHandle,
  useJob,
  useStartJob,
  useStartWorkflow,
  useWorkflow,
  type WorkflowHandle,
} from "../src/index.ts";
import { mounted, type ReactPanel } from "./mounted.tsx";
import { WatchJob, WatchRun } from "./panels.tsx";

let server: WireServer;
const panels = new Set<ReactPanel>();

beforeEach(async () => {
  server = await WireServer.open();
  configureForge({ url: server.url });
});

afterEach(async () => {
  for (const panel of panels) panel.unmount();
  panels.clear();
  resetForge();
  await server.close();
});

type Starter = StartJobHandle<object, { count: number }>;

/** A component that only holds the hook, in StrictMode as in development, and what it returned last. */
function held(): { readonly now: () => Starter; readonly all: Starter[]; readonly panel: ReactPanel } {
  const all: Starter[] = [];
  function Holder(): ReactElement {
    all.push(useStartJob<object, { count: number }>("export_users"));
    return <p>{all.length}</p>;
  }
  const panel = mounted(
    <StrictMode>
      <Holder />
    </StrictMode>,
  );
  panels.add(panel);
  return { now: () => all.at(-1)!, all, panel };
}

test("StrictMode, which renders and mounts twice, starts one job", async () => {
  const { now } = held();
  const id = newId();
  const started = now().start({});
  (await server.next("/rpc/export_users")).ok({ jobId: id });
  expect(await started).toBe(id);
  await until(() => now().job?.jobId === id);
  await server.quiet();
  expect(server.count("/rpc/export_users")).toBe(1);
});

test("start resolves with the job's id, and isStarting says that it is on its way", async () => {
  const { now } = held();
  expect(now()).toMatchObject({ job: null, isStarting: false });
  const started = flushSync(() => now().start({ format: "csv" }));
  expect(now()).toMatchObject({ isStarting: true, job: { jobId: "", loading: true } });
  const id = newId();
  (await server.next("/rpc/export_users")).ok({ jobId: id });
  expect(await started).toBe(id);
  await until(() => !now().isStarting);
  expect(now().job).toMatchObject({ jobId: id });
});

test("a refused start rejects with JobFailed, shows in the job, and is no unhandled rejection", async () => {
  const { now } = held();
  void now().start({});
  const started = now().start({});
  (await server.next("/rpc/export_users")).refuse(400, "INVALID_ARGS", "No.");
  (await server.next("/rpc/export_users")).refuse(400, "INVALID_ARGS", "No.");
  const error = await started.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(JobFailed);
  expect(error).toMatchObject({ code: "INVALID_ARGS" });
  await until(() => now().job?.status === "failed");
  expect(now().isStarting).toBe(false);
});

test("the functions of useStartJob keep their identity", async () => {
  const { now, all } = held();
  const first = now();
  flushSync(() => void now().start({}));
  const id = newId();
  (await server.next("/rpc/export_users")).ok({ jobId: id });
  await until(() => now().job?.jobId === id);
  for (const { start, reset, onSettled } of all) {
    // StrictMode's first, discarded render has functions of its own.
    if (start !== first.start) continue;
    expect(reset).toBe(first.reset);
    expect(onSettled).toBe(first.onSettled);
  }
  expect(now().start).toBe(first.start);
});

test("reset forgets the job, which is not cancelled", async () => {
  const { now } = held();
  flushSync(() => void now().start({}));
  (await server.next("/rpc/export_users")).ok({ jobId: newId() });
  await until(() => !now().isStarting);
  flushSync(() => now().reset());
  expect(now()).toMatchObject({ job: null, isStarting: false });
  await now().cancel();
  await now().retry();
  await server.quiet();
  expect(server.log.filter((line) => line.includes("/jobs/"))).toEqual([]);
});

test("a second start takes the place of the first", async () => {
  const { now } = held();
  const ids = [newId(), newId()];
  for (const id of ids) {
    flushSync(() => void now().start({}));
    (await server.next("/rpc/export_users")).ok({ jobId: id });
    await until(() => now().job?.jobId === id);
  }
});

test("onSettled is called once for each end", async () => {
  const ends: JobView<{ count: number }>[] = [];
  let handle: Starter | null = null;
  function Toaster(): ReactElement {
    handle = useStartJob<object, { count: number }>("export_users");
    const { job, onSettled } = handle;
    useEffect(() => onSettled((view) => ends.push(view)), [onSettled]);
    return <p>{job?.status}</p>;
  }
  const panel = mounted(
    <StrictMode>
      <Toaster />
    </StrictMode>,
  );
  panels.add(panel);
  flushSync(() => void handle!.start({}));
  const id = newId();
  (await server.next("/rpc/export_users")).ok({ jobId: id });
  const stream = (await server.next("/events")).connect();
  stream.job(snapshot(id, 1, { progress: 10 }));
  stream.job(snapshot(id, 2, { status: "failed", error: "The disk is full." }));
  await until(() => panel.shown() === "failed");
  stream.job(snapshot(id, 3, { status: "dead_letter", error: "The disk is full." }));
  await until(() => panel.shown() === "dead_letter");
  expect(ends.map(({ status }) => status)).toEqual(["failed"]);

  stream.job(snapshot(id, 4, { status: "pending" }));
  await until(() => panel.shown() === "pending");
  stream.job(snapshot(id, 5, { status: "completed", output: { count: 3 } }));
  await until(() => panel.shown() === "completed");
  expect(ends.map(({ output }) => output)).toEqual([null, { count: 3 }]);
});

test("a listener of onSettled that was taken out is not called", async () => {
  const { now } = held();
  let calls = 0;
  const stop = now().onSettled(() => (calls += 1));
  stop();
  flushSync(() => void now().start({}));
  (await server.next("/rpc/export_users")).refuse(400, "INVALID_ARGS");
  await until(() => now().job?.status === "failed");
  expect(calls).toBe(0);
});

test("useJob(null) watches nothing, and follows the id once it has one", async () => {
  const panel = mounted(<WatchJob id={null} />);
  panels.add(panel);
  expect(panel.shown()).toBe("nothing");
  panel.press("cancel");
  await server.quiet();
  expect(server.log).toEqual([]);

  const first = newId();
  panel.render(<WatchJob id={first} />);
  const stream = (await server.next("/events")).connect();
  stream.job(snapshot(first, 1, { progress: 1 }));
  await until(() => panel.shown() === "running 1 live");

  const second = newId();
  panel.render(<WatchJob id={second} />);
  expect(panel.shown()).toBe("pending loading connecting");
  const change = await server.next("/subscribe");
  expect(change.body.add).toEqual([{ id: second, revision: 0 }]);
  change.ok({ states: [snapshot(second, 1, { progress: 2 })] });
  await until(() => panel.shown() === "running 2 connecting");
});

test("a component that renders again keeps its store", async () => {
  const id = newId();
  const panel = mounted(<WatchJob id={id} initial={snapshot(id, 1)} />);
  panels.add(panel);
  (await server.next("/events")).connect();
  await until(() => panel.shown() === "running live");
  panel.render(<WatchJob id={id} initial={snapshot(id, 1)} />);
  expect(panel.shown()).toBe("running live");
  await server.quiet();
  expect(server.log).toEqual(["POST /_api/events"]);
});

test("StrictMode follows one job with one watch", async () => {
  const id = newId();
  const panel = mounted(
    <StrictMode>
      <WatchJob id={id} />
    </StrictMode>,
  );
  panels.add(panel);
  const events = await server.next("/events");
  expect(events.body.watch).toEqual([{ id, revision: 0 }]);
  events.connect().job(snapshot(id, 1));
  await until(() => panel.shown() === "running live");
  await server.quiet();
  expect(server.log).toEqual(["POST /_api/events"]);
});

test("hooks below a provider use its client", async () => {
  resetForge();
  const client = createForgeClient({ url: server.url });
  const id = newId();
  const panel = mounted(
    <ForgeProvider client={client}>
      <WatchJob id={id} />
    </ForgeProvider>,
  );
  panels.add(panel);
  const events = await server.next("/events");
  events.connect().job(snapshot(id, 1));
  await until(() => panel.shown() === "running live");
  client.close();
  await until(() => panel.shown() === "running closed");
});

test("useWorkflow(null) watches nothing, and follows the id once it has one", async () => {
  const panel = mounted(<WatchRun id={null} />);
  panels.add(panel);
  expect(panel.shown()).toBe("nothing");
  panel.press("cancel");
  panel.press("signal");
  await server.quiet();
  expect(server.log).toEqual([]);
  const id = newId();
  panel.render(<WatchRun id={id} />);
  (await server.next("/events")).connect().workflow(runSnapshot(id, 1));
  await until(() => panel.shown() === "running live");
});

test("useStartWorkflow starts one run in StrictMode, says that it is on its way, and tells of its end", async () => {
  const ends: WorkflowView<{ count: number }>[] = [];
  const all: StartWorkflowHandle<object, { count: number }>[] = [];
  const now = () => all.at(-1)!;
  function Holder(): ReactElement {
    const handle = useStartWorkflow<object, { count: number }>("onboarding");
    all.push(handle);
    const { workflow, onSettled } = handle;
    useEffect(() => onSettled((view) => ends.push(view)), [onSettled]);
    return <p>{workflow?.status}</p>;
  }
  const panel = mounted(
    <StrictMode>
      <Holder />
    </StrictMode>,
  );
  panels.add(panel);
  expect(now()).toMatchObject({ workflow: null, isStarting: false });
  const { start } = now();
  const started = flushSync(() => start({}));
  expect(now()).toMatchObject({ isStarting: true, workflow: { workflowId: "", loading: true } });
  const id = newId();
  (await server.next("/rpc/onboarding")).ok({ workflowId: id });
  expect(await started).toBe(id);
  const stream = (await server.next("/events")).connect();
  stream.workflow(runSnapshot(id, 1, { status: "compensating" }));
  await until(() => panel.shown() === "compensating");
  expect(now().isStarting).toBe(false);
  stream.workflow(runSnapshot(id, 2, { status: "compensated", error: "No hotel was free." }));
  await until(() => panel.shown() === "compensated");
  expect(ends.map(({ status, error }) => [status, error])).toEqual([["compensated", "No hotel was free."]]);
  await server.quiet();
  expect(server.count("/rpc/onboarding")).toBe(1);
  expect(now().start).toBe(start);
  flushSync(() => now().reset());
  expect(now()).toMatchObject({ workflow: null, isStarting: false });
});

test("a refused start of a run rejects with WorkflowFailed", async () => {
  let handle: StartWorkflowHandle<unknown, unknown> | null = null;
  function Holder(): ReactElement {
    handle = useStartWorkflow("onboarding");
    return <p>{handle.workflow?.error}</p>;
  }
  const panel = mounted(<Holder />);
  panels.add(panel);
  const started = flushSync(() => handle!.start({}));
  (await server.next("/rpc/onboarding")).refuse(400, "INVALID_ARGS", "No.");
  const error = await started.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WorkflowFailed);
  expect(error).toMatchObject({ code: "INVALID_ARGS" });
  await until(() => panel.shown() === "No.");
});

test("types follow the workflow's", () => {
  expectTypeOf(useWorkflow<{ at: Date }>).returns.toEqualTypeOf<WorkflowHandle<{ at: string }>>();
  expectTypeOf(useStartWorkflow<{ user: string }, { at: Date }>).returns.toEqualTypeOf<
    StartWorkflowHandle<{ user: string }, { at: string }>
  >();
});

test("types follow the job's", () => {
  expectTypeOf(useJob<{ at: Date }>).returns.toEqualTypeOf<JobHandle<{ at: string }>>();
  expectTypeOf(useStartJob<{ format: string }, { at: Date }>).returns.toEqualTypeOf<
    StartJobHandle<{ format: string }, { at: string }>
  >();
});
