import { expect, test } from "vitest";
import { until } from "./until.ts";
import { newId, runSnapshot, snapshot } from "./wire-values.ts";
import { attach, BACKOFF_MS, record } from "./world.ts";

test("revisions never go back", async () => {
  const { id, stream, recording } = await attach();
  stream.job(snapshot(id, 5, { progress: 50 }));
  stream.job(snapshot(id, 4, { progress: 40 }));
  stream.job(snapshot(id, 6, { progress: 60 }));
  await recording.when((view) => view.progress === 60);
  expect(recording.views.map(({ progress }) => progress)).not.toContain(40);
});

test("a snapshot without a revision is dropped", async () => {
  const { id, stream, recording } = await attach();
  stream.job({ jobId: id, status: "failed" });
  stream.job(snapshot(id, 2, { progress: 1 }));
  await recording.when((view) => view.progress === 1);
  expect(recording.views.map(({ status }) => status)).not.toContain("failed");
});

test("snapshots of others are ignored", async () => {
  const { id, stream, recording } = await attach();
  stream.job(snapshot(newId(), 9, { progress: 90 }));
  stream.workflow(runSnapshot(newId(), 9));
  stream.job(snapshot(id, 2, { progress: 1 }));
  await recording.when((view) => view.progress === 1);
});

test("a new stream asks from the last revision on", async () => {
  const { id, server, clock, stream, recording } = await attach();
  stream.job(snapshot(id, 8, { progress: 80 }));
  await recording.when((view) => view.progress === 80);
  stream.end();
  await clock.fire(BACKOFF_MS[0]);
  expect((await server.next("/events")).body.watch).toEqual([{ id, revision: 8 }]);
});

test("a new epoch voids every revision and asks for all states again", async () => {
  const { id, server, clock, stream, recording } = await attach();
  stream.job(snapshot(id, 8, { progress: 80 }));
  await recording.when((view) => view.progress === 80);
  stream.end();
  await clock.fire(BACKOFF_MS[0]);
  const restored = (await server.next("/events")).connect({ epoch: "epoch-2" });

  const change = await server.next("/subscribe");
  expect(change.body.add).toEqual([{ id, revision: 0 }]);
  expect(recording.views.at(-1)?.connection).toBe("connecting");
  change.ok({ states: [snapshot(id, 3, { progress: 30 })] });
  await recording.when((view) => view.progress === 30);
  restored.send("subscribed", { n: 1 });
  await recording.when((view) => view.connection === "live");
});

test("a job that a new epoch does not know is not found", async () => {
  const { id, server, clock, stream, recording } = await attach();
  stream.send("ping", {});
  stream.end();
  await clock.fire(BACKOFF_MS[0]);
  (await server.next("/events")).connect({ epoch: "epoch-2" });
  (await server.next("/subscribe")).ok({ states: [snapshot(id, 0, { status: "not_found" })] });
  await recording.when((view) => view.status === "not_found");
});

test("a job that was deleted after it completed keeps its output", async () => {
  const { id, stream, recording, server } = await attach();
  stream.job(snapshot(id, 2, { status: "completed", output: 7 }));
  await recording.when((view) => view.status === "completed");
  stream.job(snapshot(id, 0, { status: "not_found" }));
  await server.quiet();
  expect(recording.views.at(-1)).toMatchObject({ status: "completed", output: 7 });
});

test("an unfinished job that is gone is not found", async () => {
  const { id, stream, recording } = await attach();
  stream.job(snapshot(id, 0, { status: "not_found" }));
  await recording.when((view) => view.status === "not_found" && view.connection === "closed");
});

test("a partial state is read whole", async () => {
  const { id, server, store, stream, recording } = await attach();
  const { done } = store;
  stream.job(snapshot(id, 2, { status: "completed", partial: true }));
  const request = await server.next(`/jobs/${id}`);
  expect(request.method).toBe("GET");
  expect(recording.views.at(-1)?.status).toBe("running");
  request.ok(snapshot(id, 2, { status: "completed", output: "x".repeat(100_000) }));
  await expect(done).resolves.toHaveLength(100_000);
  await server.quiet();
  expect(server.count(`/jobs/${id}`)).toBe(1);
});

test("a partial state is read again until the gateway answers", async () => {
  const { id, server, clock, stream, recording } = await attach();
  stream.job(snapshot(id, 2, { status: "completed", partial: true }));
  (await server.next(`/jobs/${id}`)).drop();
  await clock.fire(BACKOFF_MS[0]);
  (await server.next(`/jobs/${id}`)).ok(snapshot(id, 2, { status: "completed", output: 7 }));
  await recording.when((view) => view.output === 7);
});

test("a partial state that is known already is not read again", async () => {
  const { id, server, stream, recording } = await attach();
  stream.job(snapshot(id, 2, { status: "completed", partial: true }));
  const request = await server.next(`/jobs/${id}`);
  stream.job(snapshot(id, 2, { status: "completed", partial: true }));
  stream.job(snapshot(id, 1, { status: "running", partial: true }));
  request.ok(snapshot(id, 2, { status: "completed", output: 7 }));
  await recording.when((view) => view.output === 7);
  await server.quiet();
  expect(server.count(`/jobs/${id}`)).toBe(1);
});

test("a whole state that was overtaken while it was read is dropped", async () => {
  const { id, server, stream, recording } = await attach();
  stream.job(snapshot(id, 2, { status: "completed", partial: true }));
  const request = await server.next(`/jobs/${id}`);
  stream.job(snapshot(id, 3, { status: "pending" }));
  await recording.when((view) => view.status === "pending");
  request.ok(snapshot(id, 2, { status: "completed", output: 7 }));
  await server.quiet();
  await server.quiet();
  expect(recording.views.map(({ status }) => status)).not.toContain("completed");
});

test("a partial state in an answer is read whole, too", async () => {
  const { server, client } = await attach();
  const id = newId();
  const store = client.jobStore(id);
  record(store);
  (await server.next("/subscribe")).ok({ states: [snapshot(id, 2, { status: "completed", partial: true })] });
  (await server.next(`/jobs/${id}`)).ok(snapshot(id, 2, { status: "completed", output: 7 }));
  await until(() => store.get().output === 7);
});
