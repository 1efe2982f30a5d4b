// @vitest-environment node
import { render } from "svelte/server";
import { expect, test } from "vitest";
import { WireServer } from "../../client/test/wire-server.ts";
import { newId, runSnapshot, snapshot } from "../../client/test/wire-values.ts";
import { configureForge, createJobStore, createWorkflowStore, resetForge } from "../src/index.ts";
import WatchJobRunes from "./watch-job-runes.svelte";
import WatchJob from "./watch-job.svelte";
import WatchRunRunes from "./watch-run-runes.svelte";
import WatchRun from "./watch-run.svelte";

test.each([
  ["$job", WatchJob],
  ["job.current", WatchJobRunes],
])("a server renders the initial state by %s and reaches for nothing", async (_, component) => {
  const server = await WireServer.open();
  configureForge({ url: server.url });
  const id = newId();
  const { body } = render(component, { props: { id, initial: snapshot(id, 1, { progress: 40 }) } });
  expect(body).toContain("<p>running 40 connecting</p>");
  createJobStore("export_users", {});
  await server.quiet();
  expect(server.log).toEqual([]);
  resetForge();
  await server.close();
});

test.each([
  ["$run", WatchRun],
  ["run.current", WatchRunRunes],
])("a server renders a run's initial state by %s and reaches for nothing", async (_, component) => {
  const server = await WireServer.open();
  configureForge({ url: server.url });
  const id = newId();
  const initial = runSnapshot(id, 1, { status: "waiting", waitingFor: "clicked" });
  const { body } = render(component, { props: { id, initial } });
  expect(body).toContain("<p>waiting clicked connecting</p>");
  createWorkflowStore("onboarding", {});
  await server.quiet();
  expect(server.log).toEqual([]);
  resetForge();
  await server.close();
});
