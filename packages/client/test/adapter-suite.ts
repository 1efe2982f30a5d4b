import type { JobState, WorkflowState, WorkflowStepState } from "@forge-jobs/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "./until.ts";
import { WireServer } from "./wire-server.ts";
import { newId, runSnapshot, snapshot } from "./wire-values.ts";

/** A component of a page, as its user sees it. */
export interface Panel {
  readonly shown: () => string;
  readonly press: (button: "start" | "cancel" | "retry" | "signal") => void;
  readonly unmount: () => void;
}

/** The components that every adapter is tried with; they show a job by `faceOf`, a run by `faceOfRun`, and have the buttons. */
export interface Adapter {
  readonly configure: (url: string) => void;
  readonly reset: () => void;
  /** Follows a job by its id. */
  readonly watch: (id: string, initial?: JobState) => Panel;
  /** Starts a job of this type when asked to, and follows it. */
  readonly starter: (type: string, args: unknown) => Panel;
  /** Follows a run of a workflow by its id; its signal is `clicked`, with 7. */
  readonly watchRun: (id: string, initial?: WorkflowState) => Panel;
  /** Starts a run of this workflow when asked to, and follows it. */
  readonly runStarter: (type: string, args: unknown) => Panel;
}

/** What a component shows of a job. */
export interface Shown {
  readonly status: string;
  readonly progress: number | null;
  readonly error: string | null;
  readonly loading: boolean;
  readonly connection: string;
}

/** What a component shows of a run. */
export interface ShownRun extends Omit<Shown, "progress"> {
  readonly waitingFor: string | null;
  readonly steps: readonly WorkflowStepState[];
}

/** The text that a component shows for a run; "nothing" without one. */
export function faceOfRun(view: ShownRun | null): string {
  if (view === null) return "nothing";
  const { status, waitingFor, steps, error, loading, connection } = view;
  const stepper = steps.map((step) => `${step.name}:${step.status}`);
  return [status, waitingFor, ...stepper, error, loading ? "loading" : null, connection]
    .filter((part) => part !== null)
    .join(" ");
}

/** The text that a component shows for a job; "nothing" without one. */
export function faceOf(view: Shown | null): string {
  if (view === null) return "nothing";
  const { status, progress, error, loading, connection } = view;
  return [status, progress, error, loading ? "loading" : null, connection].filter((part) => part !== null).join(" ");
}

