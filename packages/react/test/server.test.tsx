// @vitest-environment node
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { WireServer } from "../../client/test/wire-server.ts";
import { newId, runSnapshot, snapshot } from "../../client/test/wire-values.ts";
import { configureForge, resetForge } from "../src/index.ts";
import { StartJob, StartRun, WatchJob, WatchRun } from "./panels.tsx";

test("a server renders the initial state and reaches for nothing", async () => {
  const server = await WireServer.open();
  configureForge({ url: server.url });
  const id = newId();
  expect(renderToString(<WatchJob id={id} initial={snapshot(id, 1, { progress: 40 })} />)).toContain(
    "<p>running 40 connecting</p>",
  );
  expect(renderToString(<WatchJob id={id} />)).toContain("<p>pending loading connecting</p>");
  expect(renderToString(<StartJob type="export_users" args={{}} />)).toContain("<p>nothing</p>");
  const waiting = runSnapshot(id, 1, { status: "waiting", waitingFor: "clicked" });
  expect(renderToString(<WatchRun id={id} initial={waiting} />)).toContain("<p>waiting clicked connecting</p>");
  expect(renderToString(<StartRun type="onboarding" args={{}} />)).toContain("<p>nothing</p>");
  await server.quiet();
  expect(server.log).toEqual([]);
  resetForge();
  await server.close();
});
