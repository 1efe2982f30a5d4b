import { expect, test } from "vitest";
import { newId, snapshot } from "./wire-values.ts";
import { attach, BACKOFF_MS, createWorld, record } from "./world.ts";

test("every request carries the token, which is asked for once", async () => {
  let asked = 0;
  const { id, server, store, events } = await attach({
    getToken: () => {
      asked += 1;
      return Promise.resolve("t1");
    },
  });
  expect(events.headers.authorization).toBe("Bearer t1");
  const cancelled = store.cancel();
  const request = await server.next(`/jobs/${id}/cancel`);
  expect(request.headers.authorization).toBe("Bearer t1");
  request.ok(snapshot(id, 2, { status: "cancelled" }));
  await cancelled;
  expect(asked).toBe(1);
});

test("without a token no authorization is sent", async () => {
  const { server, client } = await createWorld({ getToken: () => null });
  client.jobStore(newId());
  expect((await server.next("/events")).headers).not.toHaveProperty("authorization");
});

test("requests that are answered 401 together share one refresh", async () => {
  const tokens = ["old", "new", "never"];
  const { server, client } = await createWorld({ getToken: () => tokens.shift()! });
  const first = record(client.createJobStore("export_users", {}));
  const second = record(client.createJobStore("export_users", {}));
  const requests = [await server.next("/rpc/export_users"), await server.next("/rpc/export_users")];
  for (const request of requests) {
    expect(request.headers.authorization).toBe("Bearer old");
    request.refuse(401, "UNAUTHENTICATED");
  }
  const again = [await server.next("/rpc/export_users"), await server.next("/rpc/export_users")];
  for (const request of again) {
    expect(request.headers.authorization).toBe("Bearer new");
    request.ok({ jobId: newId() });
  }
  await first.when((view) => view.jobId !== "");
  await second.when((view) => view.jobId !== "");
  expect(tokens).toEqual(["never"]);
});

test("a second 401 is a refusal", async () => {
  let asked = 0;
  const { server, client } = await createWorld({ getToken: () => `t${++asked}` });
  const store = client.createJobStore("export_users", {});
  const { done } = store;
  (await server.next("/rpc/export_users")).refuse(401, "UNAUTHENTICATED");
  (await server.next("/rpc/export_users")).refuse(401, "UNAUTHENTICATED", "Sign in again.");
  await expect(done).rejects.toMatchObject({ code: "UNAUTHENTICATED", message: "Sign in again." });
  expect(asked).toBe(2);
});

test("a stream that is answered 401 is asked for again with a fresh token", async () => {
  let asked = 0;
  const { server, client } = await createWorld({ getToken: () => `t${++asked}` });
  const recording = record(client.jobStore(newId()));
  (await server.next("/events")).refuse(401, "UNAUTHENTICATED");
  const events = await server.next("/events");
  expect(events.headers.authorization).toBe("Bearer t2");
  events.connect();
  await recording.when((view) => view.connection === "live");
});

test("a 401 without a way to a fresh token is not repeated", async () => {
  const { server, client } = await createWorld();
  const { done } = client.createJobStore("export_users", {});
  (await server.next("/rpc/export_users")).refuse(401, "UNAUTHENTICATED");
  await expect(done).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  expect(server.count("/rpc/export_users")).toBe(1);
});

test.each([
  ["rejects", () => Promise.reject(new Error("the identity provider is down"))],
  [
    "throws",
    () => {
      throw new Error("the identity provider is down");
    },
  ],
])("a token that %s counts as unreachable, and is asked for again", async (_, fail) => {
  let isWell = false;
  const { server, client, clock } = await createWorld({ getToken: () => (isWell ? "t1" : fail()) });
  const recording = record(client.createJobStore("export_users", {}));
  await recording.when((view) => view.connection === "offline");
  isWell = true;
  await clock.fire(BACKOFF_MS[0]);
  const request = await server.next("/rpc/export_users");
  expect(request.headers.authorization).toBe("Bearer t1");
});

test("cookies go along as the page says", async () => {
  const seen: (RequestCredentials | undefined)[] = [];
  const onFetch = (init: RequestInit): void => void seen.push(init.credentials);
  const plain = await createWorld({ onFetch });
  plain.client.jobStore(newId());
  await plain.server.next("/events");
  const across = await createWorld({ onFetch, credentials: "include" });
  across.client.jobStore(newId());
  await across.server.next("/events");
  expect(seen).toEqual(["same-origin", "include"]);
});
