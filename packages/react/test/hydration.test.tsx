import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../../client/test/until.ts";
import { WireServer } from "../../client/test/wire-server.ts";
import { newId, snapshot } from "../../client/test/wire-values.ts";
import { configureForge, resetForge } from "../src/index.ts";
import { WatchJob } from "./panels.tsx";

let server: WireServer;

beforeEach(async () => {
  server = await WireServer.open();
  configureForge({ url: server.url });
});

afterEach(async () => {
  resetForge();
  await server.close();
});

test("a page that a server has rendered is taken over as it is, and goes live", async () => {
  const id = newId();
  const panel = <WatchJob id={id} initial={snapshot(id, 1, { progress: 40 })} />;
  const target = document.createElement("div");
  target.innerHTML = renderToString(panel);
  document.body.append(target);
  const errors: unknown[] = [];
  const root = hydrateRoot(target, panel, { onRecoverableError: (error) => errors.push(error) });
  (await server.next("/events")).connect().job(snapshot(id, 2, { progress: 50 }));
  await until(() => target.querySelector("p")?.textContent === "running 50 live");
  expect(errors).toEqual([]);
  root.unmount();
});
