import { onTestFinished } from "vitest";
import { createClient, type ForgeClient } from "../src/client.ts";
import type { Effects } from "../src/effects.ts";
import type { JobStore } from "../src/job-store.ts";
import type { ForgeClientOptions } from "../src/options.ts";
import type { Store } from "../src/store.ts";
import type { JobView, WorkflowView } from "../src/view.ts";
import type { WorkflowStore } from "../src/workflow-store.ts";
import { ManualClock } from "./manual-clock.ts";
import { type Exchange, WireServer, type WireStream } from "./wire-server.ts";
import { newId, runSnapshot, snapshot } from "./wire-values.ts";

/** A page whose events a test fires. */
export class TestPage extends EventTarget {
  readonly document = { hidden: false };

  fire(type: "online" | "pageshow" | "pagehide"): void {
    this.dispatchEvent(new Event(type));
  }

  setHidden(hidden: boolean): void {
    this.document.hidden = hidden;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

/** What the backoff waits before the first, second, … attempt in a row, where `random` gives 0.3. */
export const BACKOFF_MS = [150, 300, 600, 1_200, 2_400, 4_800, 9_000, 9_000] as const;

/** One client against its own server, with time and page in the test's hands. */
export interface World {
  readonly server: WireServer;
  readonly clock: ManualClock;
  readonly page: TestPage;
  readonly client: ForgeClient;
}

export interface WorldOptions extends Omit<ForgeClientOptions, "url"> {
  /** No page: the client runs on a server. */
  readonly page?: null;
  readonly random?: () => number;
  /** The page is opened in the background. */
  readonly hidden?: boolean;
  /** Sees every request as it is made. */
  readonly onFetch?: (init: RequestInit) => void;
}

export async function createWorld({
  page,
  random = () => 0.3,
  hidden = false,
  onFetch,
  ...options
}: WorldOptions = {}): Promise<World> {
  const server = await WireServer.open();
  const clock = new ManualClock();
  const testPage = new TestPage();
  testPage.document.hidden = hidden;
  const effects: Effects = {
    fetch: (url, init) => {
      onFetch?.(init);
      return fetch(url, init);
    },
    after: clock.after,
    random,
    uuid: () => crypto.randomUUID(),
    page: page === null ? null : testPage,
  };
  const client = createClient(() => ({ url: server.url, ...options }), effects);
  onTestFinished(async () => {
    client.close();
    await server.close();
  });
  return { server, clock, page: testPage, client };
}

/** Everything a store emits to one subscriber. */
export interface Recording<View> {
  readonly views: View[];
  readonly stop: () => void;
  /** The first view, from now on or of now, that passes. */
  readonly when: (passes: (view: View) => boolean) => Promise<View>;
}

export function record<View>(store: Store<View, unknown>): Recording<View> {
  const views: View[] = [];
  const waiting = new Set<(view: View) => void>();
  const stop = store.subscribe((view) => {
    views.push(view);
    for (const check of waiting) check(view);
  });
  return {
    views,
    stop,
    when: (passes) =>
      new Promise((resolve) => {
        const check = (view: View): void => {
          if (!passes(view)) return;
          waiting.delete(check);
          resolve(view);
        };
        waiting.add(check);
        check(store.get());
      }),
  };
}

/** A store that is live on a job, and what stands behind it. */
export interface Attached extends World {
  readonly id: string;
  readonly store: JobStore;
  readonly recording: Recording<JobView>;
  readonly events: Exchange;
  readonly stream: WireStream;
}

/** Opens a world with one store that is live on a running job of revision 1. */
export async function attach(options?: WorldOptions): Promise<Attached> {
  const world = await createWorld(options);
  const id = newId();
  const store = world.client.jobStore(id);
  const recording = record(store);
  const events = await world.server.next("/events");
  const stream = events.connect();
  stream.job(snapshot(id, 1));
  await recording.when((view) => view.connection === "live" && !view.loading);
  return { ...world, id, store, recording, events, stream };
}

/** A store that is live on a run, and what stands behind it. */
export interface AttachedRun extends World {
  readonly id: string;
  readonly store: WorkflowStore;
  readonly recording: Recording<WorkflowView>;
  readonly stream: WireStream;
}

/** Opens a world with one store that is live on a run of revision 1. */
export async function attachRun(options?: WorldOptions): Promise<AttachedRun> {
  const world = await createWorld(options);
  const id = newId();
  const store = world.client.workflowStore(id);
  const recording = record(store);
  const stream = (await world.server.next("/events")).connect();
  stream.workflow(runSnapshot(id, 1));
  await recording.when((view) => view.connection === "live" && !view.loading);
  return { ...world, id, store, recording, stream };
}