/** What a frontend developer may count on, whichever framework the page is written in. */
export function testAdapter(adapter: Adapter): void {
  let server: WireServer;
  const panels = new Set<Panel>();
  const opened = (panel: Panel): Panel => {
    panels.add(panel);
    return panel;
  };
  const shows = (panel: Panel, face: string): Promise<void> => until(() => panel.shown() === face);

  beforeEach(async () => {
    server = await WireServer.open();
    adapter.configure(server.url);
  });

  afterEach(async () => {
    for (const panel of panels) panel.unmount();
    panels.clear();
    adapter.reset();
    await server.close();
  });

  test("a component follows a job from loading to its end", async () => {
    const id = newId();
    const panel = opened(adapter.watch(id));
    expect(panel.shown()).toBe("pending loading connecting");
    const stream = (await server.next("/events")).connect();
    stream.job(snapshot(id, 1, { progress: 20 }));
    await shows(panel, "running 20 live");
    stream.job(snapshot(id, 2, { progress: 60 }));
    await shows(panel, "running 60 live");
    stream.job(snapshot(id, 3, { status: "completed", progress: 100, output: 7 }));
    await shows(panel, "completed 100 closed");
  });

  test("a component shows its initial state at once", async () => {
    const id = newId();
    const panel = opened(adapter.watch(id, snapshot(id, 1, { progress: 40 })));
    expect(panel.shown()).toBe("running 40 connecting");
    (await server.next("/events")).connect();
    await shows(panel, "running 40 live");
  });

  test("a component starts one job when asked to, and follows it", async () => {
    const panel = opened(adapter.starter("export_users", { format: "csv" }));
    expect(panel.shown()).toBe("nothing");
    await server.quiet();
    expect(server.log).toEqual([]);

    panel.press("start");
    const rpc = await server.next("/rpc/export_users");
    expect(rpc.body.args).toEqual({ format: "csv" });
    await shows(panel, "pending loading connecting");
    const id = newId();
    rpc.ok({ jobId: id });
    (await server.next("/events")).connect().job(snapshot(id, 1, { progress: 5 }));
    await shows(panel, "running 5 live");
    expect(server.count("/rpc/export_users")).toBe(1);
  });

  test("a component shows why a start was refused", async () => {
    const panel = opened(adapter.starter("export_users", { format: "xml" }));
    panel.press("start");
    (await server.next("/rpc/export_users")).refuse(400, "INVALID_ARGS", "Expected csv or json.");
    await shows(panel, "failed Expected csv or json. closed");
  });

  test("a component cancels its job", async () => {
    const id = newId();
    const panel = opened(adapter.watch(id));
    (await server.next("/events")).connect().job(snapshot(id, 1));
    await shows(panel, "running live");
    panel.press("cancel");
    (await server.next(`/jobs/${id}/cancel`)).ok(snapshot(id, 2, { status: "cancelled", error: "cancelled by user" }));
    await shows(panel, "cancelled cancelled by user closed");
  });

  test("a component retries its job, and follows it again", async () => {
    const id = newId();
    const panel = opened(adapter.watch(id));
    const stream = (await server.next("/events")).connect();
    stream.job(snapshot(id, 1, { status: "failed", error: "The disk is full." }));
    await shows(panel, "failed The disk is full. closed");
    panel.press("retry");
    (await server.next(`/jobs/${id}/retry`)).ok(snapshot(id, 2, { status: "pending" }));
    await shows(panel, "pending live");
    stream.job(snapshot(id, 3, { progress: 1 }));
    await shows(panel, "running 1 live");
  });

  test("two components on one job share its watch", async () => {
    const id = newId();
    const panel = opened(adapter.watch(id));
    const other = opened(adapter.watch(id));
    const events = await server.next("/events");
    expect(events.body.watch).toEqual([{ id, revision: 0 }]);
    events.connect().job(snapshot(id, 1, { progress: 3 }));
    await shows(panel, "running 3 live");
    await shows(other, "running 3 live");
    expect(server.log).toEqual(["POST /_api/events"]);
  });

  test("a component lets go of its job as it is unmounted", async () => {
    const kept = newId();
    const dropped = newId();
    const stays = opened(adapter.watch(kept));
    const panel = opened(adapter.watch(dropped));
    const stream = (await server.next("/events")).connect();
    stream.job(snapshot(kept, 1));
    stream.job(snapshot(dropped, 1));
    await shows(stays, "running live");
    await shows(panel, "running live");
    panel.unmount();
    const change = await server.next("/subscribe");
    expect(change.body).toMatchObject({ add: [], remove: [dropped] });
    change.ok({ states: [] });
    expect(stays.shown()).toBe("running live");
  });

  test("a component follows a run step by step to its end", async () => {
    const id = newId();
    const panel = opened(adapter.watchRun(id));
    expect(panel.shown()).toBe("created loading connecting");
    const stream = (await server.next("/events")).connect();
    const step = (status: WorkflowStepState["status"]): WorkflowStepState => ({ name: "mail", status, error: null });
    stream.workflow(runSnapshot(id, 1, { step: "mail", steps: [step("running")] }));
    await shows(panel, "running mail:running live");
    stream.workflow(runSnapshot(id, 2, { status: "waiting", waitingFor: "clicked", steps: [step("completed")] }));
    await shows(panel, "waiting clicked mail:completed live");
    stream.workflow(runSnapshot(id, 3, { status: "completed", steps: [step("completed")], output: 7 }));
    await shows(panel, "completed mail:completed closed");
  });

  test("a component shows a run's initial state at once", async () => {
    const id = newId();
    const panel = opened(adapter.watchRun(id, runSnapshot(id, 1, { status: "waiting", waitingFor: "clicked" })));
    expect(panel.shown()).toBe("waiting clicked connecting");
    (await server.next("/events")).connect();
    await shows(panel, "waiting clicked live");
  });

  test("a component starts one run when asked to, and follows it", async () => {
    const panel = opened(adapter.runStarter("onboarding", { user: "ada" }));
    expect(panel.shown()).toBe("nothing");
    panel.press("start");
    const rpc = await server.next("/rpc/onboarding");
    expect(rpc.body.args).toEqual({ user: "ada" });
    await shows(panel, "created loading connecting");
    const id = newId();
    rpc.ok({ workflowId: id });
    (await server.next("/events")).connect().workflow(runSnapshot(id, 1));
    await shows(panel, "running live");
    expect(server.count("/rpc/onboarding")).toBe(1);
  });

  test("a component shows why the start of a run was refused", async () => {
    const panel = opened(adapter.runStarter("onboarding", {}));
    panel.press("start");
    (await server.next("/rpc/onboarding")).refuse(400, "INVALID_ARGS", "Expected a user.");
    await shows(panel, "failed Expected a user. closed");
  });

  test("a component signals its run", async () => {
    const id = newId();
    const panel = opened(adapter.watchRun(id));
    const stream = (await server.next("/events")).connect();
    stream.workflow(runSnapshot(id, 1, { status: "waiting", waitingFor: "clicked" }));
    await shows(panel, "waiting clicked live");
    panel.press("signal");
    const signal = await server.next(`/workflows/${id}/signal`);
    expect(signal.body).toMatchObject({ name: "clicked", payload: 7 });
    signal.ok(runSnapshot(id, 2));
    await shows(panel, "running live");
  });

  test("a component cancels its run", async () => {
    const id = newId();
    const panel = opened(adapter.watchRun(id));
    (await server.next("/events")).connect().workflow(runSnapshot(id, 1));
    await shows(panel, "running live");
    panel.press("cancel");
    const cancelled = runSnapshot(id, 2, { status: "cancelled", error: "cancelled by user" });
    (await server.next(`/workflows/${id}/cancel`)).ok(cancelled);
    await shows(panel, "cancelled cancelled by user closed");
  });

  test("a job and a run on one page share a stream", async () => {
    const [jobId, runId] = [newId(), newId()];
    const job = opened(adapter.watch(jobId));
    const run = opened(adapter.watchRun(runId));
    const events = await server.next("/events");
    expect(events.body.watch).toEqual([
      { id: jobId, revision: 0 },
      { id: runId, revision: 0 },
    ]);
    const stream = events.connect();
    stream.job(snapshot(jobId, 1, { progress: 3 }));
    stream.workflow(runSnapshot(runId, 1));
    await shows(job, "running 3 live");
    await shows(run, "running live");
    expect(server.log).toEqual(["POST /_api/events"]);
  });
}
